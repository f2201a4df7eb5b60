// Operations that only move elements: reshape, transpose, slice, concatenate, broadcast, cast.

import { checkInteger } from "../check.js";
import {
  checkShape,
  countOf,
  type DType,
  type Shape,
  sameShape,
  shapeText,
  sizeOf,
} from "../device/dtype.js";
import { ArgumentError, DTypeError, describe, ShapeError } from "../errors.js";
import { output, recording, type Value } from "./recorder.js";
import { Tensor } from "./tensor.js";

/** Strides in elements of a contiguous shape. Internal. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--)
    strides[i] = (strides[i + 1] as number) * (shape[i + 1] as number);
  return strides;
}

/** The same elements in another shape; one dimension may be -1. Costs nothing. */
export function reshape(value: Value, shape: Shape): Tensor {
  const recorder = recording("reshape");
  const x = recorder.lift("reshape: 'x'", value);
  const known = countOf(shape.filter((d) => d !== -1));
  const target = checkShape(
    "reshape: 'shape'",
    shape.includes(-1) ? shape.map((d) => (d === -1 ? x.length / known : d)) : shape,
  );
  if (countOf(target) !== x.length) {
    throw new ShapeError({
      argument: "reshape: 'shape'",
      got: shapeText(shape),
      accepted: `${x.length} elements, as ${x} has`,
    });
  }
  if (sameShape(target, x.shape)) return x;
  const y = new Tensor(x.dtype, target, x.memory, x.byteOffset, x.constant);
  recorder.derive([y], [x], ([g]) => [[x, () => reshape(g as Tensor, x.shape)]]);
  return y;
}

/** All dimensions from `axis` on in one: `flatten(x)` of [n, 28, 28] is [n, 784]. */
export function flatten(value: Value, axis = 1): Tensor {
  const x = recording("flatten").lift("flatten: 'x'", value);
  checkInteger("flatten: 'axis'", axis, 0, x.rank);
  return reshape(x, [...x.shape.slice(0, axis), countOf(x.shape.slice(axis))]);
}

/** Records y = x, element by element, both strided. Internal. */
export function move(
  operation: string,
  x: Tensor,
  y: Tensor,
  shape: Shape,
  xStrides: readonly number[],
  yStrides: readonly number[],
): void {
  if (sizeOf(x.dtype) !== 4)
    throw new DTypeError({ argument: `${operation}: 'x'`, got: `${x}`, accepted: "f32 or i32" });
  const recorder = recording(operation);
  recorder.adopt(y);
  if (countOf(shape) > 0) recorder.emit("strided", { shape, xStrides, yStrides, x, y });
}

/** Dimensions in another order; by default reversed. */
export function transpose(value: Value, order?: readonly number[]): Tensor {
  const recorder = recording("transpose");
  const x = recorder.lift("transpose: 'x'", value);
  const axes = order ?? x.shape.map((_, i) => x.rank - 1 - i);
  if (axes.length !== x.rank || x.shape.some((_, i) => !axes.includes(i))) {
    throw new ArgumentError({
      argument: "transpose: 'order'",
      got: describe(order),
      accepted: `each of 0 to ${x.rank - 1} once`,
    });
  }
  const y = output(
    axes.map((axis) => x.shape[axis] as number),
    x.dtype,
  );
  const strides = stridesOf(x.shape);
  move(
    "transpose",
    x,
    y,
    y.shape,
    axes.map((axis) => strides[axis] as number),
    stridesOf(y.shape),
  );
  recorder.derive([y], [x], ([g]) => [
    [
      x,
      () =>
        transpose(
          g as Tensor,
          x.shape.map((_, i) => axes.indexOf(i)),
        ),
    ],
  ]);
  return y;
}

/** Elements `start` to `end` (exclusive) of the dimension `axis`. */
export function slice(value: Value, axis: number, start: number, end: number): Tensor {
  const recorder = recording("slice");
  const x = recorder.lift("slice: 'x'", value);
  checkInteger("slice: 'axis'", axis, 0, x.rank - 1);
  const size = x.shape[axis] as number;
  checkInteger("slice: 'start'", start, 0, size);
  checkInteger("slice: 'end'", end, start, size);
  const y = output(
    x.shape.map((d, i) => (i === axis ? end - start : d)),
    x.dtype,
  );
  const strides = stridesOf(x.shape);
  const from = new Tensor(
    x.dtype,
    y.shape,
    x.memory,
    x.byteOffset + start * (strides[axis] as number) * sizeOf(x.dtype),
  );
  move("slice", from, y, y.shape, strides, stridesOf(y.shape));
  recorder.derive([y], [x], ([g]) => [[x, () => paste(g as Tensor, x.shape, axis, start)]]);
  return y;
}

