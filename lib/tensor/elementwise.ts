// Elementwise operations with broadcasting, each beside its gradient.

import { type Shape, sameShape, shapeText } from "../device/dtype.js";
import { ShapeError } from "../errors.js";
import { liftF32 } from "./arguments.js";
import { type NodeField, output, recording, type Value } from "./recorder.js";
import { sumTo } from "./reduce.js";
import type { Tensor } from "./tensor.js";

/** A value, or a number that is broadcast. */
export type Operand = Value | number;

function lift(operation: string, name: string, value: Operand): Tensor {
  return typeof value === "number"
    ? recording(operation).full([], value)
    : liftF32(operation, name, value, "f32 (use cast)");
}

// --- one argument ---------------------------------------------------------------------------------------------------

/** Records a unary function without a gradient. Internal. */
export function unary(fn: string, x: Tensor, constants: Record<string, NodeField> = {}): Tensor {
  const y = output(x.shape);
  recording(fn).emit("unary", { fn, n: x.length, alpha: 1, beta: 0, ...constants, x, y });
  return y;
}

/** alpha * x + beta, for numbers alpha and beta. */
export function affine(x: Value, alpha: number, beta = 0): Tensor {
  const a = lift("affine", "x", x);
  const recorder = recording("affine");
  if (alpha === 1 && beta === 0) return a;
  if (a.constant !== undefined) return recorder.full(a.shape, Math.fround(alpha * a.constant + beta));
  const y = unary("affine", a, { alpha, beta });
  recorder.derive([y], [a], ([g]) => [[a, () => affine(g as Tensor, alpha)]]);
  return y;
}

/** Records `y = fn(x)` whose gradient is the binary function `slope` of (g, y) or of (g, x). */
function smooth(fn: string, slope: string, needs: "result" | "argument"): (x: Value) => Tensor {
  const record = (value: Value): Tensor => {
    const x = lift(fn, "x", value);
    const y = unary(fn, x);
    recording(fn).derive([y], [x], ([g]) => [
      [x, () => plain(slope, g as Tensor, needs === "result" ? y : x)],
    ]);
    return y;
  };
  return Object.defineProperty(record, "name", { value: fn }); // models are described by the names of their layers
}

/** max(x, 0). */
export const relu = smooth("relu", "reluGrad", "result");
/** x * Phi(x), Phi the normal distribution function (Hendrycks & Gimpel 2016), exact, not the tanh approximation. */
export const gelu = smooth("gelu", "geluGrad", "argument");
/** x / (1 + exp(-x)), also called swish (Hendrycks & Gimpel 2016). */
export const silu = smooth("silu", "siluGrad", "argument");
/** Hyperbolic tangent. */
export const tanh = smooth("tanh", "tanhGrad", "result");
/** 1 / (1 + exp(-x)). */
export const sigmoid = smooth("sigmoid", "sigmoidGrad", "result");
/** Square root; its gradient at 0 is infinite. */
export const sqrt = smooth("sqrt", "sqrtGrad", "result");
/** |x|; its gradient at 0 is 0. */
export const abs = smooth("abs", "absGrad", "argument");

/** e^x. */
export function exp(value: Value): Tensor {
  const x = lift("exp", "x", value);
  const y = unary("exp", x);
  recording("exp").derive([y], [x], ([g]) => [[x, () => plain("mul", g as Tensor, y)]]);
  return y;
}

/** Natural logarithm. */
export function log(value: Value): Tensor {
  const x = lift("log", "x", value);
  const y = unary("log", x);
  recording("log").derive([y], [x], ([g]) => [[x, () => plain("div", g as Tensor, x)]]);
  return y;
}

/** x, or -Infinity for NaN, so that NaN is the smallest of all; no gradient. */
export function withoutNaN(x: Value): Tensor {
  return unary("number", lift("withoutNaN", "x", x));
}

/** -x. */
export function neg(x: Value): Tensor {
  return affine(x, -1);
}

/** x * x. */
export function square(x: Value): Tensor {
  return mul(x, x);
}

// --- two arguments --------------------------------------------------------------------------------------------------

/** The shape of two broadcast together as NumPy does: aligned at the end, 1 stretches. */
function broadcastShape(operation: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new ShapeError({
        argument: `${operation}: shapes`,
        got: `${shapeText(a)} and ${shapeText(b)}`,
        accepted: "shapes that broadcast: equal or 1 in each dimension, from the last",
      });
    }
    return x === 1 ? y : x;
  });
}

/** Strides in elements of a contiguous `shape`, with 0 where it is stretched to `target`. */
function broadcastStrides(shape: Shape, target: Shape): number[] {
  const strides = new Array<number>(target.length).fill(0);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const d = shape[i] as number;
    if (d !== 1) strides[target.length - shape.length + i] = step;
    step *= d;
  }
  return strides;
}

