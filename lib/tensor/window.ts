// Convolution and pooling over images [n, height, width, channels]: windows become the rows of a matrix, so a convolution
// is one gemm with the bias (and the activation after it) in its epilogue.

import { checkInteger, checkKeys, given } from "../check.js";
import type { Shape } from "../device/dtype.js";
import { ArgumentError, describe, ShapeError } from "../errors.js";
import { liftF32 } from "./arguments.js";
import { linear } from "./matmul.js";
import { output, recording, type Value } from "./recorder.js";
import { mean } from "./reduce.js";
import { reshape, transpose } from "./shape.js";
import type { Tensor } from "./tensor.js";

/** A size along height and width: one number for both, or `[height, width]`. */
export type Size = number | readonly [height: number, width: number];

/** Options of `conv2d`. */
export interface ConvolutionOptions {
  /** Pixels from one window to the next. Default 1. */
  readonly stride?: Size;
  /** Pixels of zeros around the image, on either side. Default 0. */
  readonly padding?: Size;
}

/** Options of pooling. */
export interface PoolOptions {
  /** Pixels from one window to the next. Default: the size of the window. */
  readonly stride?: Size;
  /** Pixels around the image, on either side, at most half a window: zeros for a mean, nothing for a maximum. Default 0. */
  readonly padding?: Size;
}

const MOST = 2 ** 30;

/** Height and width of a size. */
export function checkSize(argument: string, value: unknown, low: number): readonly [number, number] {
  if (Array.isArray(value) && value.length !== 2) {
    throw new ArgumentError({ argument, got: describe(value), accepted: "a number or [height, width]" });
  }
  const [height, width] = Array.isArray(value) ? value : [value, value];
  return [checkInteger(argument, height, low, MOST), checkInteger(argument, width, low, MOST)];
}

interface Geometry {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
}

/** The size of a pooling window and how it moves. */
export function checkPool(operation: string, kernel: Size, options: PoolOptions): Geometry {
  checkKeys(operation, options, ["stride", "padding"]);
  const size = checkSize(`${operation}: 'kernel'`, kernel, 1);
  const padding = checkSize(`${operation}: 'padding'`, given(options.padding, 0), 0);
  if (padding.some((pad, i) => 2 * pad > (size[i] as number))) {
    throw new ArgumentError({
      argument: `${operation}: 'padding'`,
      got: describe(options.padding),
      accepted: `at most half of the window, ${size.join(" x ")}`,
    });
  }
  return {
    kernel: size,
    stride: checkSize(`${operation}: 'stride'`, given(options.stride, size), 1),
    padding,
  };
}

/** How a convolution's window moves. */
export function checkConvolution(
  operation: string,
  options: ConvolutionOptions,
): Pick<Geometry, "stride" | "padding"> {
  return {
    stride: checkSize(`${operation}: 'stride'`, given(options.stride, 1), 1),
    padding: checkSize(`${operation}: 'padding'`, given(options.padding, 0), 0),
  };
}

/** The fields of core/ops/window.h, and the number of windows along each axis. */
function windowsOf(operation: string, x: Tensor, { kernel, stride, padding }: Geometry) {
  const [n, h, w, c] = x.shape;
  if (x.rank !== 4 || n === undefined || h === undefined || w === undefined || c === undefined) {
    throw new ShapeError({
      argument: `${operation}: 'x'`,
      got: `${x}`,
      accepted: "[n, height, width, channels]",
    });
  }
  const [outH = 0, outW = 0] = [h, w].map(
    (size, i) =>
      Math.floor((size + 2 * (padding[i] as number) - (kernel[i] as number)) / (stride[i] as number)) + 1,
  );
  if (outH < 1 || outW < 1) {
    throw new ShapeError({
      argument: `${operation}: 'x'`,
      got: `${x}`,
      accepted: `an image that has room for a window of ${kernel.join(" x ")}`,
    });
  }
  const [[kernelH, kernelW], [strideH, strideW], [padH, padW]] = [kernel, stride, padding];
  return { n, h, w, c, kernelH, kernelW, strideH, strideW, padH, padW, outH, outW };
}

