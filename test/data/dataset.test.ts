import { expect } from "chai";
import fc from "fast-check";
import type { BatchOptions } from "../../lib/data/batches.js";
import { Dataset } from "../../lib/data/dataset.js";
import { expectError } from "../support/errors.js";

/** `size` examples: x = [i, -i], y = i modulo `classes`. */
function numbered(size: number, classes = 3): Dataset<"x" | "y"> {
  const x = Float32Array.from({ length: 2 * size }, (_, i) => (i % 2 === 0 ? i / 2 : -(i - 1) / 2));
  const y = Uint8Array.from({ length: size }, (_, i) => i % classes);
  return new Dataset({ x: { data: x, shape: [2] }, y: { data: y, shape: [] } });
}

/** Which examples a dataset or batch of `numbered` holds, having checked that their columns belong together. */
function examples(x: ArrayLike<number>, y: ArrayLike<number>, classes = 3): number[] {
  return Array.from({ length: y.length }, (_, i) => {
    const example = x[2 * i] as number;
    expect(x[2 * i + 1]).to.equal(-example);
    expect(y[i]).to.equal(example % classes);
    return example;
  });
}

const inBatches = (data: Dataset<"x" | "y">, options: BatchOptions): number[][] =>
  Array.from(data.batches(options), ({ size, columns }) => {
    expect(columns.y).to.have.length(size);
    return examples(columns.x, columns.y);
  });

describe("Dataset", () => {
  it("counts its examples and names its columns", () => {
    const data = numbered(5);
    expect(data.size).to.equal(5);
    expect(data.names).to.deep.equal(["x", "y"]);
    expect(data.columns.x.shape).to.deep.equal([2]);
    expect(new Dataset({ x: { data: new Int32Array(0), shape: [4] } }).size).to.equal(0);
  });

  it("slices without copying", () => {
    const part = numbered(6).slice(2, 5);
    expect(part.size).to.equal(3);
    expect(
      examples(
        part.columns.x.data,
        part.columns.y.data.map((_, i) => (i + 2) % 3),
      ),
    ).to.deep.equal([2, 3, 4]);
    const data = numbered(6);
    expect(data.slice(2).columns.x.data.buffer).to.equal(data.columns.x.data.buffer);
    expect(data.take(4).size).to.equal(4);
    expect(data.take(40).size).to.equal(6);
    expect(data.slice(6).size).to.equal(0);
  });

  it("passes as a dataset of any columns", () => {
    const any: Dataset = numbered(2);
    expect(any.columns.z).to.equal(undefined);
  });

  it("rejects columns that do not fit", async () => {
    const good = { data: new Float32Array(6), shape: [2] };
    const bad =
      (column: unknown): (() => unknown) =>
      () =>
        new Dataset({ good, bad: column as typeof good });
    await expectError("ADASTEP_SHAPE", /'bad': got 5 values/, bad({ data: new Float32Array(5), shape: [2] }));
    await expectError(
      "ADASTEP_SHAPE",
      /'bad': got 2 examples/,
      bad({ data: new Float32Array(4), shape: [2] }),
    );
    await expectError("ADASTEP_DTYPE", /'bad'.*Float64Array/, bad({ data: new Float64Array(6), shape: [2] }));
    await expectError("ADASTEP_DTYPE", /'bad'/, bad({ shape: [2] }));
    await expectError("ADASTEP_DTYPE", /'bad'/, bad(undefined));
    await expectError("ADASTEP_ARGUMENT", /'bad', shape/, bad({ data: new Float32Array(6) }));
    await expectError(
      "ADASTEP_ARGUMENT",
      /'bad', shape/,
      bad({ data: new Float32Array(6), shape: [Number.NaN] }),
    );
    await expectError("ADASTEP_ARGUMENT", /'bad', shape/, bad({ data: new Float32Array(0), shape: [0] }));
    await expectError("ADASTEP_ARGUMENT", /no column/, () => new Dataset({}));
    await expectError("ADASTEP_ARGUMENT", /'columns'/, () => new Dataset(null as never));
    await expectError("ADASTEP_ARGUMENT", /'start'/, () => numbered(3).slice(4));
    await expectError("ADASTEP_ARGUMENT", /'end'/, () => numbered(3).slice(2, 1));
    await expectError("ADASTEP_ARGUMENT", /'count'/, () => numbered(3).take(-1));
  });
});

