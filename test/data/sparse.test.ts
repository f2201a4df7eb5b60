import { writeFile } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { expect } from "chai";
import fc from "fast-check";
import { readMails } from "../../examples/data/mails.js";
import type { Batch } from "../../lib/data/batches.js";
import { type LibsvmOptions, libsvm } from "../../lib/data/libsvm.js";
import { SparseDataset, type SparseName } from "../../lib/data/sparse.js";
import { Adam, binaryCrossEntropy, Device, EmbeddingBag, f32, i32 } from "../../lib/index.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";

type Entry = readonly [index: number, value: number];

/** Rows as CSR, with their number as column y. */
function datasetOf(rows: readonly (readonly Entry[])[], features: number): SparseDataset<"y"> {
  const offsets = [0];
  for (const row of rows) offsets.push((offsets.at(-1) as number) + row.length);
  const all = rows.flat();
  return new SparseDataset(
    {
      offsets: Int32Array.from(offsets),
      indices: Int32Array.from(all, ([index]) => index),
      values: Float32Array.from(all, ([, value]) => value),
      features,
    },
    { y: { data: Int32Array.from(rows.keys()), shape: [] } },
  );
}

/** The rows of a batch again, without what was filled in: of which the values are 0 and the indices the last one. */
function rowsOf({ size, columns }: Batch<"y" | SparseName>, entries: number): Entry[][] {
  const { indices, offsets, values } = columns;
  expect(offsets.length).to.equal(size);
  for (let i = entries; i < indices.length; i++) {
    expect(values[i]).to.equal(0);
    expect(indices[i]).to.equal(entries > 0 ? indices[entries - 1] : 0);
  }
  return Array.from({ length: size }, (_, row) => {
    const [from, to] = [offsets[row] as number, row + 1 < size ? (offsets[row + 1] as number) : entries];
    return Array.from({ length: to - from }, (_, i) => [
      indices[from + i] as number,
      values[from + i] as number,
    ]);
  });
}

const FEATURES = 20;
const row = fc.uniqueArray(fc.nat(FEATURES - 1), { maxLength: 6 }).chain((indices) => {
  const values = fc.array(fc.integer({ min: 1, max: 99 }), {
    minLength: indices.length,
    maxLength: indices.length,
  });
  return values.map((chosen) =>
    indices.sort((a, b) => a - b).map((index, i): Entry => [index, chosen[i] as number]),
  );
});
const rows = fc.array(row, { minLength: 1, maxLength: 30 });

