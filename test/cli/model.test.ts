// What is done with a model that was trained: evaluate, predict, export, inspect. Answers are held against a forward pass in double,
// from the files that the run wrote.

import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { decodeSafetensors, namedDataset, readNpy } from "../../lib/index.js";
import { adastep, endOf, inFolder, type Line, linesOf, trainRents } from "./support.js";
import { type Rent, rentInput, rents, rentsCsv, rentsJsonl, table } from "./tables.js";

type Layers = Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

/** Affine layers with ReLU between them, in double. */
function forward(layers: Layers, input: readonly number[]): number[] {
  const names = Object.keys(layers).flatMap((name) => (name.endsWith("weight") ? [name.slice(0, -6)] : []));
  names.sort();
  return names.reduce((x: readonly number[], name, i) => {
    const { shape, data } = layers[`${name}weight`] as Layers[string];
    const [outputs = 0, inputs = 0] = shape;
    const bias = (layers[`${name}bias`] as Layers[string]).data;
    const y = Array.from({ length: outputs }, (_, o) =>
      x.reduce((sum, value, j) => sum + value * (data[o * inputs + j] as number), bias[o] as number),
    );
    return i === names.length - 1 ? y : y.map((value) => Math.max(0, value));
  }, input) as number[];
}

const layersOf = async (path: string): Promise<Layers> =>
  decodeSafetensors(await readFile(path)).tensors as unknown as Layers;

/** The rents' answers in double, by the model's files. */
async function expectedRents(run: string, rows: readonly Rent[]): Promise<number[]> {
  const layers = await layersOf(join(run, "model.safetensors"));
  const { encodings } = JSON.parse(await readFile(join(run, "model.json"), "utf8"));
  return rows.map((row) => {
    const input = rentInput(row).map((v, j) => (v - encodings.x.shift[j]) / encodings.x.scale[j]);
    return (forward(layers, input)[0] as number) * encodings.y.scale[0] + encodings.y.shift[0];
  });
}

/** f32 over three layers of 64 and rents of up to 1,700: some 1e-6 of that. */
const RENT_ERROR = 0.01;