describe("Dataset.batches", () => {
  it("covers every example once, in full batches save the last", () => {
    const shuffle = fc.option(fc.maxSafeNat(), { nil: undefined });
    fc.assert(
      fc.property(
        fc.nat(60),
        fc.integer({ min: 1, max: 70 }),
        shuffle,
        fc.nat(9),
        (size, batchSize, seed, epoch) => {
          const batches = inBatches(numbered(size), {
            batchSize,
            epoch,
            ...(seed !== undefined && { shuffle: seed }),
          });
          expect(batches.flat().sort((a, b) => a - b)).to.deep.equal([...Array(size).keys()]);
          expect(batches.slice(0, -1).every((batch) => batch.length === batchSize)).to.equal(true);
          expect(batches).to.have.length(Math.ceil(size / batchSize));
        },
      ),
    );
  });

  it("keeps the order without a seed, and repeats one with it", () => {
    const data = numbered(7);
    expect(inBatches(data, { batchSize: 3 })).to.deep.equal([[0, 1, 2], [3, 4, 5], [6]]);
    const epoch1 = inBatches(data, { batchSize: 3, shuffle: 5, epoch: 1 });
    expect(inBatches(data, { batchSize: 3, shuffle: { seed: 5 }, epoch: 1 })).to.deep.equal(epoch1);
    expect(inBatches(data, { batchSize: 3, shuffle: 5, epoch: 2 })).to.not.deep.equal(epoch1);
  });

  it("has the same order for every batch size", () => {
    const data = numbered(20);
    const orders = [1, 3, 20, 64].map((batchSize) => inBatches(data, { batchSize, shuffle: 1 }).flat());
    for (const order of orders) expect(order).to.deep.equal(orders[0]);
  });

  it("goes on at a batch", () => {
    const all = inBatches(numbered(11), { batchSize: 2, shuffle: 9 });
    const rest = numbered(11).batches({ batchSize: 2, shuffle: 9, start: 4 });
    expect(rest.count).to.equal(6);
    expect(Array.from(rest, ({ columns }) => examples(columns.x, columns.y))).to.deep.equal(all.slice(4));
    expect([...numbered(11).batches({ batchSize: 2, start: 6 })]).to.deep.equal([]);
  });

  it("leaves a smaller last batch out if asked, and can be iterated again", () => {
    const batches = numbered(7).batches({ batchSize: 3, dropLast: true });
    expect(batches.count).to.equal(2);
    expect([...batches]).to.have.length(2);
    expect(Array.from(batches, ({ size }) => size)).to.deep.equal([3, 3]);
  });

  it("rejects options out of range", async () => {
    const data = numbered(4);
    for (const batchSize of [0, -1, 1.5, Number.NaN, undefined, "8"]) {
      const options = { batchSize } as BatchOptions;
      await expectError("ADASTEP_ARGUMENT", /'batchSize'/, () => data.batches(options));
    }
    const bad =
      (options: object): (() => unknown) =>
      () =>
        data.batches({ batchSize: 1, ...options } as BatchOptions);
    await expectError("ADASTEP_ARGUMENT", /'epoch'/, bad({ epoch: -1 }));
    await expectError("ADASTEP_ARGUMENT", /'shuffle'/, bad({ shuffle: true }));
    await expectError("ADASTEP_ARGUMENT", /'shuffle.seed'/, bad({ shuffle: { seed: 0.5 } }));
    await expectError("ADASTEP_ARGUMENT", /"sed"/, bad({ shuffle: { sed: 1 } }));
    await expectError("ADASTEP_ARGUMENT", /'dropLast'/, bad({ dropLast: 1 }));
    await expectError("ADASTEP_ARGUMENT", /'start'/, bad({ start: 5 }));
    await expectError("ADASTEP_ARGUMENT", /"batchsize"/, bad({ batchsize: 2 }));
  });
});

describe("Dataset.split", () => {
  const indices = (data: Dataset<"x" | "y">): number[] => examples(data.columns.x.data, data.columns.y.data);

  it("parts the examples, the share rounded, each part in order", () => {
    const share = fc.double({ min: 0.2, max: 0.8, noNaN: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 5, max: 80 }),
        share,
        fc.maxSafeNat(),
        fc.boolean(),
        (size, validation, seed, even) => {
          const options = { validation, seed, ...(even && { stratify: "y" as const }) };
          const [train, held] = numbered(size).split(options).map(indices);
          expect(held).to.have.length(Math.round(size * validation));
          for (const part of [train, held])
            expect(part).to.deep.equal([...(part ?? [])].sort((a, b) => a - b));
          expect([...(train ?? []), ...(held ?? [])].sort((a, b) => a - b)).to.deep.equal([
            ...Array(size).keys(),
          ]);
        },
      ),
    );
  });

  it("is repeatable, and differs from seed to seed", () => {
    const held = (seed: number): number[] => indices(numbered(40).split({ validation: 0.5, seed })[1]);
    expect(held(1)).to.deep.equal(held(1));
    expect(held(1)).to.not.deep.equal(held(2));
  });

  it("holds out the same share of each class", () => {
    const y = Int32Array.from({ length: 200 }, (_, i) => (i < 150 ? 4 : i < 190 ? -7 : 9));
    const data = new Dataset({ y: { data: y, shape: [] } });
    const [train, held] = data.split({ validation: 0.3, stratify: "y" });
    const count = (part: typeof data, label: number): number =>
      part.columns.y.data.filter((v) => v === label).length;
    expect([4, -7, 9].map((label) => count(held, label))).to.deep.equal([45, 12, 3]);
    expect([4, -7, 9].map((label) => count(train, label))).to.deep.equal([105, 28, 7]);
  });

  it("rejects shares and columns that do not fit", async () => {
    const data = numbered(4);
    for (const validation of [0, 1, -0.1, Number.NaN, 0.01, 0.99]) {
      await expectError("ADASTEP_ARGUMENT", /'validation'/, () => data.split({ validation }));
    }
    const bad =
      (options: object): (() => unknown) =>
      () =>
        data.split({ validation: 0.5, ...options });
    await expectError("ADASTEP_ARGUMENT", /'stratify': got "z".*x, y/, bad({ stratify: "z" }));
    await expectError("ADASTEP_ARGUMENT", /'stratify': got "x"/, bad({ stratify: "x" }));
    await expectError("ADASTEP_ARGUMENT", /'stratify'/, bad({ stratify: "toString" }));
    await expectError("ADASTEP_ARGUMENT", /'seed'/, bad({ seed: -1 }));
    await expectError("ADASTEP_ARGUMENT", /"test"/, bad({ test: 0.1 }));
  });
});
