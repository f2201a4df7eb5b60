// Sums, means, maxima over an axis or over everything, each beside its gradient.

import { checkInteger, checkKeys } from "../check.js";
import { countOf, type Shape, sameShape, shapeText } from "../device/dtype.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { liftF32, rowsOf } from "./arguments.js";
import { output, recording, type Value } from "./recorder.js";
import { broadcastTo, reshape } from "./shape.js";
import { asScalar, type Scalar, type Tensor } from "./tensor.js";

/** Options of a reduction over one axis. */
export interface AxisOptions {
  /** Which dimension; negative counts from the end. */
  readonly axis: number;
  /** Keeps the dimension, with size 1. Default: it goes. */
  readonly keepDims?: boolean;
}

/** A dimension from 0 of one that may count from the end. */
function checkAxis(operation: string, axis: number, rank: number): number {
  checkInteger(`${operation}: 'axis'`, axis, -rank, rank - 1);
  return axis < 0 ? axis + rank : axis;
}

function lift(operation: string, value: Value): Tensor {
  return liftF32(operation, "x", value, "f32 (use cast)");
}

/** Reduces dimensions `from` to `to` (exclusive) of x, which become size 1. */
function reduce(fn: string, x: Tensor, from: number, to: number, scale = 1): Tensor {
  const [outer, n, inner] = [x.shape.slice(0, from), x.shape.slice(from, to), x.shape.slice(to)];
  const y = output([...outer, ...n.map(() => 1), ...inner]);
  recording(fn).emit("reduce", {
    fn,
    outer: countOf(outer),
    n: countOf(n),
    inner: countOf(inner),
    scale,
    x,
    y,
  });
  return y;
}

/** The shape without, or with 1 for, the reduced dimensions. */
function shapeAfter(x: Tensor, from: number, to: number, keepDims: boolean): Shape {
  return keepDims
    ? x.shape.map((d, i) => (i >= from && i < to ? 1 : d))
    : [...x.shape.slice(0, from), ...x.shape.slice(to)];
}

function linear(
  operation: string,
  value: Value,
  options: AxisOptions | undefined,
  scaleOf: (n: number) => number,
): Tensor {
  const x = lift(operation, value);
  const [from, to] = rangeOf(operation, x, options);
  const scale = scaleOf(countOf(x.shape.slice(from, to)));
  const kept = reduce("sum", x, from, to, scale);
  recording(operation).derive([kept], [x], ([g]) => [[x, () => broadcastTo(g as Tensor, x.shape, scale)]]);
  return reshape(kept, shapeAfter(x, from, to, options?.keepDims ?? false));
}

function rangeOf(operation: string, x: Tensor, options: AxisOptions | undefined): [number, number] {
  if (options === undefined) return [0, x.rank];
  checkKeys(operation, options, ["axis", "keepDims"]);
  const axis = checkAxis(operation, options.axis, x.rank);
  return [axis, axis + 1];
}

/** The sum of all elements, or over one axis: `sum(x)`, `sum(x, { axis: -1 })`. */
export function sum(x: Value): Scalar;
export function sum(x: Value, options: AxisOptions): Tensor;
export function sum(x: Value, options?: AxisOptions): Tensor {
  return linear("sum", x, options, () => 1);
}

/** The mean of all elements, or over one axis; of nothing it is NaN. */
export function mean(x: Value): Scalar;
export function mean(x: Value, options: AxisOptions): Tensor;
export function mean(x: Value, options?: AxisOptions): Tensor {
  return linear("mean", x, options, (n) => (n === 0 ? Number.NaN : 1 / n));
}

/** The largest element over an axis (or of all). It has no gradient: a loss that depends on it is refused. */
export function max(value: Value, options?: AxisOptions): Tensor {
  const x = lift("max", value);
  const [from, to] = rangeOf("max", x, options);
  const kept = reduce("max", x, from, to);
  recording("max").derive([kept], [x], () => {
    throw new ArgumentError({
      argument: "gradients",
      got: "a loss that depends on max",
      accepted: "operations with a gradient",
    });
  });
  return reshape(kept, shapeAfter(x, from, to, options?.keepDims ?? false));
}

/** The sum of the squares of all elements. */
export function sumOfSquares(value: Value): Scalar {
  const x = lift("sumOfSquares", value);
  const recorder = recording("sumOfSquares");
  const kept = reduce("sumSquares", x, 0, x.rank);
  recorder.derive([kept], [x], ([g]) => [
    [
      x,
      () => {
        const y = output(x.shape);
        const twice = broadcastTo(g as Tensor, x.shape, 2);
        const shape = [x.length];
        recorder.emit("binary", { fn: "mul", shape, aStrides: [1], bStrides: [1], a: twice, b: x, y });
        return y;
      },
    ],
  ]);
  return asScalar(reshape(kept, []));
}

/** The index of the largest element along the last axis, i32; the first of equals, NaN counts as largest. */
export function argmax(value: Value): Tensor {
  const x = lift("argmax", value);
  const { rows, cols } = rowsOf("argmax", x);
  const y = output(x.shape.slice(0, -1), "i32");
  recording("argmax").emit("argmax", { rows, cols, x, y });
  return y;
}

/**
 * How many of the other scores of a row are at least that of its label: the label is among the k best where it is less than k. Equal
 * scores come before the label's, NaN after all numbers. x f32 [..., classes], labels i32 [...]; gives i32 [...], `classes` for a
 * label that is not in [0, classes). No gradient.
 */
export function labelRank(value: Value, which: Value): Tensor {
  const x = lift("labelRank", value);
  const { rows, cols } = rowsOf("labelRank", x);
  const labels = recording("labelRank").lift("labelRank: 'labels'", which);
  if (labels.dtype !== "i32" || !sameShape(labels.shape, x.shape.slice(0, -1))) {
    throw new ShapeError({
      argument: "labelRank: 'labels'",
      got: `${labels} for scores ${x}`,
      accepted: "i32 of the shape of the scores without the last dimension",
    });
  }
  const rank = output(labels.shape, "i32");
  recording("labelRank").emit("labelRank", { rows, cols, x, labels, rank });
  return rank;
}

/** Sums `x` down to `shape`, which broadcasts to x's: the gradient of broadcasting. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  const lead = x.rank - shape.length;
  if (lead < 0)
    throw new ShapeError({
      argument: "sumTo",
      got: `${x}`,
      accepted: `what ${shapeText(shape)} broadcasts to`,
    });
  if (x.constant !== undefined) {
    const times = x.length / Math.max(1, countOf(shape));
    return x.length === countOf(shape)
      ? reshape(x, shape)
      : recording("sumTo").full(shape, Math.fround(x.constant * times));
  }
  let result = lead > 0 ? reduce("sum", x, 0, lead) : x;
  for (let i = 0; i < shape.length; i++) {
    const axis = lead + i;
    if (shape[i] === 1 && result.shape[axis] !== 1) result = reduce("sum", result, axis, axis + 1);
  }
  return reshape(result, shape);
}
