// Gradients as lists of rows: the sort of indices, duplicate rows, several lookups of one table, bags.

import { expect } from "chai";
import {
  add,
  concat,
  type Device,
  Embedding,
  EmbeddingBag,
  embedding,
  embeddingBag,
  f32,
  gradients,
  i32,
  matmul,
  mul,
  slice,
  sum,
  type Tensor,
} from "../../lib/index.js";
import { rowGradients } from "../../lib/tensor/gradients.js";
import { denseRows, sortRows, sumOfRowSquares } from "../../lib/tensor/rows.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { distance, floats, random } from "../support/numbers.js";

/** Positions in range by (index, position), where runs begin, and how many there are: by the definition. */
function sorted(indices: Int32Array, vocabulary: number) {
  const valid = (i: number): boolean => (indices[i] as number) >= 0 && (indices[i] as number) < vocabulary;
  const all = [...indices.keys()];
  const order = all.filter(valid).sort((a, b) => (indices[a] as number) - (indices[b] as number) || a - b);
  const starts = order.flatMap((at, k) =>
    k > 0 && indices[order[k - 1] as number] === indices[at] ? [] : [k],
  );
  const count = starts.length;
  const rest = new Array<number>(indices.length + 1 - count).fill(order.length);
  return { order: [...order, ...all.filter((i) => !valid(i))], starts: [...starts, ...rest], count: [count] };
}

async function sortOn(device: Device, data: Int32Array, vocabulary: number) {
  const rows = data.length;
  using indices = device.from(data);
  using order = device.from(new Int32Array(rows).fill(-9));
  using starts = device.from(new Int32Array(rows + 1).fill(-9));
  using count = device.from(Int32Array.of(-9));
  device.run("sortRows", { rows, vocabulary, indices, order, starts, count });
  const [o, s, c] = await Promise.all([order.read(), starts.read(), count.read()]);
  return { order: [...o], starts: [...s], count: [...c] };
}

const SIZES = [0, 1, 2, 31, 32, 33, 255, 256, 257, 1023, 1024, 1025, 2047, 2048, 2049, 5000, 70000];

