// `adastep train` from end to end: what it prints, what it writes, how it ends.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import {
  Adam,
  Device,
  decodeSafetensors,
  Linear,
  loadModel,
  meanSquaredError,
  relu,
  Sequential,
  Trainer,
} from "../../lib/index.js";
import { random } from "../support/numbers.js";
import { adastep, inFolder } from "./support.js";

const ESCAPE = "\u001b";

/** A table of 120 rows: a and b on scales far apart, and the number 3 a - b / 500 + 10 or whether it is above 10. */
function table(label: "number" | "class"): string {
  const next = random(4);
  const rows = Array.from({ length: 120 }, () => {
    const [a, b] = [next() * 2 - 1, 1000 * next() + 5000];
    const value = 3 * a - b / 500 + 10;
    return `${a},${b},${label === "number" ? value : value > -1 ? "high" : "low"}`;
  });
  return ["a,b,result", ...rows, ""].join("\n");
}

describe("adastep train", function () {
  this.timeout(120_000);

  it("digits reach 97 %, one line per epoch without escapes, and the file can be read", () =>
    inFolder(async (cwd) => {
      const { code, stdout, stderr } = await adastep(["train", "digits"], { cwd });
      expect(stderr).to.equal("");
      expect(code).to.equal(0);
      expect(stdout).not.to.include(ESCAPE);
      expect(
        stdout.match(/^epoch +\d+\/\d+ {2}loss [\d.]+ {2}accuracy [\d.]+ % {2}[\d,]+ examples\/s$/gm),
      ).to.have.length(40);
      expect(stdout).to.match(/^device +(cpu|cuda):0 \(.+\)$/m);
      expect(stdout).to.match(/^ +1,438 examples to train on, 359 held out$/m);
      const accuracy = Number(/^held out +accuracy ([\d.]+) %/m.exec(stdout)?.[1]);
      expect(accuracy).to.be.at.least(97);
      const path = /^saved +(.+)$/m.exec(stdout)?.[1] ?? "";
      expect(path).to.equal(join(cwd, "digits.safetensors"));
      const { tensors, metadata } = decodeSafetensors(await readFile(path));
      expect(tensors["0.weight"]?.shape).to.eql([256, 64]);
      expect(metadata).to.include({ format: "pt", dataset: "digits", optimizer: "adam", seed: "0" });
    }));

  it("a CSV of classes, with the options that are asked for", () =>
    inFolder(async (cwd) => {
      await writeFile(join(cwd, "levels.csv"), table("class"));
      const options =
        "--target result --epochs 40 --lr 0.02 --optimizer adamw --hidden 16 --clip 1 --threads 1 --output my.st";
      const { code, stdout, stderr } = await adastep(["train", "levels.csv", ...options.split(" ")], { cwd });
      expect(stderr).to.equal("");
      expect(code).to.equal(0);
      expect(stdout).to.match(/Sequential\(Linear\(2, 16\), relu, Linear\(16, 2\)\), 82 parameters/);
      expect(stdout).to.match(/^optimizer +adamw, lr 0.02, seed 0$/m);
      expect(Number(/^held out +accuracy ([\d.]+) %/m.exec(stdout)?.[1])).to.be.at.least(90);
      const { metadata } = decodeSafetensors(await readFile(join(cwd, "my.st")));
      expect(metadata).to.include({ classes: '["high","low"]', features: '["a","b"]', target: "result" });
    }));

  it("a regression saves a model that takes and gives the numbers of the file", () =>
    inFolder(async (cwd) => {
      await writeFile(join(cwd, "numbers.csv"), table("number"));
      const words = ["train", "numbers.csv", "--task", "regression", "--epochs", "100", "--hidden", "8,8"];
      const { code, stdout } = await adastep(words, { cwd });
      expect(code).to.equal(0);
      expect(Number(/^held out +error ([\d.]+) /m.exec(stdout)?.[1])).to.be.below(0.3);

      using device = await Device.open("cpu");
      const layers = [new Linear(2, 8), relu, new Linear(8, 8), relu, new Linear(8, 1)];
      using model = new Sequential(...layers).to(device);
      await loadModel(model, join(cwd, "numbers.safetensors"));
      using optimizer = new Adam(model.parameters());
      await using trainer = new Trainer({ device, model, loss: meanSquaredError, optimizer });
      const points = [-0.5, 5200, 0.8, 5900, 0, 5500];
      const { data } = await trainer.predict({ data: Float32Array.from(points), shape: [2] });
      data.forEach((value, i) => {
        const [a = 0, b = 0] = points.slice(2 * i, 2 * i + 2);
        expect(value).to.be.closeTo(3 * a - b / 500 + 10, 0.6);
      });
    }));

  it("the same seed gives the same file, another seed another one", () =>
    inFolder(async (cwd) => {
      const bytes = async (seed: string): Promise<string> => {
        const words = ["train", "digits", "--epochs", "1", "--seed", seed, "--output", "m.st"];
        expect((await adastep(words, { cwd })).code).to.equal(0);
        return (await readFile(join(cwd, "m.st"))).toString("hex");
      };
      const first = await bytes("3");
      expect(await bytes("3")).to.equal(first);
      expect(await bytes("4")).not.to.equal(first);
    }));

  it("every optimizer learns with its default learning rate", () =>
    inFolder(async (cwd) => {
      for (const optimizer of ["adam", "adamw", "adagrad", "sgd"]) {
        const { stdout } = await adastep(["train", "digits", "--epochs", "8", "--optimizer", optimizer], {
          cwd,
        });
        expect(Number(/^held out +accuracy ([\d.]+) %/m.exec(stdout)?.[1]), optimizer).to.be.at.least(93);
      }
    }));

  it("a terminal gets a bar, with colours unless NO_COLOR says no", () =>
    inFolder(async (cwd) => {
      const words = ["train", "digits", "--epochs", "3"];
      const colored = await adastep(words, { cwd, terminal: true });
      expect(colored.code).to.equal(0);
      expect(colored.stdout).to.match(
        /epoch 3\/3 .*100 % \| loss [\d.]+ \| accuracy [\d.]+ % \| [\d,]+ examples\/s/,
      );
      expect(colored.stdout).to.include(`${ESCAPE}[36m`);
      const plain = await adastep(words, { cwd, terminal: true, env: { NO_COLOR: "1" } });
      expect(plain.stdout)
        .to.include("100 %")
        .and.not.include(`${ESCAPE}[36m`)
        .and.not.include(`${ESCAPE}[1m`);
    }));

  it("Ctrl-C ends it cleanly and saves", () =>
    inFolder(async (cwd) => {
      let sent = false;
      const { code, stdout, stderr } = await adastep(["train", "digits", "--epochs", "100000"], {
        cwd,
        watch: (soFar, child) => {
          if (sent || !/^epoch +2\//m.test(soFar)) return;
          sent = true;
          child.kill("SIGINT");
        },
      });
      expect(stderr).to.equal("");
      expect(code).to.equal(0);
      expect(stdout).to.match(/^stopped +after step \d+ of \d+/m);
      expect(stdout).to.match(/^held out +accuracy/m);
      expect(decodeSafetensors(await readFile(join(cwd, "digits.safetensors"))).tensors).to.have.property(
        "2.bias",
      );
    }));

  it("a second Ctrl-C exits at once, with nothing saved", () =>
    inFolder(async (cwd) => {
      let sent = 0;
      // Steps of a second or so, so that the second signal comes while the first is waited for.
      const words = ["train", "digits", "--hidden", "4096,4096", "--batch-size", "1024", "--output", "m.st"];
      const { code, stderr } = await adastep(words, {
        cwd,
        watch: (soFar, child) => {
          if (sent > 0 || !/^device/m.test(soFar)) return;
          sent = 1;
          setTimeout(() => child.kill("SIGINT"), 300);
          setTimeout(() => child.kill("SIGINT"), 400);
        },
      });
      expect(stderr).to.equal("");
      expect(code).to.equal(130);
      expect(await readdir(cwd)).to.eql([]);
    }));

  it("a reader that leaves early ends it, without a stack", () =>
    inFolder(async (cwd) => {
      const { code, stderr } = await adastep(["train", "digits", "--epochs", "100000"], {
        cwd,
        watch: (_, child) => child.stdout?.destroy(),
      });
      expect(stderr).to.equal("");
      expect(code).to.equal(0);
    }));

  const failures: [title: string, text: string | undefined, options: string[], pattern: RegExp][] = [
    ["a CSV that is cut short", "a,b,y\n1,2,p\n3,4", [], /t\.csv, line 3: got 2 fields, accepted: 3 fields/],
    ["a CSV that is missing", undefined, [], /t\.csv: got .+, accepted/],
    [
      "a target that is no column",
      table("class"),
      ["--target", "z"],
      /t\.csv, 'target': got "z", accepted: .*a, b, result/,
    ],
    ["a CSV with too few rows", "a,y\n1,p\n2,q\n", [], /t\.csv: got 2 rows, accepted: 10 or more/],
    [
      "a folder that does not exist",
      table("class"),
      ["--epochs", "1", "--output", "no/such.st"],
      /no\/such\.st/,
    ],
    [
      "a loss that is no number",
      table("number"),
      ["--task", "regression", "--optimizer", "sgd", "--lr", "1e20"],
      /the loss is (NaN|Infinity) after epoch/,
    ],
  ];
  for (const [title, text, options, pattern] of failures) {
    it(`${title}: exit 1 and one line, no stack`, () =>
      inFolder(async (cwd) => {
        if (text !== undefined) await writeFile(join(cwd, "t.csv"), text);
        const { code, stderr } = await adastep(["train", "t.csv", ...options], { cwd });
        expect(stderr)
          .to.match(pattern)
          .and.match(/^adastep: [^\n]+\n$/);
        expect(code).to.equal(1);
        const debugged = await adastep(["train", "t.csv", ...options], { cwd, env: { DEBUG: "1" } });
        expect(debugged.stderr).to.include("    at ");
      }));
  }

  it("a GPU that is not there: exit 1 and the reason", async function () {
    const { stdout } = await adastep(["devices"]);
    if (!/^cuda:0 +cannot be used/m.test(stdout)) this.skip(); // this machine has one
    const { code, stderr } = await adastep(["train", "digits", "--device", "cuda"]);
    expect(stderr).to.match(/^adastep: cuda cannot be used: .+\n$/);
    expect(code).to.equal(1);
  });

  it("Fashion-MNIST that is not installed: the package to install", async () => {
    const { code, stderr } = await adastep(["train", "fashion-mnist"], { env: { ADASTEP_DATA: "/nowhere" } });
    expect(stderr).to.match(/^adastep: \/nowhere.*apt-get install dataset-fashion-mnist.*\n$/);
    expect(code).to.equal(1);
  });
});
