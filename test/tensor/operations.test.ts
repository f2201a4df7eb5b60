// Every differentiable operation: its values against a reference in double precision, its gradients against central
// differences of that reference. The reference shares no code with the library.

import { expect } from "chai";
import * as lib from "../../lib/index.js";
import { type ErrorCode, f32, i32, type Tensor } from "../../lib/index.js";
import { bceLogits, squaredError } from "../../lib/tensor/elementwise.js";
import { onEachDevice } from "../support/devices.js";
import { expectValueAndGradient, type Row } from "../support/differences.js";
import { expectError } from "../support/errors.js";
import * as ref from "../support/reference.js";

type Array_ = ref.Array_;

const map = (f: (x: number) => number) => (x: Array_) => ref.map(x, f);
const zip = (f: (a: number, b: number) => number) => (a: Array_, b: Array_) => ref.zip(a, b, f);
const erf = ref.erf;

const unary: Row[] = [
  { name: "relu", run: lib.relu, reference: map((x) => Math.max(x, 0)) },
  { name: "gelu", run: lib.gelu, reference: map((x) => 0.5 * x * (1 + erf(x / Math.SQRT2))) },
  { name: "tanh", run: lib.tanh, reference: map(Math.tanh) },
  { name: "sigmoid", run: lib.sigmoid, reference: map((x) => 1 / (1 + Math.exp(-x))) },
  { name: "exp", run: lib.exp, reference: map(Math.exp) },
  { name: "log", run: lib.log, reference: map(Math.log), range: [0.2, 3] as const },
  { name: "sqrt", run: lib.sqrt, reference: map(Math.sqrt), range: [0.2, 3] as const },
  { name: "abs", run: lib.abs, reference: map(Math.abs) },
  { name: "neg", run: lib.neg, reference: map((x) => -x) },
  { name: "square", run: lib.square, reference: map((x) => x * x) },
  { name: "affine", run: (x: Tensor) => lib.affine(x, -1.5, 0.25), reference: map((x) => -1.5 * x + 0.25) },
].map((row) => ({ shapes: [[3, 37]], ...row }));

const broadcasts: (readonly [readonly number[], readonly number[]])[] = [
  [
    [4, 5],
    [4, 5],
  ],
  [[4, 5], [5]],
  [
    [4, 5],
    [4, 1],
  ],
  [[4, 5], []],
  [[], [4, 5]],
  [
    [3, 1, 5],
    [2, 1],
  ],
  [
    [2, 3, 1, 2],
    [3, 4, 1],
  ],
];
const functions = [
  { name: "add", run: lib.add, reference: zip((a, b) => a + b) },
  { name: "sub", run: lib.sub, reference: zip((a, b) => a - b) },
  { name: "mul", run: lib.mul, reference: zip((a, b) => a * b) },
  { name: "div", run: lib.div, reference: zip((a, b) => a / b), range: [0.5, 2] as const },
  { name: "maximum", run: lib.maximum, reference: zip(Math.max) },
  { name: "minimum", run: lib.minimum, reference: zip(Math.min) },
  { name: "squaredError", run: squaredError, reference: zip((a, b) => (a - b) ** 2) },
  {
    name: "bceLogits",
    run: bceLogits,
    reference: zip((x, z) => Math.max(x, 0) - x * z + Math.log1p(Math.exp(-Math.abs(x)))),
  },
];
const binary: Row[] = functions.flatMap((row) =>
  broadcasts.map(([a, b]) => ({ ...row, name: `${row.name} [${a}] [${b}]`, shapes: [a, b] })),
);

const matmuls: Row[] = [
  { batchA: [], batchB: [] },
  { batchA: [2], batchB: [2] },
  { batchA: [3], batchB: [] },
  { batchA: [], batchB: [2] },
].flatMap(({ batchA, batchB }) =>
  [false, true].flatMap((transA) =>
    [false, true].map((transB) => ({
      name: `matmul ${batchA} ${batchB} ${transA ? "T" : "N"}${transB ? "T" : "N"}`,
      shapes: [
        [...batchA, ...(transA ? [4, 3] : [3, 4])],
        [...batchB, ...(transB ? [5, 4] : [4, 5])],
      ],
      run: (a: Tensor, b: Tensor) => lib.matmul(a, b, { transA, transB }),
      reference: (a: Array_, b: Array_) => ref.matmul(a, b, transA, transB),
    })),
  ),
);