/** The windows of each image as rows: x [n, h, w, c] -> [n, outH, outW, kernelH * kernelW * c]. */
function unfold(operation: string, x: Tensor, geometry: Geometry): Tensor {
  const windows = windowsOf(operation, x, geometry);
  const { n, c, kernelH, kernelW, outH, outW } = windows;
  const alone = [...geometry.kernel, ...geometry.stride].every((size) => size === 1);
  if (alone && geometry.padding.every((pad) => pad === 0)) return x; // its windows are its pixels
  const y = output([n, outH, outW, kernelH * kernelW * c]);
  const recorder = recording(operation);
  recorder.emit("unfold", { ...windows, x, y });
  recorder.derive([y], [x], ([gy]) => [
    [
      x,
      () => {
        const gx = output(x.shape);
        recorder.emit("fold", { ...windows, gy, gx });
        return gx;
      },
    ],
  ]);
  return y;
}

/**
 * Two-dimensional convolution (cross-correlation, as everywhere in neural networks): x f32 [n, h, w, inputs], weight f32
 * [outputs, inputs, kernelH, kernelW] as PyTorch has it, bias f32 [outputs]; gives [n, outH, outW, outputs] with
 * out = floor((size + 2 padding - kernel) / stride) + 1.
 */
export function conv2d(value: Value, weight: Value, bias?: Value, options: ConvolutionOptions = {}): Tensor {
  checkKeys("conv2d", options, ["stride", "padding"]);
  const [x, w] = [liftF32("conv2d", "x", value), liftF32("conv2d", "weight", weight)];
  const [outputs, inputs, kernelH, kernelW] = w.shape;
  if (
    w.rank !== 4 ||
    w.length === 0 ||
    kernelH === undefined ||
    kernelW === undefined ||
    inputs === undefined
  ) {
    throw new ShapeError({
      argument: "conv2d: 'weight'",
      got: `${w}`,
      accepted: "[outputs, inputs, kernelH, kernelW]",
    });
  }
  if (x.rank !== 4 || x.shape[3] !== inputs) {
    throw new ShapeError({
      argument: "conv2d: 'x'",
      got: `${x}`,
      accepted: `[n, height, width, ${inputs}], as the weight ${w} has`,
    });
  }
  const rows = unfold("conv2d", x, { kernel: [kernelH, kernelW], ...checkConvolution("conv2d", options) });
  // A row holds its window pixel by pixel: the weight is put in that order, a small matrix at each step.
  const matrix = reshape(transpose(w, [0, 2, 3, 1]), [outputs as number, kernelH * kernelW * inputs]);
  return linear(rows, matrix, bias);
}

/**
 * The largest element of each window, channel by channel: x f32 [n, h, w, c] -> [n, outH, outW, c]. The gradient goes to
 * the element that was largest, the first of equals; a NaN is larger than any number.
 */
export function maxPool2d(value: Value, kernel: Size, options: PoolOptions = {}): Tensor {
  const x = liftF32("maxPool2d", "x", value);
  const windows = windowsOf("maxPool2d", x, checkPool("maxPool2d", kernel, options));
  const shape: Shape = [windows.n, windows.outH, windows.outW, windows.c];
  const [y, index] = [output(shape), output(shape, "i32")];
  const recorder = recording("maxPool2d");
  recorder.emit("maxPool", { ...windows, x, y, index });
  recorder.derive([y], [x], ([gy]) => [
    [
      x,
      () => {
        const gx = output(x.shape);
        recorder.emit("maxPoolGrad", { ...windows, gy, index, gx });
        return gx;
      },
    ],
  ]);
  return y;
}

/** The mean of each window, channel by channel, padding counted as zeros: x f32 [n, h, w, c] -> [n, outH, outW, c]. */
export function avgPool2d(value: Value, kernel: Size, options: PoolOptions = {}): Tensor {
  const x = liftF32("avgPool2d", "x", value);
  const geometry = checkPool("avgPool2d", kernel, options);
  const rows = unfold("avgPool2d", x, geometry);
  const [n = 0, outH = 0, outW = 0] = rows.shape;
  const [kernelH, kernelW] = geometry.kernel;
  const pixels = reshape(rows, [n * outH * outW, kernelH * kernelW, x.shape[3] as number]);
  return reshape(mean(pixels, { axis: 1 }), [n, outH, outW, x.shape[3] as number]);
}
