// Help, version, devices, and commands that are written wrong.

import { readFileSync } from "node:fs";
import { expect } from "chai";
import { parseTrain } from "../../lib/cli/options.js";
import { adastep } from "./support.js";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

describe("adastep: usage", () => {
  it("--version, -v", async () => {
    for (const flag of ["--version", "-v"]) {
      expect(await adastep([flag])).to.eql({ code: 0, stdout: `${version}\n`, stderr: "" });
    }
  });

  it("--help names every command and option, and so does no command at all", async () => {
    const help = await adastep(["--help"]);
    expect(help.code).to.equal(0);
    for (const word of [
      "train",
      "devices",
      "digits",
      "fashion-mnist",
      "--target",
      "--clip",
      "exit codes",
      "NO_COLOR",
    ]) {
      expect(help.stdout).to.include(word);
    }
    expect(await adastep([])).to.eql(help);
    expect(await adastep(["train", "--help"])).to.eql(help);
  });

  it("help and version need no native addon", async () => {
    const env = { ADASTEP_ADDON: "/nowhere.node" };
    expect((await adastep(["--version"], { env })).code).to.equal(0);
    const devices = await adastep(["devices"], { env });
    expect(devices.code).to.equal(1);
    expect(devices.stderr).to.include("/nowhere.node").and.not.include("    at ");
  });

  it("devices lists the CPU, and why there is no GPU", async () => {
    const { code, stdout } = await adastep(["devices"]);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^cpu:0 +.+ threads, [\d.]+ GiB$/m);
    expect(stdout).to.match(/^cuda:0 +(cannot be used: .+|.+ GiB)$/m);
  });

  const wrong: [title: string, words: string[], pattern: RegExp][] = [
    ["an unknown command", ["trian"], /got "trian", accepted: train, devices/],
    ["an unknown flag", ["train", "digits", "--epoch", "3"], /Unknown option '--epoch'/],
    ["an unknown flag of devices", ["devices", "--all"], /got "--all"/],
    ["no dataset", ["train"], /no dataset, accepted: "digits", "fashion-mnist" or a path that ends in .csv/],
    ["an unknown dataset", ["train", "mnist"], /got dataset "mnist", accepted: "digits"/],
    ["two datasets", ["train", "digits", "a.csv"], /got "a.csv" beside "digits"/],
    [
      "epochs that are no number",
      ["train", "digits", "--epochs", "many"],
      /--epochs: got "many", accepted: an integer/,
    ],
    ["half an epoch", ["train", "digits", "--epochs", "0.5"], /--epochs: got "0.5"/],
    ["a flag without its value", ["train", "digits", "--epochs"], /--epochs/],
    ["a learning rate of 0", ["train", "digits", "--lr", "0"], /--lr: got "0", accepted: a number above 0/],
    ["a negative learning rate", ["train", "digits", "--lr=-1"], /--lr: got "-1"/],
    ["a learning rate that is none", ["train", "digits", "--lr", "NaN"], /--lr: got "NaN"/],
    [
      "an unknown optimizer",
      ["train", "digits", "--optimizer", "adamax"],
      /--optimizer: got "adamax", accepted: adam, /,
    ],
    [
      "hidden sizes of 0",
      ["train", "digits", "--hidden", "64,0"],
      /--hidden: got "64,0", accepted: sizes such as/,
    ],
    ["an unknown device", ["train", "digits", "--device", "tpu"], /--device: got "tpu", accepted: auto, cpu/],
    ["threads of 0", ["train", "digits", "--threads", "0"], /--threads: got "0"/],
    ["a target for a named dataset", ["train", "digits", "--target", "x"], /--target: got one for "digits"/],
    ["an unknown task", ["train", "a.csv", "--task", "cluster"], /--task: got "cluster"/],
  ];
  for (const [title, words, pattern] of wrong) {
    it(`${title}: exit 2 and one line`, async () => {
      const { code, stdout, stderr } = await adastep(words);
      expect(stderr).to.match(pattern);
      expect(stderr.split("\n")).to.have.length(3); // the line, where help is, and the end
      expect(stderr).to.match(/^adastep: .+\nadastep --help shows what is accepted\n$/);
      expect(stdout).to.equal("");
      expect(code).to.equal(2);
    });
  }

  it("options become values, with the defaults of the dataset", () => {
    expect(parseTrain(["digits"])).to.include({
      optimizer: "adam",
      device: "auto",
      output: "digits.safetensors",
    });
    expect(parseTrain(["digits"]).source).to.eql({ kind: "named", name: "digits" });
    const words =
      "some/table.csv.gz --target y --task regression --hidden none --optimizer sgd --weight-decay 1e-4";
    const command = parseTrain([
      ...words.split(" "),
      "--clip=.5",
      "--seed",
      "7",
      "--threads",
      "1",
      "--no-header",
    ]);
    expect(command).to.deep.include({
      hidden: [],
      optimizer: "sgd",
      weightDecay: 1e-4,
      clip: 0.5,
      seed: 7,
      threads: 1,
    });
    expect(command.output).to.equal("table.safetensors");
    const path = "some/table.csv.gz";
    expect(command.source).to.eql({ kind: "csv", path, target: "y", task: "regression", header: false });
    expect(parseTrain(["a.csv", "--no-header", "--target", "3"]).source).to.include({ target: 3 });
    expect(parseTrain(["a.csv", "--target", "3"]).source).to.include({ target: "3" });
    expect(parseTrain(["a.csv"]).source).to.include({ target: -1 });
  });
});
