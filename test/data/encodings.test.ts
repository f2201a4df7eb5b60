import { expect } from "chai";
import fc from "fast-check";
import { Categories } from "../../lib/data/categories.js";
import type { Column } from "../../lib/data/column.js";
import { Dataset } from "../../lib/data/dataset.js";
import { encodingsFromJSON, encodingsToJSON } from "../../lib/data/encodings.js";
import { jsonlTable } from "../../lib/data/jsonl.js";
import { Scaling, scaled } from "../../lib/data/scaling.js";
import { Device, Linear, loadModel, saveModel } from "../../lib/index.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";
import { distance } from "../support/numbers.js";

const column = (values: readonly number[], width = 1): Column => ({
  data: Float32Array.from(values),
  shape: [width],
});
const value = fc.float({ min: -1000, max: 1000, noNaN: true });
/** Rows of three values. */
const columns = fc
  .array(fc.tuple(value, value, value), { minLength: 1, maxLength: 40 })
  .map((rows) => column(rows.flat(), 3));

describe("Scaling", () => {
  it("brings each value to mean 0 and deviation 1", () => {
    const scaling = Scaling.fit(column([1, 10, 2, 10, 6, 10], 2));
    expect([...scaling.shift]).to.deep.equal([3, 10]);
    expect(scaling.scale[0]).to.be.closeTo(Math.sqrt(14 / 3), 1e-15);
    expect(scaling.scale[1]).to.equal(1); // never changes: shifted only
    const { data, shape } = scaling.transform(column([1, 10, 3, 12], 2));
    expect(shape).to.deep.equal([2]);
    expect(distance(data, [-2 / Math.sqrt(14 / 3), 0, 0, 2])).to.be.below(1e-7); // f32
  });

  it("brings values into a range", () => {
    const minMax = { method: "minMax" } as const;
    const scaling = Scaling.fit(column([2, 7, 4, 7, 12, 7], 2), minMax);
    expect([...scaling.transform(column([2, 7, 12, 7, 7, 7], 2)).data]).to.deep.equal([0, 0, 1, 0, 0.5, 0]);
    const around = Scaling.fit(column([2, 4, 12]), { ...minMax, range: [-1, 3] });
    expect([...around.transform(column([2, 12, 7])).data]).to.deep.equal([-1, 3, 1]);
  });

  it("takes a constant for one, whatever the rounding of its mean", () => {
    const constant = Scaling.fit(column(Array(10_001).fill(0.1)));
    expect([...constant.scale]).to.deep.equal([1]);
    expect([...constant.transform(column([0.1, 1.1])).data]).to.deep.equal([0, 1]);
  });

  it("has moments as their definition says, of a column whole and in parts", async () => {
    await fc.assert(
      fc.asyncProperty(columns, fc.array(fc.nat(9), { maxLength: 6 }), async (whole, sizes) => {
        const size = whole.data.length / 3;
        const scaling = Scaling.fit(whole);
        for (let j = 0; j < 3; j++) {
          const own = Array.from({ length: size }, (_, i) => whole.data[3 * i + j] as number);
          const mean = own.reduce((sum, v) => sum + v, 0) / size;
          const variance = own.reduce((sum, v) => sum + (v - mean) ** 2, 0) / size;
          const constant = own.every((v) => v === own[0]);
          // sums of 40 doubles below 1000, in another order or not
          expect(scaling.shift[j]).to.be.closeTo(mean, 1e-10);
          expect(scaling.scale[j]).to.be.closeTo(constant ? 1 : Math.sqrt(variance), 1e-10);
        }
        const parts: Column[] = [];
        let at = 0;
        for (const length of [...sizes, size]) {
          parts.push({ data: whole.data.subarray(3 * at, 3 * Math.min(at + length, size)), shape: [3] });
          at = Math.min(at + length, size);
        }
        const inParts = await Scaling.fitParts(parts);
        // The squares of parts are merged: values of 1e-3 beside 1000 leave 1e-9 of relative error at most.
        expect(distance(inParts.shift, scaling.shift)).to.be.below(1e-12);
        expect(distance(inParts.scale, scaling.scale)).to.be.below(1e-9);
        const range = await Scaling.fitParts(parts, { method: "minMax" });
        expect(range).to.deep.equal(Scaling.fit(whole, { method: "minMax" }));
      }),
    );
  });

  it("goes back to what was there, and through JSON to the same bits", () => {
    fc.assert(
      fc.property(columns, fc.constantFrom("standard", "minMax"), (whole, method) => {
        const scaling = Scaling.fit(whole, { method });
        const there = scaling.transform(whole);
        // Rounded to f32 twice, at magnitudes up to the largest of the column.
        expect(distance(scaling.inverse(there).data, whole.data)).to.be.below(1e-3);
        expect(there.data.every(Number.isFinite)).to.equal(true);
        const again = Scaling.fromJSON(JSON.parse(JSON.stringify(scaling)));
        expect(again).to.deep.equal(scaling);
        expect(again.transform(whole)).to.deep.equal(there);
      }),
    );
  });

  it("shifts by 0 where all values are -0", () => {
    for (const method of ["standard", "minMax"] as const) {
      const scaling = Scaling.fit(column([-0, -0], 1), { method });
      expect(scaling.shift[0]).to.equal(0);
      expect(Scaling.fromJSON(JSON.parse(JSON.stringify(scaling)))).to.deep.equal(scaling);
    }
  });

  it("scales datasets and streams", async () => {
    const lines = Array.from({ length: 20 }, (_, i) => `{"a":${i},"y":${i}}`).join("\n");
    const table = jsonlTable({ text: lines });
    const dataset = await table.dataset({ x: "a", y: "y" });
    const scaling = await Scaling.fitParts(
      (async function* () {
        for await (const part of table.chunks({ x: "a" }, 3)) yield part.columns.x;
      })(),
    );
    expect(distance(scaling.scale, Scaling.fit(dataset.columns.x).scale)).to.be.below(1e-14);
    const whole = scaled(dataset, { x: scaling });
    expect(whole.columns.y).to.deep.equal(dataset.columns.y);
    const stream = table.stream({ x: "a", y: "y" }, { rows: 6 }).map((part) => scaled(part, { x: scaling }));
    const read: number[] = [];
    for await (const { columns: own } of stream.batches({ batchSize: 4 })) read.push(...own.x);
    expect(read).to.deep.equal([...whole.columns.x.data]);
  });

  it("refuses what makes no sense", async () => {
    const fitting =
      (values: readonly number[], options: object = {}) =>
      () =>
        Scaling.fit(column(values), options);
    await expectError("ADASTEP_DATA", /no examples/, fitting([]));
    await expectError("ADASTEP_DATA", /no examples/, () => Scaling.fitParts([]));
    await expectError("ADASTEP_DATA", /value 1 of a column: got NaN/, fitting([1, Number.NaN]));
    await expectError("ADASTEP_ARGUMENT", /'method': got "max"/, fitting([1], { method: "max" }));
    for (const range of [[1, 1], [0], ["0", "1"], 3, [0, Number.NaN]]) {
      await expectError("ADASTEP_ARGUMENT", /'range'/, fitting([1], { method: "minMax", range }));
    }
    await expectError("ADASTEP_ARGUMENT", /with method "minMax"/, fitting([1], { range: [0, 1] }));
    await expectError("ADASTEP_SHAPE", /the shape \[2\], accepted: examples of 1 values/, () =>
      Scaling.fit(column([1])).transform(column([1, 2], 2)),
    );
    await expectError("ADASTEP_SHAPE", /examples of 2 values, accepted: 1/, () =>
      Scaling.fitParts([column([1]), column([1, 2], 2)]),
    );
    await expectError("ADASTEP_ARGUMENT", /no scale of 0/, () => new Scaling([1], [0]));
    for (const json of [
      null,
      3,
      {},
      { encoding: "scaling", shift: [1] },
      { encoding: "scaling", shift: ["1"], scale: [1] },
    ]) {
      await expectError("ADASTEP_DATA", /Scaling.fromJSON/, () => Scaling.fromJSON(json));
    }
    await expectError("ADASTEP_DATA", /Scaling.fromJSON/, () =>
      Scaling.fromJSON({ encoding: "scaling", shift: [1, 2], scale: [1] }),
    );
  });
});