describe("adastep: models", function () {
  this.timeout(120_000);
  const rows = rents();

  const withRents = <T>(use: (cwd: string, end: Line) => Promise<T>): Promise<T> =>
    inFolder(async (cwd) => {
      await writeFile(join(cwd, "rents.jsonl"), rentsJsonl(rows));
      return use(cwd, endOf(await trainRents(cwd, rows, 20)));
    });

  it("evaluate tells what the training told, and the same in words; on a file, what its answers are worth", () =>
    withRents(async (cwd, end) => {
      const json = await adastep(["evaluate", "r", "--json"], { cwd });
      expect(json.stderr).to.equal("");
      expect(json.code).to.equal(0);
      const figures = JSON.parse(json.stdout);
      expect(figures).to.include({ ...end.heldOut, data: "held out", examples: 40 });
      expect(figures.rSquared).to.be.within(0.9, 1);
      const text = await adastep(["evaluate", "r"], { cwd });
      expect(text.stdout).to.include(`error ${figures.rmse.toPrecision(4)} (root mean square)`);

      const file = JSON.parse((await adastep(["evaluate", "r", "rents.jsonl", "--json"], { cwd })).stdout);
      const expected = await expectedRents(join(cwd, "r"), rows);
      const squares = expected.map((value, i) => (value - (rows[i] as Rent).rent) ** 2);
      const rmse = Math.sqrt(squares.reduce((a, b) => a + b, 0) / rows.length);
      expect(file.rmse).to.be.closeTo(rmse, RENT_ERROR);
      const mae =
        expected.reduce((sum, value, i) => sum + Math.abs(value - (rows[i] as Rent).rent), 0) / rows.length;
      expect(file.mae).to.be.closeTo(mae, RENT_ERROR);
    }));

  it("evaluate digits: recall and precision of each class, of the confusion that it counts", () =>
    inFolder(async (cwd) => {
      const end = endOf(await adastep(["train", "digits", "--epochs", "3", "--run", "r"], { cwd }));
      const figures = JSON.parse((await adastep(["evaluate", "r", "--json"], { cwd })).stdout);
      expect(figures).to.include(end.heldOut as object);
      const { confusion, classes } = figures as { confusion: number[][]; classes: Record<string, number>[] };
      const right = confusion.reduce((sum, row, i) => sum + (row[i] as number), 0);
      expect(right / 359).to.be.closeTo(figures.accuracy, 1e-12);
      const column = confusion.reduce((sum, row) => sum + (row[3] as number), 0);
      expect(classes[3]?.precision).to.equal((confusion[3]?.[3] as number) / column);
      const text = (await adastep(["evaluate", "r", "digits"], { cwd })).stdout;
      expect(text).to.match(/^3 +37 +[\d.]+ % +[\d.]+ %$/m);
    }));

  it("predict answers CSV and JSON lines, from files and from standard input, as a forward pass in double does", () =>
    withRents(async (cwd) => {
      const expected = await expectedRents(join(cwd, "r"), rows);
      const check = (answers: readonly number[]): void => {
        expect(answers).to.have.length(rows.length);
        answers.forEach((value, i) => {
          expect(value).to.be.closeTo(expected[i] as number, RENT_ERROR);
        });
      };
      const csv = await adastep(["predict", "r", "rents.csv"], { cwd });
      expect(csv.stderr).to.equal("");
      expect(csv.code).to.equal(0);
      const [head, ...lines] = csv.stdout.trimEnd().split("\n");
      expect(head).to.equal("prediction");
      check(lines.map(Number));
      const jsonl = await adastep(["predict", "r", "-", "--input", "jsonl"], {
        cwd,
        input: rentsJsonl(rows),
      });
      expect(jsonl.stderr).to.equal("");
      check(
        jsonl.stdout
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line).prediction),
      );
      const crossed = await adastep(["predict", "r", "-", "--input", "csv", "--output", "jsonl"], {
        cwd,
        input: rentsCsv(rows),
      });
      expect(crossed.stdout).to.equal(jsonl.stdout);
    }));

  it("predict classes: the most probable one, quoted where CSV needs it, and all probabilities if asked", () =>
    inFolder(async (cwd) => {
      await writeFile(join(cwd, "t.csv"), table("class").replaceAll("high", '"high, ""very"""'));
      await adastep(["train", "t.csv", "--epochs", "30", "--run", "r"], { cwd });
      const words = ["predict", "r", "t.csv", "--probabilities"];
      const { stdout } = await adastep(words, { cwd });
      expect(stdout).to.match(/^prediction,probability,"p\(high, ""very""\)",p\(low\)\n/);
      expect(stdout).to.match(/^"high, ""very""",0\.\d+,/m);
      const answers = linesOf((await adastep([...words, "--output", "jsonl"], { cwd })).stdout);
      const layers = await layersOf(join(cwd, "r/model.safetensors"));
      const { encodings } = JSON.parse(await readFile(join(cwd, "r/model.json"), "utf8"));
      const records = table("class").trimEnd().split("\n").slice(1);
      let right = 0;
      for (const [i, record] of records.entries()) {
        const [a, b, label] = record.split(",");
        const input = [Number(a), Number(b)].map((v, j) => (v - encodings.x.shift[j]) / encodings.x.scale[j]);
        const [high = 0, low = 0] = forward(layers, input);
        const share = 1 / (1 + Math.exp(low - high));
        expect(answers[i]?.['p(high, "very")']).to.be.closeTo(share, 1e-5); // logits in f32
        expect(answers[i]?.probability).to.be.closeTo(Math.max(share, 1 - share), 1e-5);
        right += Number((answers[i]?.prediction === "low") === (label === "low"));
      }
      expect(right / records.length).to.be.at.least(0.9);
    }));

  it("predict: records that do not fit, exit 1 naming line and field", () =>
    withRents(async (cwd) => {
      const record = { area: 50, rooms: 2, town: "north" };
      const cases: [object[], RegExp][] = [
        [
          [record, { ...record, town: "east" }],
          /standard input, line 2, field "town": a category: got "east", accepted: mid "x", north/,
        ],
        [[{ ...record, area: "large" }], /standard input, line 1, field "area": got "large"/],
        [[{ area: 50, rooms: 2 }], /standard input, line 1, field "town": .*got undefined/],
      ];
      for (const [records, pattern] of cases) {
        const input = records.map((value) => `${JSON.stringify(value)}\n`).join("");
        const { code, stderr } = await adastep(["predict", "r", "-", "--input", "jsonl"], { cwd, input });
        expect(stderr).to.match(pattern);
        expect(code).to.equal(1);
      }
      let written = false;
      const open = await adastep(["predict", "r", "-", "--input", "csv"], {
        cwd,
        keepInput: true, // whoever writes there may leave it open
        watch: (_, child) => {
          if (!written) child.stdin?.write("area,rooms\n50,2\n");
          written = true;
        },
      });
      expect(open.stderr).to.match(/standard input, header: got no field "town"/);
      expect(open.code).to.equal(1);
      for (const input of ["", "\n\n"]) {
        const { code, stderr } = await adastep(["predict", "r", "-", "--input", "csv"], { cwd, input });
        expect(stderr).to.match(/^adastep: standard input: got an empty file, accepted: a table$/m);
        expect(code).to.equal(1);
      }
      const none = await adastep(["predict", "r", "-", "--input", "csv"], {
        cwd,
        input: "area,rooms,town\n",
      });
      expect(none, "no records, no answers").to.eql({ code: 0, stdout: "prediction\n", stderr: "" });
      const unknown = await adastep(["predict", "r", "-"], { cwd });
      expect(unknown.stderr).to.match(/predict: got standard input, accepted: .*--input/);
      expect(unknown.code).to.equal(2);
    }));

  it("export folds what was done to inputs and target into the layers", () =>
    withRents(async (cwd) => {
      const expected = await expectedRents(join(cwd, "r"), rows);
      const written = await adastep(["export", "r", "rents.safetensors"], { cwd });
      expect(written.stderr).to.equal("");
      expect(written.stdout).to.include(join(cwd, "rents.safetensors"));
      const { metadata } = decodeSafetensors(await readFile(join(cwd, "rents.safetensors")));
      expect(JSON.parse(metadata.features ?? "")).to.eql([
        { name: "area" },
        { name: "rooms" },
        { name: "town", labels: ['mid "x"', "north", "south, old"] },
      ]);
      expect((await adastep(["export", "r", "arrays", "--format", "npy"], { cwd })).code).to.equal(0);
      const names = ["0", "2", "4"].flatMap((layer) => [`${layer}.weight`, `${layer}.bias`]);
      const arrays = await Promise.all(
        names.map(async (name) => [name, await readNpy(join(cwd, "arrays", `${name}.npy`))]),
      );
      for (const layers of [
        await layersOf(join(cwd, "rents.safetensors")),
        Object.fromEntries(arrays) as Layers,
      ]) {
        rows.slice(0, 20).forEach((row, i) => {
          expect(forward(layers, rentInput(row))[0]).to.be.closeTo(expected[i] as number, 10 * RENT_ERROR); // f32 folded in f32
        });
      }
      const { code, stderr } = await adastep(["export", "r", "rents.h5"], { cwd });
      expect(stderr).to.match(/export: got "rents\.h5", accepted: a path that ends in \.safetensors/);
      expect(code).to.equal(2);
      expect((await adastep(["export", "r", "no/such/folder.safetensors"], { cwd })).code).to.equal(1);
    }));

  it("export folds the factor on the inputs into the first layer", () =>
    inFolder(async (cwd) => {
      await adastep(["train", "digits", "--epochs", "1", "--hidden", "8", "--run", "r"], { cwd });
      const exported = async () => {
        await adastep(["export", "r", "m.safetensors"], { cwd });
        return layersOf(join(cwd, "m.safetensors"));
      };
      const whole = await exported();
      const path = join(cwd, "r", "model.json");
      const spec = JSON.parse(await readFile(path, "utf8"));
      await writeFile(path, JSON.stringify({ ...spec, inputScale: 0.25 }));
      const { "0.weight": weight, ...rest } = await exported();
      expect(weight?.data).to.eql(whole["0.weight"]?.data.map((value) => value / 4));
      expect({ "0.weight": whole["0.weight"], ...rest }).to.eql(whole);
    }));

  it("predict answers the examples of a named dataset by the numbers of their inputs", () =>
    inFolder(async (cwd) => {
      await adastep(["train", "digits", "--epochs", "5", "--run", "r"], { cwd });
      const { test } = await namedDataset("digits");
      const records = Array.from({ length: test.size }, (_, i) =>
        JSON.stringify([...test.columns.x.data.slice(64 * i, 64 * i + 64)]),
      );
      const { stdout } = await adastep(["predict", "r", "-", "--input", "jsonl"], {
        cwd,
        input: records.join("\n"),
      });
      const right = linesOf(stdout).filter(
        ({ prediction }, i) => Number(prediction) === test.columns.y.data[i],
      ).length;
      const { accuracy } = JSON.parse((await adastep(["evaluate", "r", "--json"], { cwd })).stdout);
      expect(right / test.size).to.equal(accuracy);
    }));

  it("inspect: runs, checkpoints, tensors, arrays, with their bytes; damage is found", () =>
    inFolder(async (cwd) => {
      await adastep(["train", "digits", "--epochs", "2", "--hidden", "32", "--run", "r"], { cwd });
      const json = async (path: string) =>
        JSON.parse((await adastep(["inspect", path, "--json"], { cwd })).stdout);
      const elements = 64 * 32 + 32 + 32 * 10 + 10;
      const run = await json("r");
      expect(run).to.include({ kind: "run", parameters: elements, bytes: 4 * elements, target: "label" });
      expect(run.checkpoints.at(-1).step).to.equal(90);
      const at = run.checkpoints.at(-1).path;
      expect(await json(at)).to.deep.include({
        kind: "checkpoint",
        step: 90,
        epoch: 2,
        epochOpen: false,
        intact: true,
      });
      const tensors = await json("r/model.safetensors");
      expect(tensors.bytes).to.equal(4 * elements);
      expect(tensors.tensors).to.deep.include({
        name: "0.weight",
        dtype: "F32",
        shape: [32, 64],
        bytes: 8192,
      });
      await adastep(["export", "r", "w", "--format", "npy"], { cwd });
      expect(await json("w/0.bias.npy")).to.eql({ kind: "array", dtype: "f4", shape: [32], bytes: 128 });
      const texts = await Promise.all(
        ["r", at, "r/model.safetensors"].map((path) => adastep(["inspect", path], { cwd })),
      );
      expect(texts[0]?.stdout).to.match(/^0 +Linear\(64, 32\) +2,080 +8\.1 KiB/m);
      expect(texts[1]?.stdout).to.match(/step 90, after epoch 2/);
      expect(texts[2]?.stdout).to.match(/^0\.weight +F32 +\[32, 64\] +8\.0 KiB$/m);

      const header = Buffer.from(`{"w":{"dtype":"F8_E4M3","shape":[2,3],"data_offsets":[0,6]}}`);
      const length = Buffer.alloc(8, 0).fill(header.length, 0, 1);
      await writeFile(join(cwd, "eights.safetensors"), [length, header, Buffer.alloc(6)]);
      const eight = { name: "w", dtype: "F8_E4M3", shape: [2, 3], bytes: 6 };
      expect((await json("eights.safetensors")).tensors).to.eql([eight]);

      const file = join(at, "model.safetensors");
      const bytes = await readFile(file);
      bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
      await writeFile(file, bytes);
      for (const name of ["t.csv", "cut.safetensors", "cut.npy"])
        await writeFile(join(cwd, name), "a,b\n1,2\n");
      await writeFile(join(cwd, "renamed"), bytes.subarray(0, 100)); // still to be known as what it was
      const damaged = await adastep(["inspect", at], { cwd });
      expect(damaged.stderr).to.match(/model\.safetensors: got content with the SHA-256/);
      expect(damaged.code).to.equal(1);
      for (const [path, pattern] of [
        ["w", /w: got a folder with 4 other files, accepted: one with model\.json/],
        ["nothing", /nothing: got ENOENT/],
        ["r/run.json", /run\.json: got a file of another kind, accepted: a run, .*tables: adastep data$/m],
        ["/dev/null", /null: got ENOTDIR/],
        ["t.csv", /t\.csv: got a file of another kind, accepted: /],
        ["cut.safetensors", /cut\.safetensors: got /],
        ["cut.npy", /cut\.npy: got /],
        ["renamed", /renamed: got .*header/],
      ] as const) {
        const { code, stderr } = await adastep(["inspect", path], { cwd });
        expect(stderr).to.match(pattern);
        expect(code).to.equal(1);
      }
    }));

  it("a model folder needs no run: model.json and model.safetensors are enough; damage in model.json is named", () =>
    withRents(async (cwd) => {
      const before = (await adastep(["predict", "r", "rents.csv"], { cwd })).stdout;
      await rm(join(cwd, "r/run.json"));
      await rm(join(cwd, "r/checkpoints"), { recursive: true });
      expect((await adastep(["predict", "r", "rents.csv"], { cwd })).stdout).to.equal(before);
      expect((await adastep(["evaluate", "r"], { cwd })).stderr).to.match(/run\.json: got ENOENT/);
      expect((await adastep(["evaluate", "r", "rents.csv"], { cwd })).code).to.equal(0);
      const misfit = await adastep(["evaluate", "r", "digits"], { cwd });
      expect(misfit.stderr).to.match(/^adastep: .+\n$/);
      expect(misfit.code).to.equal(1);
      const path = join(cwd, "r/model.json");
      const whole = JSON.parse(await readFile(path, "utf8"));
      const damages: [object, RegExp][] = [
        [{ format: "other" }, /model\.json: 'format': got "other"/],
        [{ extra: 1 }, /model\.json: file: option: got "extra"/],
        [{ network: { inputs: 5, hidden: [0], outputs: 1 } }, /'network\.hidden': got 0/],
        [
          { network: { inputs: 5, hidden: [64, 64], outputs: 2 } },
          /values of 'encodings\.y': got 1, accepted: 2/,
        ],
        [{ encodings: {} }, /'encodings': got an object/],
        [
          { encodings: { ...whole.encodings, x: { encoding: "scaling", shift: [0], scale: [0] } } },
          /Scaling/,
        ],
        [{ features: [{ name: 3 }] }, /the name of a feature: got 3/],
        [{ features: [{ name: "town", categories: { encoding: "categories", labels: [] } }] }, /Categories/],
        [{ inputScale: 0 }, /'inputScale': got 0/],
      ];
      for (const [change, pattern] of damages) {
        await writeFile(path, JSON.stringify({ ...whole, ...change }));
        const { code, stderr } = await adastep(["predict", "r", "rents.csv"], { cwd });
        expect(stderr).to.match(pattern);
        expect(code).to.equal(1);
      }
      await writeFile(
        path,
        JSON.stringify({ ...whole, network: { inputs: 5, hidden: [65, 64], outputs: 1 } }),
      );
      const other = await adastep(["predict", "r", "rents.csv"], { cwd });
      expect(other.stderr).to.match(/model\.safetensors does not fit the model/);
      await rm(join(cwd, "r/model.safetensors"));
      await writeFile(path, JSON.stringify(whole));
      expect((await adastep(["predict", "r", "rents.csv"], { cwd })).stderr).to.match(
        /model\.safetensors: got no such file/,
      );
    }));
});
