// Every differentiable operation: its values against a reference in double precision, its gradients against central
// differences of that reference. The reference shares no code with the library.

import { expect } from "chai";
import * as lib from "../../lib/index.js";
import { f32, gradients, i32, mul, sum, type Tensor } from "../../lib/index.js";
import { bceLogits, squaredError } from "../../lib/tensor/elementwise.js";
import { onEachDevice } from "../support/devices.js";
import { distance, floats } from "../support/numbers.js";
import * as ref from "../support/reference.js";

type Array_ = ref.Array_;

interface Row {
  readonly name: string;
  /** Shapes of the differentiable arguments. */
  readonly shapes: readonly (readonly number[])[];
  readonly run: (...args: Tensor[]) => Tensor;
  readonly reference: (...args: Array_[]) => Array_;
  /** Interval of the arguments' elements. Default [-2, 2). */
  readonly range?: readonly [number, number];
  /** An i32 argument that comes last. */
  readonly indices?: { readonly shape: readonly number[]; readonly below: number };
}

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
  { name: "softmax", shapes: [[3, 7]], run: lib.softmax, reference: (x) => ref.rows(x, ref.softmax) },
  {
    name: "logSoftmax",
    shapes: [[3, 7]],
    run: lib.logSoftmax,
    reference: (x) => ref.rows(x, (row) => ref.softmax(row).map(Math.log)),
  },
  {
    name: "softmax of one column",
    shapes: [[3, 1]],
    run: lib.softmax,
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
  {
    name: "a value used three times",
    shapes: [[3, 4]],
    run: (x) => lib.add(lib.mul(x, x), lib.tanh(x)),
    reference: map((x) => x * x + Math.tanh(x)),
  },
];

const rows: Row[] = [...unary, ...binary, ...matmuls, ...others];

/** Numbers away from 0 and from each other's ties, where kinks would spoil a difference quotient. */
function argument(seed: number, shape: readonly number[], [low, high]: readonly [number, number]): Array_ {
  const data = Array.from(floats(seed, ref.count(shape), low, high), (v) =>
    low < 0 && Math.abs(v) < 0.05 ? v + 0.1 : v,
  );
  return { shape, data: data.map(Math.fround) };
}

onEachDevice("operations", (device) => {
  rows.forEach((row, place) => {
    it(`${row.name}: value and gradient`, async () => {
      const args = row.shapes.map((shape, i) => argument(100 * place + i, shape, row.range ?? [-2, 2]));
      const indices = row.indices && {
        shape: row.indices.shape,
        data: Array.from(floats(7, ref.count(row.indices.shape), 0, row.indices.below), Math.floor),
      };
      const rest = indices ? [indices] : [];
      const expected = row.reference(...args, ...rest);
      const weights = { shape: expected.shape, data: Array.from(floats(5, expected.data.length)) };

      const buffers = args.map(({ shape, data }) => device().from(Float32Array.from(data), shape));
      const inputs = { w: f32(...weights.shape), ...(indices ? { i: i32(...indices.shape) } : {}) };
      using program = device().program(
        inputs as { w: ReturnType<typeof f32>; i: ReturnType<typeof i32> },
        ({ w, i }) => {
          const tensors = buffers.map((buffer) => lib.affine(buffer, 1));
          const y = row.run(...tensors, ...(i ? [i] : []));
          const grads = gradients(sum(mul(y, w)), buffers);
          return { y, ...Object.fromEntries(grads.map((g, k) => [`g${k}`, g])) } as Record<string, Tensor>;
        },
      );
      const batch = {
        w: Float32Array.from(weights.data),
        ...(indices ? { i: Int32Array.from(indices.data) } : {}),
      };
      const result = (await program.run(batch as never)) as Record<string, Float32Array | number>;
      const asArray = (value: unknown) => (typeof value === "number" ? [value] : (value as Float32Array));

      // f32 rounding over sums of a few dozen terms of size 1: 1e-5 relative is ten times what is seen.
      expect(distance(asArray(result.y), expected.data), "value").to.be.below(1e-5);
      const loss = (...xs: Array_[]) =>
        row
          .reference(...xs, ...rest)
          .data.reduce((total, v, k) => total + v * (weights.data[k] as number), 0);
      args.forEach((arg, k) => {
        const h = 1e-5;
        const numeric = arg.data.map((v, j) => {
          const at = (x: number) =>
            loss(...args.map((a, m) => (m === k ? { ...a, data: a.data.with(j, x) } : a)));
          return (at(v + h) - at(v - h)) / (2 * h);
        });
        expect(distance(asArray(result[`g${k}`]), numeric), `gradient of argument ${k}`).to.be.below(3e-5);
      });
      for (const buffer of buffers) buffer.dispose();
    });
  });

  it("argmax: the first of the largest, NaN largest", async () => {
    using program = device().program({ x: f32(4, 3) }, ({ x }) => lib.argmax(x));
    const y = await program.run({
      x: Float32Array.of(1, 3, 3, -1, -2, -1, Number.NaN, 5, 9, -Infinity, -Infinity, -Infinity),
    });
    expect([...(y as Int32Array)]).to.deep.equal([1, 0, 0, 0]);
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