describe("Categories", () => {
  it("numbers labels: integers by value, others by code unit", () => {
    expect(Categories.fit(["b", "a", "b", "C"]).labels).to.deep.equal(["C", "a", "b"]);
    expect(Categories.fit([10, 9, "-1", 10]).labels).to.deep.equal(["-1", "9", "10"]);
    expect(Categories.fit([true, false]).labels).to.deep.equal(["false", "true"]);
    expect(Categories.fit(["2", "10", "x"]).labels).to.deep.equal(["10", "2", "x"]);
    expect(Categories.fit(["constructor", "__proto__"]).index("__proto__")).to.equal(0);
  });

  it("makes columns of numbers and of single ones, and labels again", () => {
    const kinds = new Categories(["cat", "dog"], { unknown: "other" });
    expect(kinds.size).to.equal(3);
    const numbers = kinds.transform(["dog", "cow", "cat", null]);
    expect(numbers).to.deep.equal({ data: Int32Array.of(1, 2, 0, 2), shape: [] });
    expect(kinds.inverse(numbers.data as Int32Array)).to.deep.equal(["dog", undefined, "cat", undefined]);
    expect(kinds.oneHot(["dog", "cow"])).to.deep.equal({
      data: Float32Array.of(0, 1, 0, 0, 0, 1),
      shape: [3],
    });
  });

  it("goes there and back for any labels, through JSON too", () => {
    const labels = fc.array(fc.string({ unit: "grapheme" }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(labels, fc.constantFrom("error", "other"), (values, unknown) => {
        const kinds = Categories.fit(values, { unknown });
        const again = Categories.fromJSON(JSON.parse(JSON.stringify(kinds)));
        expect(again.toJSON()).to.deep.equal(kinds.toJSON());
        const { data } = again.transform(values);
        expect(kinds.inverse(data as Int32Array)).to.deep.equal(values);
      }),
    );
  });

  it("encodes fields of a table", async () => {
    const kinds = new Categories(["a", "b"]);
    const read = (lines: string) =>
      jsonlTable({ text: lines, name: "t" }).dataset({ y: { from: "k", type: "i32", encode: kinds.index } });
    expect([...(await read('{"k":"b"}\n{"k":"a"}')).columns.y.data]).to.deep.equal([1, 0]);
    await expectError("ADASTEP_DATA", /^t, line 2, field "k": .*got "c", accepted: a, b/, () =>
      read('{"k":"b"}\n{"k":"c"}'),
    );
  });

  it("refuses what makes no sense", async () => {
    const kinds = new Categories(["a"]);
    await expectError("ADASTEP_DATA", /got "z", accepted: a/, () => kinds.index("z"));
    await expectError("ADASTEP_DATA", /got undefined/, () => kinds.index(undefined));
    await expectError("ADASTEP_DATA", /got 1, accepted: an integer from 0 to 0/, () => kinds.label(1));
    await expectError("ADASTEP_DATA", /got an object, accepted: a string, a number or a boolean/, () =>
      Categories.fit([{}]),
    );
    await expectError("ADASTEP_DATA", /no values/, () => Categories.fit([]));
    await expectError("ADASTEP_ARGUMENT", /'labels'/, () => new Categories(["a", "a"]));
    await expectError("ADASTEP_ARGUMENT", /'labels'/, () => new Categories([]));
    await expectError(
      "ADASTEP_ARGUMENT",
      /'unknown': got "ignore"/,
      () => new Categories(["a"], { unknown: "ignore" as "other" }),
    );
    for (const json of [
      null,
      {},
      { encoding: "categories", labels: ["a", "a"], unknown: "error" },
      { encoding: "categories", labels: "a", unknown: "error" },
    ]) {
      await expectError("ADASTEP_DATA", /Categories.fromJSON/, () => Categories.fromJSON(json));
    }
  });
});

describe("encodings", () => {
  const file = temporaryFolder();

  it("are saved with a model and come back with it", async () => {
    const x = Scaling.fit(column([1, 2, 4, 8], 2));
    const y = new Categories(["no", "yes"]);
    using device = await Device.open("cpu", { threads: 1 });
    using model = new Linear(2, 2).to(device, { seed: 1 });
    await saveModel(model, file("m.safetensors"), { encodings: encodingsToJSON({ x, y }) });
    const { encodings } = await loadModel(model, file("m.safetensors"));
    const read = encodingsFromJSON(encodings);
    expect(Object.keys(read)).to.deep.equal(["x", "y"]);
    expect(read.x).to.deep.equal(x);
    expect(read.y?.toJSON()).to.deep.equal(y.toJSON());
    const dataset = new Dataset({ x: column([3, 5], 2) });
    expect(scaled(dataset, { x: read.x as Scaling }).columns.x).to.deep.equal(x.transform(dataset.columns.x));
  });

  it("are checked", async () => {
    const wrong = (json: string | undefined, pattern: RegExp): Promise<void> =>
      expectError("ADASTEP_DATA", pattern, () => encodingsFromJSON(json));
    await wrong(undefined, /encodings: got undefined/);
    await wrong("{", /what encodingsToJSON made/);
    await wrong("[]", /what encodingsToJSON made/);
    await wrong(
      '{"x":{"encoding":"toString"}}',
      /encoding of "x": got "toString", accepted: scaling or categories/,
    );
    await wrong('{"x":null}', /encoding of "x": got undefined/);
    await wrong('{"x":{"encoding":"scaling","shift":[0],"scale":[0]}}', /Scaling.fromJSON/);
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.json(), fc.string()), async (json) => {
        try {
          encodingsFromJSON(json);
        } catch (error) {
          expect(error).to.have.property("code", "ADASTEP_DATA");
        }
      }),
    );
  });
});
