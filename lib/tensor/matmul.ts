// Matrix multiplication and the affine layer on it, beside their gradients.

import { checkBoolean, checkKeys, given } from "../check.js";
import { countOf, sameShape } from "../device/dtype.js";
import { checkPrecision, type GemmProblem, gemmLayout, matrixOf } from "../device/gemm.js";
import { ShapeError } from "../errors.js";
import type { ComputePrecision } from "../native/native.js";
import { liftF32 } from "./arguments.js";
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
  /** What a and b are rounded to as they are read, in the gradient too. Default: the program's. */
  readonly precision?: ComputePrecision;
}

/** Records c = op(a) op(b) + bias for matrices or equal batches of matrices; a batch of one side only is repeated. */
function gemm(
  a: Tensor,
  b: Tensor,
  problem: GemmProblem,
  precision: ComputePrecision,
  bias?: Tensor,
): Tensor {
  const c = output([...problem.batch, problem.m, problem.n]);
  const epilogue = { alpha: 1, beta: 0, activation: "none" };
  recording("gemm").emit("gemm", {
    ...gemmLayout(problem, a.shape, b.shape),
    ...epilogue,
    ...{ precision, a, b, bias, c },
  });
  return c;
}

function problemOf(a: Tensor, b: Tensor, transA: boolean, transB: boolean): GemmProblem {
  const refuse = (accepted: string): never => {
    const flags = `${transA ? ", transA" : ""}${transB ? ", transB" : ""}`;
    throw new ShapeError({ argument: "matmul: shapes", got: `${a} and ${b}${flags}`, accepted });
  };
  if (a.rank < 2 || b.rank < 2) refuse("two matrices, or batches of matrices");
  const [batchA, batchB] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
  if (batchA.length > 0 && batchB.length > 0 && !sameShape(batchA, batchB)) refuse("equal batch dimensions");
  const [m, k] = matrixOf(a.shape, transA);
  const [kb, n] = matrixOf(b.shape, transB);
  if (k !== kb) refuse("inner dimensions that agree: [m, k] and [k, n]");
  return { batch: batchA.length > 0 ? batchA : batchB, m, n, k, transA, transB };
}

/** The matrix product of the last two dimensions; leading dimensions are a batch, equal on both sides or on one only. */
export function matmul(first: Value, second: Value, options: MatmulOptions = {}): Tensor {
  const [a, b] = [liftF32("matmul", "a", first), liftF32("matmul", "b", second)];
  checkKeys("matmul", options, ["transA", "transB", "precision"]);
  const transA = checkBoolean("matmul: 'transA'", given(options.transA, false));
  const transB = checkBoolean("matmul: 'transB'", given(options.transB, false));
  const recorder = recording("matmul");
  const precision =
    options.precision === undefined
      ? recorder.precision
      : checkPrecision("matmul: 'precision'", options.precision, recorder.device);
  const c = gemm(a, b, problemOf(a, b, transA, transB), precision);
  // With C = A B:  dA = dC B^T and dB = A^T dC; stored transposed, the product is transposed too.
  recorder.derive([c], [a, b], ([gradient]) => {
    const g = gradient as Tensor;
    const product = (left: Tensor, right: Tensor, transposed: MatmulOptions): Tensor =>
      matmul(left, right, { ...transposed, precision });
    return [
      [
        a,
        () =>
          sumTo(
            transA ? product(b, g, { transA: transB, transB: true }) : product(g, b, { transB: !transB }),
            a.shape,
          ),
      ],
      [
        b,
        () =>
          sumTo(
            transB ? product(g, a, { transA: true, transB: transA }) : product(a, g, { transA: !transA }),
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
  const [x, w] = [liftF32("linear", "x", value), liftF32("linear", "weight", weight)];
  const b = bias === undefined ? undefined : liftF32("linear", "bias", bias);
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
  const rows = countOf(lead);
  const flat = reshape(x, [rows, inputs]);
  const problem = { batch: [], m: rows, n: outputs, k: inputs, transA: false, transB: true };
  const y = gemm(flat, w, problem, recorder.precision, b);
  recorder.derive([y], b ? [flat, w, b] : [flat, w], ([gradient]) => {
    const g = gradient as Tensor;
    const forBias: [Tensor, () => Tensor][] = b ? [[b, () => sumTo(g, b.shape)]] : [];
    return [[flat, () => matmul(g, w)], [w, () => matmul(g, flat, { transA: true })], ...forBias];
  });
  return reshape(y, [...lead, outputs]);
}