/** Zeros of `shape` with `part` at `start` of `axis`: the gradient of a slice. */
function paste(part: Tensor, shape: Shape, axis: number, start: number): Tensor {
  const whole = recording("slice").full(shape, 0);
  const y = new Tensor("f32", shape, whole.memory);
  place(part, y, axis, start);
  return y;
}

/** Writes `part` into `whole` at `start` of `axis`. */
function place(part: Tensor, whole: Tensor, axis: number, start: number): void {
  const strides = stridesOf(whole.shape);
  const offset = whole.byteOffset + start * (strides[axis] as number) * sizeOf(whole.dtype);
  move(
    "concat",
    part,
    new Tensor(whole.dtype, part.shape, whole.memory, offset),
    part.shape,
    stridesOf(part.shape),
    strides,
  );
}

/** Tensors one after the other along `axis`; their other dimensions must agree. */
export function concat(values: readonly Value[], axis = 0): Tensor {
  const recorder = recording("concat");
  const parts = values.map((value) => recorder.lift("concat: 'values'", value));
  const first = parts[0];
  if (!first)
    throw new ArgumentError({ argument: "concat: 'values'", got: "none", accepted: "at least one tensor" });
  checkInteger("concat: 'axis'", axis, 0, first.rank - 1);
  for (const part of parts) {
    const fits =
      part.rank === first.rank &&
      part.dtype === first.dtype &&
      part.shape.every((d, i) => i === axis || d === first.shape[i]);
    if (!fits) {
      throw new ShapeError({
        argument: "concat: 'values'",
        got: `${part}`,
        accepted: `like ${first} but for dimension ${axis}`,
      });
    }
  }
  const starts = parts.map((_, i) =>
    parts.slice(0, i).reduce((at, part) => at + (part.shape[axis] as number), 0),
  );
  const total = parts.reduce((at, part) => at + (part.shape[axis] as number), 0);
  const y = output(
    first.shape.map((d, i) => (i === axis ? total : d)),
    first.dtype,
  );
  parts.forEach((part, i) => {
    place(part, y, axis, starts[i] as number);
  });
  recorder.derive([y], parts, ([g]) =>
    parts.map((part, i) => {
      const start = starts[i] as number;
      return [part, () => slice(g as Tensor, axis, start, start + (part.shape[axis] as number))] as const;
    }),
  );
  return y;
}

/** `scale * x` stretched to `shape`; internal, the gradient of a sum. */
export function broadcastTo(x: Tensor, shape: Shape, scale = 1): Tensor {
  const recorder = recording("broadcastTo");
  if (x.constant !== undefined) return recorder.full(shape, Math.fround(x.constant * scale));
  const scaled = scale === 1 ? x : output(x.shape);
  if (scaled !== x)
    recorder.emit("unary", { fn: "affine", n: x.length, alpha: scale, beta: 0, x, y: scaled });
  if (sameShape(x.shape, shape)) return scaled;
  const y = output(shape);
  const strides = stridesOf(x.shape).map((stride, i) => (x.shape[i] === 1 ? 0 : stride));
  move(
    "broadcastTo",
    scaled,
    y,
    shape,
    [...new Array<number>(shape.length - x.rank).fill(0), ...strides],
    stridesOf(shape),
  );
  return y;
}

/** Elements converted to another type (f32, i32, u8); f32 to an integer truncates and saturates. No gradient. */
export function cast(value: Value, dtype: DType): Tensor {
  const recorder = recording("cast");
  const x = recorder.lift("cast: 'x'", value);
  if (dtype === "f64" || dtype === "bf16" || x.dtype === "f64") {
    throw new DTypeError({ argument: "cast", got: `${x} to ${dtype}`, accepted: "f32, i32 or u8" });
  }
  if (x.dtype === dtype) return x;
  const y = output(x.shape, dtype);
  recorder.emit("cast", { from: x.dtype, to: dtype, n: x.length, x, y });
  return y;
}
