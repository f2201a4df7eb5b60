// `adastep train` from end to end: what it prints, what it writes, how it ends.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { parquetWriteBuffer } from "hyparquet-writer";
import { decodeSafetensors } from "../../lib/index.js";
import { adastep, endOf, inFolder, linesOf } from "./support.js";
import { rents, rentsCsv, rentsJsonl, table } from "./tables.js";

const ESCAPE = "\u001b";

describe("adastep train", function () {
  this.timeout(120_000);

  it("digits reach 97 %, lines of JSON without escapes, and a folder with all there is to know", () =>
    inFolder(async (cwd) => {
      const outcome = await adastep(["train", "digits"], { cwd });
      expect(outcome.stderr).to.equal("");
      expect(outcome.code).to.equal(0);
      expect(outcome.stdout).not.to.include(ESCAPE);
      const [begin, ...lines] = linesOf(outcome.stdout);
      expect(begin).to.include({
        type: "begin",
        examples: 1438,
        heldOut: 359,
        optimizer: "adam",
        seed: 0,
        step: 0,
      });
      expect(begin?.device).to.match(/^(cpu|cuda):0 \(.+\)$/);
      const evaluations = lines.filter(({ type }) => type === "eval");
      expect(evaluations.map(({ epoch }) => epoch)).to.eql(Array.from({ length: 40 }, (_, i) => i + 1));
      const end = endOf(outcome);
      expect(end).to.include({ reason: "completed", step: 1800, epoch: 40, model: join(cwd, "runs/digits") });
      expect(end.heldOut?.accuracy).to.be.at.least(0.97);
      expect(end.heldOut).to.eql(evaluations.at(-1)?.heldOut);

      const run = join(cwd, "runs/digits");
      expect((await readdir(run)).sort()).to.eql([
        "checkpoints",
        "config.json",
        "events.jsonl",
        "model.json",
        "model.safetensors",
        "run.json",
      ]);
      expect(await readdir(join(run, "checkpoints"))).to.have.length.within(1, 3);
      const { tensors, metadata } = decodeSafetensors(await readFile(join(run, "model.safetensors")));
      expect(tensors["0.weight"]?.shape).to.eql([256, 64]);
      expect(metadata).to.include({ format: "pt" });
      const model = JSON.parse(await readFile(join(run, "model.json"), "utf8"));
      const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
      expect(model).to.deep.include({
        format: "adastep model 1",
        adastep: version,
        network: { inputs: 64, hidden: [256], outputs: 10 },
        target: "label",
      });
      expect(model.encodings.y.labels).to.eql(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    }));

  it("a second run of a dataset has a folder of its own; one that holds a run is not written to", () =>
    inFolder(async (cwd) => {
      const words = ["train", "digits", "--epochs", "1"];
      await adastep(words, { cwd });
      expect(endOf(await adastep(words, { cwd })).model).to.equal(join(cwd, "runs/digits-2"));
      const before = await readFile(join(cwd, "runs/digits/model.safetensors"));
      const { code, stderr } = await adastep([...words, "--seed", "1", "--run", "runs/digits"], { cwd });
      expect(stderr).to.match(
        /--run runs\/digits: got a folder with run\.json, .*adastep resume runs\/digits/,
      );
      expect(code).to.equal(1);
      expect(await readFile(join(cwd, "runs/digits/model.safetensors"))).to.eql(before);
    }));

  it("writes no two checkpoints of epochs within a second, and one at the end", () =>
    inFolder(async (cwd) => {
      await writeFile(join(cwd, "t.csv"), "a,label\n".concat("1,x\n2,y\n".repeat(10)));
      const outcome = await adastep(["train", "t.csv", "--epochs", "400", "--run", "r"], { cwd });
      const { step } = endOf(outcome);
      const written = (await readFile(join(cwd, "r/events.jsonl"), "utf8"))
        .split("\n")
        .filter((line) => line.includes('"checkpoint"'))
        .map((line) => JSON.parse(line) as { step: number; at: number });
      expect(written.at(-1)?.step).to.equal(step);
      for (const [i, { at }] of written.slice(0, -1).entries())
        expect(at - (written[i - 1]?.at ?? 0), `checkpoint ${i}`).to.be.at.least(0.95);
    }));

  it("a CSV of classes, with the options that are asked for", () =>
    inFolder(async (cwd) => {
      await writeFile(join(cwd, "levels.csv"), table("class"));
      const options =
        "--target result --epochs 40 --lr 0.02 --optimizer adamw --hidden 16 --clip 1 --threads 1 --run my/run";
      const outcome = await adastep(["train", "levels.csv", ...options.split(" ")], { cwd });
      expect(outcome.stderr).to.equal("");
      expect(outcome.code).to.equal(0);
      expect(linesOf(outcome.stdout)[0]).to.include({
        model: "Sequential(Linear(2, 16), relu, Linear(16, 2))",
        parameters: 82,
        optimizer: "adamw",
        lr: 0.02,
      });
      expect(endOf(outcome).heldOut?.accuracy).to.be.at.least(0.9);
      const model = JSON.parse(await readFile(join(cwd, "my/run/model.json"), "utf8"));
      expect(model.encodings.y.labels).to.eql(["high", "low"]);
      expect(model.features).to.eql([{ name: "a" }, { name: "b" }]);
    }));

  it("CSV, JSON lines and Parquet of the same records give the same bits; labels are inputs, too", () =>
    inFolder(async (cwd) => {
      const rows = rents();
      await writeFile(join(cwd, "rents.csv"), rentsCsv(rows));
      await writeFile(join(cwd, "rents.ndjson"), rentsJsonl(rows));
      const columnData = (["id", "area", "rooms", "town", "rent"] as const).map((name) => ({
        name,
        data: rows.map((row) => row[name]),
      }));
      await writeFile(join(cwd, "rents.parquet"), new Uint8Array(parquetWriteBuffer({ columnData })));
      const options = ["--task", "regression", "--ignore", "id", "--epochs", "30"];
      const models: string[] = [];
      for (const ending of ["csv", "ndjson", "parquet"]) {
        const words = ["train", `rents.${ending}`, ...options, "--run", ending];
        const outcome = await adastep(words, { cwd });
        expect(outcome.stderr).to.equal("");
        // The noise alone has a deviation of 5.8; rents range over 1,700.
        expect(endOf(outcome).heldOut?.rmse).to.be.below(40);
        models.push((await readFile(join(cwd, ending, "model.safetensors"))).toString("hex"));
      }
      expect(models[1]).to.equal(models[0]);
      expect(models[2]).to.equal(models[0]);
    }));

  it("integers in any spelling are one class", () =>
    inFolder(async (cwd) => {
      const rows = Array.from({ length: 40 }, (_, i) => `${i},${["1", "01", "1.0", "2"][i % 4]}`);
      await writeFile(join(cwd, "t.csv"), ["x,y", ...rows, ""].join("\n"));
      expect((await adastep(["train", "t.csv", "--epochs", "1", "--run", "r"], { cwd })).code).to.equal(0);
      const { encodings } = JSON.parse(await readFile(join(cwd, "r/model.json"), "utf8"));
      expect(encodings.y.labels).to.eql(["1", "2"]);
      const { examples, classes } = JSON.parse(
        (await adastep(["evaluate", "r", "t.csv", "--json"], { cwd })).stdout,
      );
      expect(examples).to.equal(40);
      expect(classes.map((row: { examples: number }) => row.examples)).to.eql([30, 10]);
    }));

  it("the same seed gives the same file, another seed another one", () =>
    inFolder(async (cwd) => {
      const bytes = async (seed: string, run: string): Promise<string> => {
        const words = ["train", "digits", "--epochs", "1", "--seed", seed, "--run", run];
        expect((await adastep(words, { cwd })).code).to.equal(0);
        return (await readFile(join(cwd, run, "model.safetensors"))).toString("hex");
      };
      const first = await bytes("3", "a");
      expect(await bytes("3", "b")).to.equal(first);
      expect(await bytes("4", "c")).not.to.equal(first);
    }));

  it("every optimizer learns with its default learning rate", () =>
    inFolder(async (cwd) => {
      for (const optimizer of ["adam", "adamw", "adagrad", "sgd"]) {
        const outcome = await adastep(["train", "digits", "--epochs", "8", "--optimizer", optimizer], {
          cwd,
        });
        expect(endOf(outcome).heldOut?.accuracy, optimizer).to.be.at.least(0.93);
      }
    }));

  it("a configuration file gives what the words do not say, and the words win", () =>
    inFolder(async (cwd) => {
      const config = {
        dataset: "digits",
        epochs: 2,
        hidden: [16, 8],
        "weight-decay": 0.1,
        run: "from-file",
        lr: 0.5,
      };
      await writeFile(join(cwd, "c.json"), JSON.stringify(config));
      const outcome = await adastep(["train", "--config", "c.json", "--lr", "1e-3"], { cwd });
      expect(outcome.stderr).to.equal("");
      const [begin] = linesOf(outcome.stdout);
      expect(begin).to.include({ epochs: 2, lr: 1e-3, run: join(cwd, "from-file") });
      expect(begin?.model).to.include("Linear(64, 16), relu, Linear(16, 8)");
      const run = JSON.parse(await readFile(join(cwd, "from-file/run.json"), "utf8"));
      expect(run.options).to.deep.include({
        dataset: "digits",
        "weight-decay": 0.1,
        hidden: [16, 8],
        lr: 1e-3,
      });
    }));

  it("accumulated batches are one; --patience stops early, with the best model", () =>
    inFolder(async (cwd) => {
      const words = ["train", "digits", "--epochs", "2", "--batch-size", "16", "--accumulate", "4"];
      expect(endOf(await adastep(words, { cwd })).step).to.equal(2 * Math.ceil(1438 / 16 / 4));
      const early = await adastep(["train", "digits", "--epochs", "200", "--lr", "0.01", "--patience", "2"], {
        cwd,
      });
      const end = endOf(early);
      expect(end.reason).to.equal("stoppedEarly");
      const losses = linesOf(early.stdout).flatMap(({ type, heldOut }) =>
        type === "eval" && heldOut ? [heldOut.loss] : [],
      );
      expect(end.heldOut?.loss).to.equal(Math.min(...losses));
      expect(losses.at(-1)).to.be.above(Math.min(...losses));
    }));

  it("--precision bf16 gets where f32 gets, another way", () =>
    inFolder(async (cwd) => {
      const loss = async (...precision: string[]): Promise<number> => {
        const words = ["train", "digits", "--epochs", "4", ...precision];
        return endOf(await adastep(words, { cwd })).heldOut?.loss ?? Number.NaN;
      };
      const [plain, mixed] = [await loss(), await loss("--precision", "bf16")];
      expect(mixed).to.not.equal(plain);
      expect(mixed).to.be.closeTo(plain, 0.05 * plain);
    }));

  it("lines for steps come in intervals", () =>
    inFolder(async (cwd) => {
      const steps = async (interval: string): Promise<number> => {
        const words = ["train", "digits", "--epochs", "2", "--interval", interval];
        return linesOf((await adastep(words, { cwd })).stdout).filter(({ type }) => type === "step").length;
      };
      expect(await steps("0")).to.equal(90);
      expect(await steps("1000")).to.equal(0);
    }));

  it("a terminal gets a bar, with colours unless NO_COLOR says no, and JSON if that is asked for", () =>
    inFolder(async (cwd) => {
      const words = ["train", "digits", "--epochs", "3"];
      const colored = await adastep(words, { cwd, terminal: true });
      expect(colored.code).to.equal(0);
      expect(colored.stdout).to.match(
        /epoch 3\/3 .*100 % \| loss [\d.]+ \| accuracy [\d.]+ % \| [\d,]+ examples\/s/,
      );
      expect(colored.stdout)
        .to.include(`${ESCAPE}[36m`)
        .and.match(/held out.+accuracy [\d.]+ %, 359 examples/);
      const plain = await adastep(words, { cwd, terminal: true, env: { NO_COLOR: "1" } });
      expect(plain.stdout)
        .to.include("100 %")
        .and.not.include(`${ESCAPE}[36m`)
        .and.not.include(`${ESCAPE}[1m`);
      const json = await adastep([...words, "--json"], { cwd, terminal: true });
      expect(linesOf(json.stdout.replaceAll("\r\n", "\n")).at(-1)?.type).to.equal("end");
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
    ["a CSV without a header", "1.5,7.25,p\n3.1,4.2,q\n", [], /t\.csv, header: got numbers, .*--no-header/],
    [
      "a target that is no column",
      table("class"),
      ["--target", "z"],
      /t\.csv, 'target': got "z", accepted: .*a, b, result/,
    ],
    ["a field to ignore that is no column", table("class"), ["--ignore", "z"], /t\.csv, 'ignore': got "z"/],
    ["a CSV with too few rows", "a,y\n1,p\n2,q\n", [], /t\.csv: got 2 records, accepted: 10 or more/],
    [
      "numbers as classes",
      table("number"),
      [],
      /field "result": got \d+ numbers that are no integers, .*--task regression/,
    ],
    [
      "classes as numbers",
      table("class"),
      ["--task", "regression"],
      /field "result": got 120 values that are no numbers, .*--task classification/,
    ],
    [
      "a value that is missing",
      table("class").replace("\n", "\n,1,low\n"),
      [],
      /field "a": got 1 records without a value, .*--ignore a/,
    ],
    [
      "a text among numbers",
      table("class").replace("\n", "\n?,1,low\n"),
      [],
      /field "a": got 1 texts among numbers/,
    ],
    [
      "a folder that cannot be made",
      table("class"),
      ["--epochs", "1", "--run", "t.csv/run"],
      /t\.csv\/run: got .+, accepted: a folder that can be made/,
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
    await inFolder(async (cwd) => {
      const { code, stderr } = await adastep(["train", "digits", "--device", "cuda"], { cwd });
      expect(stderr).to.match(/^adastep: cuda cannot be used: .+\n$/);
      expect(code).to.equal(1);
    });
  });

  it("Fashion-MNIST that is not installed: the package to install", async () => {
    const { code, stderr } = await adastep(["train", "fashion-mnist"], { env: { ADASTEP_DATA: "/nowhere" } });
    expect(stderr).to.match(/^adastep: \/nowhere.*apt-get install dataset-fashion-mnist.*\n$/);
    expect(code).to.equal(1);
  });
});