const others: Row[] = [
  {
    name: "linear",
    shapes: [[2, 3, 4], [5, 4], [5]],
    run: (x, w, b) => lib.linear(x, w, b),
    reference: ref.linear,
  },
  {
    name: "linear without bias",
    shapes: [
      [3, 4],
      [5, 4],
    ],
    run: (x, w) => lib.linear(x, w),
    reference: ref.linear,
  },
  {
    name: "linear + relu (fused)",
    shapes: [[3, 4], [5, 4], [5]],
    run: (x, w, b) => lib.relu(lib.linear(x, w, b)),
    reference: (x, w, b) => ref.map(ref.linear(x, w, b), (v) => Math.max(v, 0)),
  },
  {
    name: "linear + tanh (fused)",
    shapes: [[3, 4], [5, 4], [5]],
    run: (x, w, b) => lib.tanh(lib.linear(x, w, b)),
    reference: (x, w, b) => ref.map(ref.linear(x, w, b), Math.tanh),
  },
  {
    name: "linear + gelu",
    shapes: [[3, 4], [5, 4], [5]],
    run: (x, w, b) => lib.gelu(lib.linear(x, w, b)),
    reference: (x, w, b) => ref.map(ref.linear(x, w, b), (v) => 0.5 * v * (1 + erf(v / Math.SQRT2))),
  },
  {
    name: "softmax",
    shapes: [[3, 7]],
    run: (x) => lib.softmax(x),
    reference: (x) => ref.rows(x, ref.softmax),
  },
  {
    name: "logSoftmax",
    shapes: [[3, 7]],
    run: lib.logSoftmax,
    reference: (x) => ref.rows(x, (row) => ref.softmax(row).map(Math.log)),
  },
  {
    name: "softmax of one column",
    shapes: [[3, 1]],
    run: (x) => lib.softmax(x),
    reference: (x) => ref.rows(x, ref.softmax),
  },
  {
    name: "layerNorm",
    shapes: [[4, 6], [6], [6]],
    run: (x, g, b) => lib.layerNorm(x, g, b),
    reference: (x, g, b) => ref.layerNorm(x, g, b, 1e-5),
  },
  {
    name: "layerNorm without parameters",
    shapes: [[4, 6]],
    run: (x) => lib.layerNorm(x, undefined, undefined, 0.1),
    reference: (x) => ref.layerNorm(x, undefined, undefined, 0.1),
  },
  { name: "sum", shapes: [[3, 4, 5]], run: (x) => lib.sum(x), reference: (x) => ref.reduce(x, [0, 1, 2], 1) },
  {
    name: "mean",
    shapes: [[3, 4, 5]],
    run: (x) => lib.mean(x),
    reference: (x) => ref.reduce(x, [0, 1, 2], 1 / 60),
  },
  ...[0, 1, 2, -1].map((axis) => ({
    name: `sum axis ${axis}`,
    shapes: [[3, 4, 5]],
    run: (x: Tensor) => lib.sum(x, { axis }),
    reference: (x: Array_) => ref.reduce(x, [(axis + 3) % 3], 1),
  })),
  {
    name: "mean axis 1, kept",
    shapes: [[3, 4, 5]],
    run: (x) => lib.mean(x, { axis: 1, keepDims: true }),
    reference: (x) => ref.reshape(ref.reduce(x, [1], 1 / 4), [3, 1, 5]),
  },
  {
    name: "reshape",
    shapes: [[3, 4]],
    run: (x) => lib.reshape(x, [2, -1]),
    reference: (x) => ref.reshape(x, [2, 6]),
  },
  {
    name: "transpose",
    shapes: [[2, 3, 4]],
    run: (x) => lib.transpose(x),
    reference: (x) => ref.transpose(x, [2, 1, 0]),
  },
  {
    name: "transpose order",
    shapes: [[2, 3, 4]],
    run: (x) => lib.transpose(x, [1, 2, 0]),
    reference: (x) => ref.transpose(x, [1, 2, 0]),
  },
  {
    name: "slice",
    shapes: [[3, 5, 2]],
    run: (x) => lib.slice(x, 1, 1, 4),
    reference: (x) => ref.slice(x, 1, 1, 4),
  },
  {
    name: "concat",
    shapes: [
      [2, 3],
      [2, 1],
      [2, 2],
    ],
    run: (a, b, c) => lib.concat([a, b, c], 1),
    reference: (a, b, c) => ref.concat([a, b, c], 1),
  },
  {
    name: "embedding",
    shapes: [[6, 3]],
    indices: { shape: [4, 2], below: 6 },
    run: (t, i) => lib.embedding(t, i),
    reference: (t, i) => ref.embedding(t, i),
  },
  {
    name: "crossEntropyRows",
    shapes: [[5, 4]],
    indices: { shape: [5], below: 4 },
    run: (x, y) => lib.crossEntropyRows(x, y),
    reference: (x, y) => ref.crossEntropy(x, y),
  },
  { name: "silu", shapes: [[3, 37]], run: lib.silu, reference: map((x) => x / (1 + Math.exp(-x))) },
  {
    name: "a value used three times",
    shapes: [[3, 4]],
    run: (x) => lib.add(lib.mul(x, x), lib.tanh(x)),
    reference: map((x) => x * x + Math.tanh(x)),
  },
];