describe("SparseDataset", () => {
  it("batches rows in the order of their numbers or of the seed, filled up to a multiple", async () => {
    const options = fc.record({
      batchSize: fc.integer({ min: 1, max: 12 }),
      padTo: fc.integer({ min: 1, max: 16 }),
    });
    fc.assert(
      fc.property(
        rows,
        options,
        fc.option(fc.nat(5), { nil: undefined }),
        (all, { batchSize, padTo }, shuffle) => {
          const data = datasetOf(all, FEATURES);
          const order = shuffle === undefined ? {} : { shuffle };
          const seen: number[] = [];
          const batches = data.batches({ batchSize, padTo, ...order });
          for (const batch of batches) {
            const numbers = [...batch.columns.y];
            const own = numbers.map((number) => all[number] as Entry[]);
            const entries = own.flat().length;
            expect(batch.columns.indices.length).to.equal(Math.ceil(entries / padTo) * padTo);
            expect(rowsOf(batch, entries)).to.deep.equal(own);
            seen.push(...numbers);
          }
          expect([...seen].sort((a, b) => a - b)).to.deep.equal([...all.keys()]);
          if (shuffle === undefined) expect(seen).to.deep.equal([...all.keys()]);
          const dense = data.batches({ batchSize, padTo, ...order, start: Math.min(1, batches.count) });
          expect([...dense]).to.deep.equal([...batches].slice(1));
        },
      ),
    );
  });

  it("fills up to few lengths, the batches of a step alike, and leaves batches without entries", () => {
    const lengths = [0, 1, 256, 257, 384, 385, 512, 513, 768, 769, 1024, 1025, 5000];
    const expected = [0, 256, 256, 384, 384, 512, 512, 768, 768, 1024, 1024, 1536, 6144];
    const all = lengths.map((length) => Array.from({ length }, (_, i): Entry => [i, 1]));
    const data = datasetOf(all, 5000);
    const lengthsOf = (options: object): number[] =>
      [...data.batches({ batchSize: 1, ...options })].map(({ columns }) => columns.indices.length);
    expect(lengthsOf({})).to.deep.equal(expected);
    const alike = [0, 256, 256, 512, 512, 512, 768, 768, 768, 1536, 1536, 1536, 6144];
    expect(lengthsOf({ alike: 3 })).to.deep.equal(alike);
    expect(lengthsOf({ alike: 3, start: 4 })).to.deep.equal(alike.slice(4));
    expect(lengthsOf({ alike: 100, padTo: 1 })).to.deep.equal([0, ...new Array(12).fill(5000)]);
    const shuffled = { shuffle: 2, epoch: 3 };
    const own = [...data.batches({ batchSize: 1, padTo: 1, ...shuffled })].map(
      (batch) => batch.columns.indices.length,
    );
    const most = own.map((_, i) => Math.max(...own.slice(i - (i % 2), i - (i % 2) + 2)));
    expect(lengthsOf({ alike: 2, padTo: 1, ...shuffled })).to.deep.equal(
      most.map((n, i) => (own[i] === 0 ? 0 : n)),
    );
  });

  it("takes the first", () => {
    const all: Entry[][] = [[[1, 2]], [], [[3, 4]], [[0, 5]]];
    for (const count of [0, 1, 2, 3, 4, 9]) {
      const taken = datasetOf(all, FEATURES).take(count);
      const expected = datasetOf(all.slice(0, count), FEATURES);
      expect([taken.rows, taken.columns]).to.deep.equal([expected.rows, expected.columns]);
    }
    expect(() => datasetOf(all, FEATURES).take(-1)).to.throw(/SparseDataset\.take: 'count': got -1/);
  });

  it("holds out the same share of each class", () => {
    const { rows } = datasetOf(new Array(20).fill([]), FEATURES);
    const y = Int32Array.from({ length: 20 }, (_, i) => Number(i % 4 === 0));
    const data = new SparseDataset(rows, { y: { data: y, shape: [] } });
    const [train, validation] = data.split({ validation: 0.2, seed: 3, stratify: "y" });
    const ones = ({ columns }: typeof data): number => columns.y.data.filter(Boolean).length;
    expect([train.size, ones(train), validation.size, ones(validation)]).to.deep.equal([16, 4, 4, 1]);
    expect(() => data.split({ validation: 0.2, stratify: "z" as "y" })).to.throw(
      /SparseDataset\.split: 'stratify'/,
    );
  });

  it("splits into rows that are the same", () => {
    const all: Entry[][] = Array.from({ length: 10 }, (_, i) => (i % 3 === 0 ? [] : [[i, i + 0.5]]));
    const [train, validation] = datasetOf(all, 10).split({ validation: 0.3, seed: 1 });
    expect([train.size, validation.size]).to.deep.equal([7, 3]);
    const numbers: number[] = [];
    for (const part of [train, validation]) {
      for (const one of part.batches({ batchSize: 1, padTo: 1 })) {
        const number = one.columns.y[0] as number;
        numbers.push(number);
        expect(rowsOf(one, one.columns.indices.length)).to.deep.equal([all[number]]);
      }
    }
    expect(numbers.sort((a, b) => a - b)).to.deep.equal([...all.keys()]);
  });

  it("trains an EmbeddingBag to the same bits, whatever is filled in", async () => {
    using device = await Device.open("cpu", { threads: 1 });
    const all: Entry[][] = [
      [
        [3, 2],
        [7, -1],
      ],
      [],
      [[3, 1]],
      [
        [0, 1],
        [19, 4],
      ],
    ];
    const train = async (padTo: number): Promise<Float32Array> => {
      using bag = new EmbeddingBag(FEATURES, 1, { mode: "sum", sparse: true }).to(device, { seed: 3 });
      using adam = new Adam(bag.parameters(), { lr: 0.1 });
      const data = datasetOf(all, FEATURES);
      for (let epoch = 0; epoch < 3; epoch++) {
        for (const { size, columns } of data.batches({ batchSize: 3, padTo, shuffle: 1, epoch })) {
          const n = columns.indices.length;
          const inputs = { indices: i32(n), offsets: i32(size), values: f32(n), t: f32(size, 1) };
          using step = device.program(inputs, ({ indices, offsets, values, t }) =>
            adam.minimize(binaryCrossEntropy(bag.forward(indices, offsets, values), t)),
          );
          const { indices, offsets, values, y } = columns;
          await step.run({ indices, offsets, values, t: Float32Array.from(y, (v) => v % 2) } as Parameters<
            typeof step.run
          >[0]);
        }
      }
      return (await bag.state()).weight?.data as Float32Array;
    };
    const plain = await train(1);
    expect(await train(8)).to.deep.equal(plain);
    expect(await train(64)).to.deep.equal(plain);
  });

  it("refuses what are no rows", async () => {
    const good = {
      offsets: Int32Array.of(0, 1, 2),
      indices: Int32Array.of(0, 1),
      values: Float32Array.of(1, 2),
      features: 2,
    };
    const bad = (change: object) => () => new SparseDataset({ ...good, ...change });
    await expectError(
      "ADASTEP_DTYPE",
      /'indices': got a Float32Array/,
      bad({ indices: Float32Array.of(0, 1) }),
    );
    await expectError(
      "ADASTEP_SHAPE",
      /1 values, accepted: 2, one per index/,
      bad({ values: Float32Array.of(1) }),
    );
    await expectError(
      "ADASTEP_ARGUMENT",
      /offset 2, which descends/,
      bad({ offsets: Int32Array.of(0, 2, 1) }),
    );
    await expectError(
      "ADASTEP_ARGUMENT",
      /0 to 1, accepted: .* from 0 to 2/,
      bad({ offsets: Int32Array.of(0, 1) }),
    );
    await expectError("ADASTEP_ARGUMENT", /'offsets'/, bad({ offsets: new Int32Array(0) }));
    await expectError("ADASTEP_ARGUMENT", /index 1: got 1, accepted: from 0 to 0/, bad({ features: 1 }));
    await expectError("ADASTEP_ARGUMENT", /'features': got 0/, bad({ features: 0 }));
    const y = { data: Int32Array.of(1), shape: [] };
    await expectError(
      "ADASTEP_SHAPE",
      /column 'y'.*1 examples, accepted: 2/,
      () => new SparseDataset(good, { y }),
    );
    await expectError("ADASTEP_ARGUMENT", /got "values"/, () => new SparseDataset(good, { values: y }));
    const data = new SparseDataset(good);
    await expectError("ADASTEP_ARGUMENT", /'padTo': got 0/, () => data.batches({ batchSize: 1, padTo: 0 }));
    await expectError("ADASTEP_ARGUMENT", /'alike': got 0/, () => data.batches({ batchSize: 1, alike: 0 }));
    await expectError("ADASTEP_ARGUMENT", /'validation': got 0.1/, () => data.split({ validation: 0.1 }));
  });
});

