// Matrix multiplication and the affine layer on it, beside their gradients.

import { checkBoolean, checkKeys, given } from "../check.js";
import { type Shape, sameShape } from "../device/dtype.js";
import { DTypeError, ShapeError } from "../errors.js";
import { output, recording, type Value } from "./recorder.js";
import { sumTo } from "./reduce.js";
import { reshape } from "./shape.js";
import type { Tensor } from "./tensor.js";

/** Options of `matmul`. */
export interface MatmulOptions {
  /** Takes the last two dimensions of a in the other order. */
  readonly transA?: boolean;
  /** Takes the last two dimensions of b in the other order. */
  readonly transB?: boolean;
}

function lift(operation: string, name: string, value: Value): Tensor {
  const x = recording(operation).lift(`${operation}: '${name}'`, value);
  if (x.dtype !== "f32")
    throw new DTypeError({ argument: `${operation}: '${name}'`, got: `${x}`, accepted: "f32" });
  return x;
}

interface Problem {
  readonly batch: Shape;
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Records c = op(a) op(b) + bias for matrices or equal batches of matrices; a batch of one side only is repeated. */
function gemm(
  a: Tensor,
  b: Tensor,
  transA: boolean,
  transB: boolean,
  problem: Problem,
  bias?: Tensor,
): Tensor {
  const { batch, m, n, k } = problem;
  const c = output([...batch, m, n]);
  const count = batch.reduce((product, d) => product * d, 1);
  recording("gemm").emit("gemm", {
    batch: count,
    m,
    n,
    k,
    transA,
    transB,
    lda: transA ? m : k,
    ldb: transB ? k : n,
    ldc: n,
    strideA: a.rank > 2 ? m * k : 0,
    strideB: b.rank > 2 ? k * n : 0,
    strideC: m * n,
    alpha: 1,
    beta: 0,
    activation: "none",
    a,
    b,
    bias,
    c,
  });
  return c;
}

function problemOf(a: Tensor, b: Tensor, transA: boolean, transB: boolean): Problem {
  const refuse = (accepted: string): never => {
    const flags = `${transA ? ", transA" : ""}${transB ? ", transB" : ""}`;
    throw new ShapeError({ argument: "matmul: shapes", got: `${a} and ${b}${flags}`, accepted });
  };
  if (a.rank < 2 || b.rank < 2) refuse("two matrices, or batches of matrices");
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  if (batchA.length > 0 && batchB.length > 0 && !sameShape(batchA, batchB)) refuse("equal batch dimensions");
  const [rowsA, colsA] = a.shape.slice(-2) as [number, number];
  const [rowsB, colsB] = b.shape.slice(-2) as [number, number];
  const [m, k] = transA ? [colsA, rowsA] : [rowsA, colsA];
  const [kb, n] = transB ? [colsB, rowsB] : [rowsB, colsB];
  if (k !== kb) refuse("inner dimensions that agree: [m, k] and [k, n]");
  return { batch: batchA.length > 0 ? batchA : batchB, m, n, k };
}

/** The matrix product of the last two dimensions; leading dimensions are a batch, equal on both sides or on one only. */
export function matmul(first: Value, second: Value, options: MatmulOptions = {}): Tensor {
  const [a, b] = [lift("matmul", "a", first), lift("matmul", "b", second)];
  checkKeys("matmul", options, ["transA", "transB"]);
  const transA = checkBoolean("matmul: 'transA'", given(options.transA, false));
  const transB = checkBoolean("matmul: 'transB'", given(options.transB, false));
  const c = gemm(a, b, transA, transB, problemOf(a, b, transA, transB));
  // With C = A B:  dA = dC B^T and dB = A^T dC; stored transposed, the product is transposed too.
  recording("matmul").derive([c], [a, b], ([gradient]) => {
    const g = gradient as Tensor;
    return [
      [
        a,
        () =>
          sumTo(
            transA ? matmul(b, g, { transA: transB, transB: true }) : matmul(g, b, { transB: !transB }),
            a.shape,
          ),
      ],
      [
        b,
        () =>
          sumTo(
            transB ? matmul(g, a, { transA: true, transB: transA }) : matmul(a, g, { transA: !transA }),
            b.shape,
          ),
      ],
    ];
  });
  return c;
}

/**
 * x weight^T + bias for x [..., inputs], weight [outputs, inputs], bias [outputs]: [..., outputs]. One gemm: the bias is
 * added in its epilogue.
 */
export function linear(value: Value, weight: Value, bias?: Value): Tensor {
  const recorder = recording("linear");
  const [x, w] = [lift("linear", "x", value), lift("linear", "weight", weight)];
  const b = bias === undefined ? undefined : lift("linear", "bias", bias);
  const [outputs, inputs] = w.shape;
  if (w.rank !== 2 || outputs === undefined || inputs === undefined) {
    throw new ShapeError({ argument: "linear: 'weight'", got: `${w}`, accepted: "[outputs, inputs]" });
  }
  if (x.rank < 1 || x.shape[x.rank - 1] !== inputs) {
    throw new ShapeError({
      argument: "linear: 'x'",
      got: `${x}`,
      accepted: `[..., ${inputs}], as the weight ${w} has`,
    });
  }
  if (b && !sameShape(b.shape, [outputs])) {
    throw new ShapeError({ argument: "linear: 'bias'", got: `${b}`, accepted: `f32 [${outputs}]` });
  }
  const lead = x.shape.slice(0, -1);
  const rows = lead.reduce((product, d) => product * d, 1);
  const flat = reshape(x, [rows, inputs]);
  const y = gemm(flat, w, false, true, { batch: [], m: rows, n: outputs, k: inputs }, b);
  recorder.derive([y], b ? [flat, w, b] : [flat, w], ([gradient]) => {
    const g = gradient as Tensor;
    const forBias: [Tensor, () => Tensor][] = b ? [[b, () => sumTo(g, b.shape)]] : [];
    return [[flat, () => matmul(g, w)], [w, () => matmul(g, flat, { transA: true })], ...forBias];
  });
  return reshape(y, [...lead, outputs]);
}