const rows: Row[] = [...unary, ...binary, ...matmuls, ...others];

onEachDevice("operations", (device) => {
  rows.forEach((row, place) => {
    it(`${row.name}: value and gradient`, () => expectValueAndGradient(device(), row, place));
  });

  it("argmax: the first of the largest, NaN largest", async () => {
    using program = device().program({ x: f32(4, 3) }, ({ x }) => lib.argmax(x));
    const y = await program.run({
      x: Float32Array.of(1, 3, 3, -1, -2, -1, Number.NaN, 5, 9, -Infinity, -Infinity, -Infinity),
    });
    expect([...(y as Int32Array)]).to.deep.equal([1, 0, 0, 0]);
  });

  it("labelRank: scores that are at least the label's, NaN after all numbers", async () => {
    using program = device().program({ x: f32(5, 3), y: i32(5) }, ({ x, y }) => lib.labelRank(x, y));
    const { NaN: nan } = Number;
    const rank = await program.run({
      x: Float32Array.of(3, 1, 2, 3, 1, 2, 5, 5, 5, nan, 5, 9, 1, 2, 3),
      y: Int32Array.of(0, 1, 1, 0, 3),
    });
    expect([...(rank as Int32Array)]).to.deep.equal([0, 2, 2, 2, 3]);
    await expectError("ADASTEP_SHAPE", /labelRank: 'labels'.*accepted: i32 of the shape/, () =>
      device().program({ x: f32(5, 3), y: i32(4) }, ({ x, y }) => lib.labelRank(x, y)),
    );
  });

  it("withoutNaN: -Infinity in its place", async () => {
    using program = device().program({ x: f32(4) }, ({ x }) => lib.withoutNaN(x));
    const y = await program.run({ x: Float32Array.of(1, Number.NaN, Infinity, -0) });
    expect([...(y as Float32Array)]).to.deep.equal([1, -Infinity, Infinity, -0]);
  });

  it("total refuses what does not fit", async () => {
    const bad: [ErrorCode, RegExp, (x: Tensor, n: Tensor) => unknown][] = [
      ["ADASTEP_DTYPE", /total: 'x'/, (_, n) => lib.total(n)],
      [
        "ADASTEP_SHAPE",
        /total: 'minus'.*accepted: the shape of x, f32 \[3, 2\]/,
        (x, n) => lib.total(x, { minus: lib.cast(n, "f32") }),
      ],
      ["ADASTEP_DTYPE", /total: 'by'/, (x) => lib.total(x, { by: x, groups: 2 })],
      [
        "ADASTEP_SHAPE",
        /total: 'by'.*accepted: a group for each row/,
        (x, n) => lib.total(x, { by: lib.slice(n, 0, 0, 2), groups: 2 }),
      ],
      ["ADASTEP_ARGUMENT", /total: 'groups': got no 'by'/, (x) => lib.total(x, { groups: 2 })],
      ["ADASTEP_ARGUMENT", /total: 'groups': got 0/, (x, n) => lib.total(x, { by: n, groups: 0 })],
      ["ADASTEP_ARGUMENT", /total: 'of': got "mean"/, (x) => lib.total(x, { of: "mean" as never })],
      ["ADASTEP_ARGUMENT", /total: 'scale': got NaN/, (x) => lib.total(x, { scale: Number.NaN })],
    ];
    for (const [code, pattern, make] of bad) {
      await expectError(code, pattern, () =>
        device().program({ x: f32(3, 2), n: i32(3) }, ({ x, n }) => {
          make(x, n);
          return {};
        }),
      );
    }
  });

  it("max, equal, greaterEqual, cast", async () => {
    using program = device().program({ x: f32(2, 3), n: i32(3) }, ({ x, n }) => ({
      rows: lib.max(x, { axis: 1 }),
      all: lib.max(x),
      same: lib.equal(x, lib.cast(n, "f32")),
      atLeast: lib.greaterEqual(x, 2),
      whole: lib.cast(x, "i32"),
      bytes: lib.cast(x, "u8"),
    }));
    const r = await program.run({
      x: Float32Array.of(1.9, -2.5, 3, 400, Number.NaN, 3),
      n: Int32Array.of(1, 2, 3),
    });
    expect([...(r.rows as Float32Array)]).to.deep.equal([3, Number.NaN]);
    expect([...(r.same as Float32Array)]).to.deep.equal([0, 0, 1, 0, 0, 1]);
    expect([...(r.atLeast as Float32Array)]).to.deep.equal([0, 0, 1, 1, 0, 1]);
    expect([...(r.whole as Int32Array)]).to.deep.equal([1, -2, 3, 400, 0, 3]);
    expect([...(r.bytes as Uint8Array)]).to.deep.equal([1, 0, 3, 255, 0, 3]);
    expect(r.all).to.be.NaN;
  });
});
