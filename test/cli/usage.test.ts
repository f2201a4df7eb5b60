// Help, version, and commands that are written wrong.

import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { EXIT_MEANINGS } from "../../lib/cli/errors.js";
import { ENVIRONMENT } from "../../lib/cli/help.js";
import { VERBS } from "../../lib/cli/verbs.js";
import { adastep, inFolder } from "./support.js";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

/** Text without the breaks of its lines. */
const flat = (text: string): string => text.replace(/\s+/g, " ");

describe("adastep: usage", function () {
  this.timeout(60_000);

  it("--version, -v", async () => {
    for (const flag of ["--version", "-v"]) {
      expect(await adastep([flag])).to.eql({ code: 0, stdout: `${version}\n`, stderr: "" });
    }
  });

  it("--help names every verb, exit code and variable, and so does no command at all", async () => {
    const help = await adastep(["--help"]);
    expect(help.code).to.equal(0);
    const text = flat(help.stdout);
    for (const { name, summary } of VERBS) expect(text).to.include(`${name} ${summary}`);
    for (const [code, meaning] of EXIT_MEANINGS) expect(text).to.include(`${code} ${meaning}`);
    for (const [name, meaning] of ENVIRONMENT) expect(text).to.include(`${name} ${meaning}`);
    expect(await adastep([])).to.eql(help);
    expect(await adastep(["help"])).to.eql(help);
  });

  for (const { name, operands, flags, summary } of VERBS) {
    it(`${name} --help names what it takes`, async () => {
      const help = await adastep([name, "--help"]);
      expect(help.code).to.equal(0);
      const text = flat(help.stdout);
      expect(text).to.include(summary);
      for (const operand of operands) expect(text).to.include(`${operand.name} ${operand.help}`);
      for (const [flag, { value, help: about }] of Object.entries(flags))
        expect(text).to.include(`--${[flag, value].filter(Boolean).join(" ")} ${about}`);
      expect(await adastep(["help", name])).to.eql(help);
    });

    it(`${name}: an unknown flag, a word too many and one too few: exit 2 and one line`, async () => {
      const enough = operands.map(() => "x.csv");
      const cases: [string[], RegExp][] = [[[...enough, "--wings"], /Unknown option '--wings'/]];
      if (!operands.at(-1)?.many)
        cases.push([[...enough, "extra"], /got "extra" beside the rest, accepted: /]);
      const needed = operands.filter(({ optional }) => !optional).length;
      if (needed > 0) cases.push([enough.slice(0, needed - 1), /got no <[a-z]+>, accepted: /]);
      for (const [words, pattern] of cases) {
        const { code, stdout, stderr } = await adastep([name, ...words]);
        expect(stderr).to.match(pattern);
        expect(stderr).to.match(/^adastep: .+\nadastep --help shows what is accepted\n$/);
        expect(stdout).to.equal("");
        expect(code).to.equal(2);
      }
    });
  }

  it("help and version need no native addon", async () => {
    const env = { ADASTEP_ADDON: "/nowhere.node" };
    for (const words of [["--version"], ["--help"], ["train", "--help"]])
      expect((await adastep(words, { env })).code).to.equal(0);
    expect((await adastep(["train", "digits", "--lr", "0"], { env })).code).to.equal(2);
    const devices = await adastep(["devices"], { env });
    expect(devices.code).to.equal(1);
    expect(devices.stderr).to.include("/nowhere.node").and.not.include("    at ");
  });

  const wrong: [title: string, words: string[], pattern: RegExp][] = [
    ["an unknown verb", ["trian"], /adastep: got "trian", accepted: train, resume, /],
    ["an unknown dataset", ["train", "mnist"], /train: got dataset "mnist", accepted: digits, fashion-mnist/],
    [
      "epochs that are no number",
      ["train", "digits", "--epochs", "many"],
      /--epochs: got "many", accepted: an integer, 1 or more/,
    ],
    ["half an epoch", ["train", "digits", "--epochs", "0.5"], /--epochs: got "0.5"/],
    ["a flag without its value", ["train", "digits", "--epochs"], /--epochs: got no value, accepted: <n>$/m],
    [
      "a flag before another",
      ["train", "digits", "--run", "--json"],
      /--run: got no value, accepted: <folder>; one that starts with a dash as --run=-\.\.\.$/m,
    ],
    [
      "negative epochs",
      ["train", "digits", "--epochs", "-1"],
      /--epochs: got "-1", accepted: an integer, 1 or/,
    ],
    ["a switch with a value", ["train", "digits", "--json=yes"], /--json: got a value, accepted: none/],
    ["a negative number after a switch", ["train", "digits", "--json", "-1"], /Unknown option '-1'/],
    [
      "a negative number after all flags",
      ["train", "digits", "--", "--epochs", "-1"],
      /got "--epochs" beside/,
    ],
    ["a learning rate of 0", ["train", "digits", "--lr", "0"], /--lr: got "0", accepted: a number above 0/],
    ["a negative learning rate", ["train", "digits", "--lr=-1"], /--lr: got "-1"/],
    ["a learning rate that is none", ["train", "digits", "--lr", "NaN"], /--lr: got "NaN"/],
    ["an empty name", ["train", "digits", "--run", ""], /--run: got "", accepted: a text that is not empty/],
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
    [
      "a target for a named dataset",
      ["train", "digits", "--target", "x"],
      /--target: got one for "digits", accepted: only for a file/,
    ],
    ["an unknown task", ["train", "a.csv", "--task", "cluster"], /--task: got "cluster"/],
    ["fields without a name", ["train", "a.csv", "--ignore", "a,,b"], /--ignore: got "a,,b"/],
    [
      "no header where there is none",
      ["data", "a.jsonl", "--no-header"],
      /--no-header: got one for a.jsonl, accepted: only for CSV/,
    ],
    ["data of an unknown kind", ["data", "a.xls"], /data: got "a.xls", accepted: a file that ends in .csv/],
    ["a rate for the search of one", ["lr-find", "digits", "--lr", "1"], /Unknown option '--lr'/],
  ];
  for (const [title, words, pattern] of wrong) {
    it(`${title}: exit 2 and one line`, async () => {
      const { code, stdout, stderr } = await adastep(words);
      expect(stderr).to.match(pattern);
      expect(stderr).to.match(/^adastep: .+\nadastep --help shows what is accepted\n$/);
      expect(stdout).to.equal("");
      expect(code).to.equal(2);
    });
  }

  const configs: [title: string, text: string, pattern: RegExp][] = [
    ["no JSON", "{", /c\.json: got .+, accepted: JSON/],
    ["no object", "[1]", /c\.json: got \[1\], accepted: an object of options/],
    ["an unknown key", '{"epoch": 3}', /c\.json: option: got "epoch", accepted: dataset, target, .*epochs/],
    ["a value out of range", '{"epochs": 0}', /c\.json: "epochs": got "0", accepted: an integer/],
    [
      "a value of another kind",
      '{"epochs": {}}',
      /c\.json: "epochs": got an object, accepted: a text, a number/,
    ],
    ["a switch that is a text", '{"json": "yes"}', /c\.json: "json": got "yes", accepted: true or false/],
    ["null", '{"lr": null}', /c\.json: "lr": got null/],
    ["another configuration", '{"config": "d.json"}', /c\.json: option: got "config"/],
  ];
  for (const [title, text, pattern] of configs) {
    it(`a configuration file with ${title}: exit 2`, () =>
      inFolder(async (cwd) => {
        await writeFile(join(cwd, "c.json"), text);
        const { code, stderr } = await adastep(["train", "digits", "--config", "c.json"], { cwd });
        expect(stderr).to.match(pattern);
        expect(code).to.equal(2);
      }));
  }

  it("a configuration file that is missing: exit 2", async () => {
    const { code, stderr } = await adastep(["train", "--config", "nowhere.json"]);
    expect(stderr).to.match(/--config nowhere\.json: got ENOENT.+, accepted: a file that can be read/);
    expect(code).to.equal(2);
  });
});