onEachDevice("rows of gradients", (device) => {
  for (const rows of SIZES) {
    it(`sort ${rows} indices, stable`, async () => {
      const next = random(rows + 1);
      const uniform = (below: number) => Int32Array.from({ length: rows }, () => Math.floor(next() * below));
      const cases: [string, Int32Array, number][] = [
        ["few rows", uniform(7), 7],
        ["many rows", uniform(1e6), 1e6],
        ["all rows there are", uniform(2 ** 31 - 1), 2 ** 31 - 1],
        ["one row", new Int32Array(rows).fill(3), 4],
        ["ascending", Int32Array.from({ length: rows }, (_, i) => i), Math.max(1, rows)],
        ["descending", Int32Array.from({ length: rows }, (_, i) => rows - 1 - i), Math.max(1, rows)],
        ["skewed", Int32Array.from({ length: rows }, () => Math.floor(1000 * next() ** 8)), 1000],
      ];
      // One size of each kind on the emulator, where every case takes seconds.
      const chosen = rows > 10000 && device().kind === "cuda" ? cases.slice(1, 2) : cases;
      for (const [name, indices, vocabulary] of chosen) {
        const got = await sortOn(device(), indices, vocabulary);
        expect(JSON.stringify(got), name).to.equal(JSON.stringify(sorted(indices, vocabulary)));
      }
    });
  }

  it("refuse an index out of range, and leave it out", async () => {
    for (const bad of [-1, 5, 2 ** 31 - 1, -(2 ** 31)]) {
      const indices = Int32Array.of(4, bad, 0, 4);
      await expectError("ADASTEP_DEVICE", /sortRows.*1.*0 <= .*5|sortRows/, () =>
        sortOn(device(), indices, 5),
      );
      device().reset();
    }
  });

  it("add up to the dense gradient, bit by bit, over several lookups", async () => {
    using table = device().from(floats(1, 60), [20, 3]);
    const record = ({ a, b, w }: { a: Tensor; b: Tensor; w: Tensor }) => {
      const first = embedding(table, a);
      const second = embedding(table, b);
      const loss = sum(mul(concat([first, second, first]), w));
      const { dense, sparse } = rowGradients(loss, [w], [table]);
      const rows = sortRows(table, sparse[0] ?? []);
      const [whole] = gradients(sum(mul(concat([embedding(table, concat([a, b])), first]), w)), [table]);
      if (!rows) throw new Error("no rows");
      return {
        rows: denseRows(table.shape, rows),
        whole: whole as Tensor,
        weights: dense[0] as Tensor,
        squares: sumOfRowSquares(rows),
      };
    };
    using program = device().program({ a: i32(50), b: i32(9), w: f32(109, 3) }, record);
    const next = random(5);
    const indices = (n: number) => Int32Array.from({ length: n }, () => Math.floor(20 * next() ** 2));
    const [a, b, w] = [indices(50), indices(9), floats(2, 327)];
    const { rows, whole, squares } = await program.run({ a, b, w });
    const expected = new Float64Array(60);
    [...a, ...b, ...a].forEach((index, i) => {
      for (let j = 0; j < 3; j++)
        expected[3 * index + j] = (expected[3 * index + j] as number) + (w[3 * i + j] as number);
    });
    expect(distance(rows as Float32Array, expected)).to.be.below(1e-6);
    expect(distance(whole as Float32Array, expected)).to.be.below(1e-6);
    const norm = expected.reduce((total, v) => total + v * v, 0);
    expect(squares).to.be.closeTo(norm, 1e-5 * norm);
  });

  it("are none of a table that the loss does not use", async () => {
    using table = device().from(floats(1, 6), [2, 3]);
    using program = device().program({ x: f32(3) }, ({ x }) => {
      const { sparse } = rowGradients(sum(mul(x, x)), [], [table]);
      expect(sparse).to.deep.equal([[]]);
      expect(sortRows(table, sparse[0] ?? [])).to.equal(undefined);
      return sum(x);
    });
    expect(await program.run({ x: Float32Array.of(1, 2, 3) })).to.equal(6);
  });

  it("refuse a sparse table in an operation that is no lookup", async () => {
    using table = device().from(floats(1, 6), [2, 3]);
    for (const use of [
      (x: Tensor) => matmul(x, table),
      (x: Tensor) =>
        add(matmul(x, slice(table, 0, 0, 2)), embedding(table, device().from(Int32Array.of(0, 1)))),
    ]) {
      await expectError("ADASTEP_ARGUMENT", /sparse table f32 \[2, 3\].*no lookup/, () =>
        device().program({ x: f32(2, 2) }, ({ x }) => {
          const loss = sum(use(x));
          rowGradients(loss, [], [table]);
          return loss;
        }),
      );
    }
  });

  it("of a sparse module lie outside of the arena of its model", () => {
    class Pair {
      readonly a = new Embedding(5, 2, { sparse: true });
      readonly b = new EmbeddingBag(7, 2, { sparse: true });
      readonly c = new EmbeddingBag(7, 2);
    }
    const { a, b, c } = new Pair();
    for (const module of [a, b, c]) module.to(device(), { seed: 2 });
    expect([a, b, c].map((m) => m.parameters().map(({ name, sparse }) => ({ name, sparse })))).to.deep.equal([
      [{ name: "weight", sparse: true }],
      [{ name: "weight", sparse: true }],
      [{ name: "weight", sparse: false }],
    ]);
    for (const module of [a, b, c]) module.dispose();
    expect(() => new Embedding(5, 2, { sparse: 1 as never })).to.throw(/Embedding: 'sparse'/);
    expect(() => new EmbeddingBag(5, 2, { mode: "max" as never })).to.throw(/EmbeddingBag: 'mode'/);
  });
});

interface BagCase {
  readonly name: string;
  readonly mode: "sum" | "mean";
  readonly offsets?: number[];
  readonly weights?: boolean;
}

const N = 12;
const CASES: BagCase[] = [
  { name: "sum", mode: "sum", offsets: [0, 3, 3, 8, 11] },
  { name: "mean", mode: "mean", offsets: [0, 3, 3, 8, 12] },
  { name: "weighted sum", mode: "sum", offsets: [0, 1, 1, 1, 9], weights: true },
  { name: "sum of equal bags", mode: "sum" },
  { name: "mean of equal bags", mode: "mean" },
  { name: "weighted sum of equal bags", mode: "sum", weights: true },
];