/** Records a binary function without a gradient. Internal. */
export function plain(fn: string, a: Tensor, b: Tensor): Tensor {
  const shape = broadcastShape(fn, a.shape, b.shape);
  const y = output(shape);
  recording(fn).emit("binary", {
    fn,
    shape,
    aStrides: broadcastStrides(a.shape, shape),
    bStrides: broadcastStrides(b.shape, shape),
    a,
    b,
    y,
  });
  return y;
}

type Side = (g: Tensor, a: Tensor, b: Tensor, y: Tensor) => Tensor;

/** A binary function with the gradients of its two arguments, before they are summed over what was broadcast. */
function binary(fn: string, gradientA: Side, gradientB: Side): (a: Operand, b: Operand) => Tensor {
  return (first, second) => {
    const [a, b] = [lift(fn, "a", first), lift(fn, "b", second)];
    const y = plain(fn, a, b);
    recording(fn).derive([y], [a, b], ([g]) => [
      [a, () => sumTo(gradientA(g as Tensor, a, b, y), a.shape)],
      [b, () => sumTo(gradientB(g as Tensor, a, b, y), b.shape)],
    ]);
    return y;
  };
}

const addTensors = binary(
  "add",
  (g) => g,
  (g) => g,
);
const subTensors = binary(
  "sub",
  (g) => g,
  (g) => affine(g, -1),
);
const mulTensors = binary(
  "mul",
  (g, _a, b) => mul(g, b),
  (g, a) => mul(g, a),
);

/** The number that `value` is, where `other` absorbs it: a scalar constant, or one of the other's shape. */
function constantOf(value: Tensor, other: Tensor): number | undefined {
  return value.rank === 0 || sameShape(value.shape, other.shape) ? value.constant : undefined;
}

/** a + b. */
export function add(a: Operand, b: Operand): Tensor {
  const [left, right] = [lift("add", "a", a), lift("add", "b", b)];
  const constant = constantOf(right, left);
  return constant === undefined ? addTensors(left, right) : affine(left, 1, constant);
}

/** a - b. */
export function sub(a: Operand, b: Operand): Tensor {
  const [left, right] = [lift("sub", "a", a), lift("sub", "b", b)];
  const constant = constantOf(right, left);
  return constant === undefined ? subTensors(left, right) : affine(left, 1, -constant);
}

/** a * b. */
export function mul(a: Operand, b: Operand): Tensor {
  const [left, right] = [lift("mul", "a", a), lift("mul", "b", b)];
  const [byRight, byLeft] = [constantOf(right, left), constantOf(left, right)];
  if (byRight !== undefined) return affine(left, byRight);
  return byLeft === undefined ? mulTensors(left, right) : affine(right, byLeft);
}

/** a / b. */
export const div = binary(
  "div",
  (g, _a, b) => plain("div", g, b),
  (g, _a, b, y) => affine(plain("mul", g, plain("div", y, b)), -1),
);

const chosenA: Side = (g, a, b) => plain("mul", g, plain("greaterEqual", a, b));
/** The larger of two; equal ones give the gradient to the first. */
export const maximum = binary("maximum", chosenA, (g, a, b) =>
  plain("sub", g, plain("mul", g, plain("greaterEqual", a, b))),
);
/** The smaller of two; equal ones give the gradient to the first. */
export const minimum = binary(
  "minimum",
  (g, a, b) => plain("mul", g, plain("greaterEqual", b, a)),
  (g, a, b) => plain("sub", g, plain("mul", g, plain("greaterEqual", b, a))),
);

/** (a - b)^2. */
export const squaredError = binary(
  "squaredError",
  (g, a, b) => affine(plain("mul", g, plain("sub", a, b)), 2),
  (g, a, b) => affine(plain("mul", g, plain("sub", a, b)), -2),
);

/** Binary cross-entropy of logits a for targets b in [0, 1]: max(a, 0) - a b + log(1 + exp(-|a|)). */
export const bceLogits = binary(
  "bceLogits",
  (g, a, b) => mul(g, plain("bceLogitsGrad", a, b)),
  (g, a) => affine(mul(g, a), -1),
);

/** 1 where a >= b, else 0; no gradient. */
export function greaterEqual(a: Operand, b: Operand): Tensor {
  return plain("greaterEqual", lift("greaterEqual", "a", a), lift("greaterEqual", "b", b));
}

/** 1 where a == b, else 0; no gradient. */
export function equal(a: Operand, b: Operand): Tensor {
  return plain("equal", lift("equal", "a", a), lift("equal", "b", b));
}