describe("libsvm", () => {
  const file = temporaryFolder();
  const read = (text: string, options: LibsvmOptions = {}) => libsvm({ text, name: "t.svm" }, options);

  it("reads rows, comments, query numbers and empty rows", async () => {
    const { dataset, classes } = await read("# heads\n+1 1:0.5 3:-2e1 # a row\n\n-1 qid:7 2:.25\r\n1.0\n");
    expect(classes).to.deep.equal(["-1", "1"]);
    expect(dataset.rows).to.deep.equal({
      offsets: Int32Array.of(0, 2, 3, 3),
      indices: Int32Array.of(0, 2, 1),
      values: Float32Array.of(0.5, -20, 0.25),
      features: 3,
    });
    expect(dataset.columns.y).to.deep.equal({ data: Int32Array.of(1, 0, 1), shape: [] });
    const zero = await read("1.5 0:1 4:2\n", { task: "regression", zeroBased: true, features: 9 });
    expect(zero.classes).to.equal(undefined);
    expect(zero.dataset.rows.features).to.equal(9);
    expect([...zero.dataset.rows.indices]).to.deep.equal([0, 4]);
    expect(zero.dataset.columns.y).to.deep.equal({ data: Float32Array.of(1.5), shape: [1] });
  });

  it("reads whatever rows were written, gzipped or not", async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.boolean(), async (all, zeroBased) => {
        const base = zeroBased ? 0 : 1;
        const lines = all.map((own, i) =>
          [i, ...own.map(([index, value]) => `${index + base}:${value}`)].join(" "),
        );
        const { dataset } = await read(`${lines.join("\n")}\n`, { zeroBased, features: FEATURES });
        const expected = datasetOf(all, FEATURES);
        expect(dataset.rows).to.deep.equal(expected.rows);
        expect(dataset.columns.y).to.deep.equal(expected.columns.y);
      }),
    );
    await writeFile(file("a.gz"), gzipSync("1 1:2\n"));
    expect((await libsvm(file("a.gz"))).dataset.size).to.equal(1);
  });

  it("reads a real set of mails back", async function () {
    this.timeout(60_000);
    const { words, spam, vocabulary } = readMails();
    const lines = words.map(
      (own, i) =>
        `${spam[i]} ${[...own]
          .sort((a, b) => a - b)
          .map((w) => `${w + 1}:1`)
          .join(" ")}`,
    );
    const { dataset, classes } = await read(lines.join("\n"), { features: vocabulary });
    expect(classes).to.deep.equal(["0", "1"]);
    expect([...dataset.columns.y.data]).to.deep.equal(spam);
    const { offsets, indices } = dataset.rows;
    words.forEach((own, i) => {
      const [from, to] = [offsets[i] as number, offsets[i + 1] as number];
      expect(indices.subarray(from, to)).to.deep.equal(Int32Array.from(own).sort());
    });
  });

  it("names file and line of what is wrong", async () => {
    const wrong = (text: string, pattern: RegExp, options?: LibsvmOptions): Promise<void> =>
      expectError("ADASTEP_DATA", pattern, () => read(text, options));
    await wrong("1 1:1\nx 1:1\n", /^t\.svm, line 2, a label: got "x"/);
    await wrong("1,2 1:1\n", /a label: got "1,2"/);
    await wrong("1 1:x\n", /line 1, feature 1: got "x", accepted: a number/);
    await wrong("1 1:1e39\n", /feature 1: got "1e39"/);
    await wrong("1 2:1 2:1\n", /got "2:1", accepted: index:value, indices ascending, here from 3/);
    await wrong("1 0:1\n", /"zeroBased: true"/);
    await wrong("1 5:1\n", /here from 1 to 4/, { features: 4 });
    await wrong("1 5\n", /got "5", accepted: index:value/);
    await wrong("1 :5\n", /got ":5"/);
    await wrong("1 99999999999:5\n", /got "99999999999:5"/);
    await wrong("# nothing\n", /^t\.svm: got no rows/);
    await wrong("1 1:1 2:2\n", /a line of 5 bytes at most/, { maxLine: 5 });
    await expectError("ADASTEP_ARGUMENT", /'task'/, () => read("", { task: "rank" as "regression" }));
  });

  it("never fails but with a typed error", async () => {
    const token = fc.constantFrom(..."0123456789:.+-e# \n", "1:1", " 2:3", "qid:", "\n1 ");
    await fc.assert(
      fc.asyncProperty(fc.array(token, { maxLength: 30 }), fc.boolean(), async (parts, zeroBased) => {
        try {
          const { dataset } = await read(parts.join(""), { zeroBased });
          expect(dataset.rows.values.every(Number.isFinite)).to.equal(true);
        } catch (error) {
          expect(error).to.have.property("code", "ADASTEP_DATA");
        }
      }),
      { numRuns: 3000 },
    );
  });
});