/** Bags by the definition, in double. */
function bagsOf(
  test: BagCase,
  table: ArrayLike<number>,
  indices: Int32Array,
  weights: ArrayLike<number>,
  dim: number,
) {
  const offsets = test.offsets ?? [0, 3, 6, 9];
  return offsets.flatMap((first, b) => {
    const last = offsets[b + 1] ?? N;
    const row = new Array<number>(dim).fill(0);
    for (let i = first; i < last; i++) {
      const w = test.weights ? (weights[i] as number) : 1;
      for (let j = 0; j < dim; j++)
        row[j] = (row[j] as number) + w * (table[(indices[i] as number) * dim + j] as number);
    }
    return row.map((v) => (test.mode === "mean" && last > first ? v / (last - first) : v));
  });
}

onEachDevice("embeddingBag", (device) => {
  for (const test of CASES) {
    for (const dim of [1, 5, 130]) {
      it(`${test.name}, dim ${dim}: value and gradients`, async () => {
        const [vocabulary, tableData, weightData] = [6, floats(1, 6 * dim), floats(2, N)];
        const next = random(3);
        const indices = Int32Array.from({ length: N }, () => Math.floor(next() * vocabulary));
        const expected = bagsOf(test, tableData, indices, weightData, dim);
        const bags = expected.length / dim;
        const gy = floats(4, expected.length);
        using table = device().from(tableData, [vocabulary, dim]);
        using offsets = device().from(Int32Array.from(test.offsets ?? []));
        const shape = test.offsets ? [N] : [bags, N / bags];
        using program = device().program(
          { i: i32(...shape), w: f32(...shape), g: f32(bags, dim) },
          ({ i, w, g }) => {
            const y = embeddingBag(table, i, {
              mode: test.mode,
              ...(test.offsets ? { offsets } : {}),
              ...(test.weights ? { weights: w } : {}),
            });
            const [gtable, gweights] = gradients(sum(mul(y, g)), [table, w]) as [Tensor, Tensor];
            return { y, gtable, gweights };
          },
        );
        const got = await program.run({ i: indices, w: weightData, g: gy });
        expect(distance(got.y as Float32Array, expected), "value").to.be.below(1e-6);

        // The bags are linear in the table and in the weights: a difference quotient is exact but for rounding.
        const loss = (t: ArrayLike<number>, w: ArrayLike<number>) =>
          bagsOf(test, t, indices, w, dim).reduce((total, v, k) => total + v * (gy[k] as number), 0);
        const slope = (data: Float32Array, at: (changed: number[]) => number) =>
          Array.from(data, (_, k) => at([...data].with(k, (data[k] as number) + 1)) - at([...data]));
        expect(
          distance(
            got.gtable as Float32Array,
            slope(tableData, (t) => loss(t, weightData)),
          ),
          "gradient of the table",
        ).to.be.below(1e-5);
        expect(
          distance(
            got.gweights as Float32Array,
            slope(weightData, (w) => loss(tableData, w)),
          ),
          "gradient of the weights",
        ).to.be.below(1e-5);
      });
    }
  }

  it("takes indices, offsets and weights as one value", async () => {
    using bag = new EmbeddingBag(6, 3, { mode: "sum" }).to(device());
    const batch = {
      indices: Int32Array.of(5, 0, 2, 2, 1),
      offsets: Int32Array.of(0, 1, 4),
      weights: floats(1, 5),
    };
    const inputs = { indices: i32(5), offsets: i32(3), weights: f32(5) };
    using program = device().program(inputs, (bags) => {
      const apart = bag.forward(bags.indices, bags.offsets, bags.weights);
      return { together: bag.forward(bags), apart };
    });
    const { together, apart } = await program.run(batch);
    expect(together).to.deep.equal(apart);
    using equal = device().program({ indices: i32(2, 2) }, (bags) => bag.forward(bags));
    expect(await equal.run({ indices: new Int32Array(4) })).to.have.length(6);
    const use = (which: (bags: { indices: Tensor; offsets: Tensor; weights: Tensor }) => Tensor) => () =>
      device().program(inputs, which);
    await expectError(
      "ADASTEP_ARGUMENT",
      /embeddingBag: 'offsets': got one beside bags/,
      use((bags) => bag.forward(bags, bags.offsets)),
    );
    await expectError(
      "ADASTEP_ARGUMENT",
      /embeddingBag: 'indices': option: got "values"/,
      use(({ indices, offsets, weights: values }) => bag.forward({ indices, offsets, values } as never)),
    );
    await expectError(
      "ADASTEP_ARGUMENT",
      /embeddingBag: 'indices': got 3/,
      use(() => bag.forward(3 as never)),
    );
  });

  it("gives the gradient of lookups and bags of one table together as the dense one", async () => {
    using table = device().from(floats(1, 24), [8, 3]);
    using offsets = device().from(Int32Array.of(0, 2, 2));
    using program = device().program({ i: i32(7), j: i32(4), w: f32(8, 3), f: f32(7) }, ({ i, j, w, f }) => {
      const bags = embeddingBag(table, i, { mode: "sum", offsets, weights: f });
      const loss = sum(mul(concat([bags, embedding(table, j), slice(bags, 0, 0, 1)]), w));
      const { sparse } = rowGradients(loss, [], [table]);
      const rows = sortRows(table, sparse[0] ?? []);
      const [dense] = gradients(loss, [table]) as [Tensor];
      return { rows: denseRows([8, 3], rows), dense };
    });
    const { rows, dense } = await program.run({
      i: Int32Array.of(1, 7, 7, 0, 1, 1, 3),
      j: Int32Array.of(7, 2, 2, 1),
      w: floats(6, 24),
      f: floats(7, 7),
    });
    expect(distance(rows as Float32Array, dense as Float32Array)).to.be.below(1e-6);
  });

  it("refuses misuse", async () => {
    using table = device().from(floats(1, 24), [8, 3]);
    const record = (options: object, i = i32(6), body?: (y: Tensor) => Tensor) =>
      device().program({ i, w: f32(6) }, ({ i: which, w }) => {
        const given = Object.fromEntries(
          Object.entries(options).map(([key, value]) => [
            key,
            value === "w" ? w : value === "i" ? which : value,
          ]),
        );
        const y = embeddingBag(table, which, given);
        return body ? body(y) : y;
      });
    await expectError("ADASTEP_SHAPE", /embeddingBag: 'indices'/, () => record({}));
    await expectError("ADASTEP_SHAPE", /embeddingBag: 'indices'/, () => record({ offsets: "i" }, i32(2, 3)));
    await expectError("ADASTEP_DTYPE", /embeddingBag: 'offsets'/, () => record({ offsets: "w" }));
    await expectError("ADASTEP_SHAPE", /embeddingBag: 'weights'/, () =>
      record({ weights: "w", mode: "sum" }, i32(2, 3)),
    );
    await expectError("ADASTEP_ARGUMENT", /'weights'.*"mean"/, () => record({ offsets: "i", weights: "w" }));
    await expectError("ADASTEP_ARGUMENT", /'mode'.*"max"/, () => record({ offsets: "i", mode: "max" }));
  });

  it("rejects the run for an index or an offset out of range", async () => {
    using table = device().from(floats(1, 24), [8, 3]);
    using program = device().program({ i: i32(4), o: i32(3) }, ({ i, o }) =>
      embeddingBag(table, i, { offsets: o }),
    );
    const bad: [number[], number[]][] = [
      [
        [0, 1, 8, 2],
        [0, 1, 2],
      ],
      [
        [0, 1, -1, 2],
        [0, 1, 2],
      ],
      [
        [0, 1, 2, 3],
        [1, 1, 2],
      ],
      [
        [0, 1, 2, 3],
        [0, 3, 2],
      ],
      [
        [0, 1, 2, 3],
        [0, 1, 5],
      ],
      [
        [0, 1, 2, 3],
        [0, -1, 2],
      ],
    ];
    for (const [i, o] of bad) {
      const batch = { i: Int32Array.from(i), o: Int32Array.from(o) };
      await expectError("ADASTEP_DEVICE", /embeddingBag/, () => program.run(batch));
      device().reset();
    }
    await program.run({ i: Int32Array.of(0, 1, 2, 3), o: Int32Array.of(0, 4, 4) });
  });
});
