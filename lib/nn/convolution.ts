// Layers for images [n, height, width, channels]: convolution and pooling.

import { checkBoolean, checkInteger, checkKeys, given } from "../check.js";
import type { Value } from "../tensor/recorder.js";
import type { Tensor } from "../tensor/tensor.js";
import {
  avgPool2d,
  type ConvolutionOptions,
  checkConvolution,
  checkPool,
  checkSize,
  conv2d,
  maxPool2d,
  type PoolOptions,
  type Size,
} from "../tensor/window.js";
import { fanInUniform } from "./init.js";
import { type Declared, Module } from "./module.js";

const MAX_SIZE = 2 ** 31 - 1;

/** Options of `Conv2d`. */
export interface Conv2dOptions extends ConvolutionOptions {
  /** Default true. */
  readonly bias?: boolean;
}

/**
 * Two-dimensional convolution. Parameters as torch.nn.Conv2d: weight [outputs, inputs, kernelH, kernelW], bias [outputs].
 * Images are [n, height, width, channels], not [n, channels, height, width]: where a Linear follows on flattened images,
 * its inputs come in this order.
 */
export class Conv2d extends Module {
  readonly weight: Declared;
  readonly bias: Declared | undefined;
  readonly kernel: Size;
  readonly options: ConvolutionOptions;

  /** @param kernel the size of the window: a number, or `[height, width]` */
  constructor(
    readonly inputs: number,
    readonly outputs: number,
    kernel: Size,
    options: Conv2dOptions = {},
  ) {
    super();
    checkKeys("Conv2d", options, ["stride", "padding", "bias"]);
    checkInteger("Conv2d: 'inputs'", inputs, 1, MAX_SIZE);
    checkInteger("Conv2d: 'outputs'", outputs, 1, MAX_SIZE);
    this.kernel = checkSize("Conv2d: 'kernel'", kernel, 1);
    this.options = checkConvolution("Conv2d", options);
    const init = fanInUniform(inputs * this.kernel[0] * this.kernel[1]);
    this.weight = this.declare([outputs, inputs, ...this.kernel], init);
    this.bias = checkBoolean("Conv2d: 'bias'", given(options.bias, true))
      ? this.declare([outputs], init)
      : undefined;
  }

  /** x f32 [n, h, w, inputs] -> f32 [n, outH, outW, outputs], out = floor((size + 2 padding - kernel) / stride) + 1. */
  forward(x: Value): Tensor {
    return conv2d(x, this.weight.parameter, this.bias?.parameter, this.options);
  }
}

/** The largest element of each window. */
export class MaxPool2d extends Module {
  /** @param kernel the size of the window: a number, or `[height, width]` */
  constructor(
    readonly kernel: Size,
    readonly options: PoolOptions = {},
  ) {
    super();
    checkPool("MaxPool2d", kernel, options);
  }

  /** x f32 [n, h, w, c] -> f32 [n, outH, outW, c]. */
  forward(x: Value): Tensor {
    return maxPool2d(x, this.kernel, this.options);
  }
}

/** The mean of each window, padding counted as zeros. */
export class AvgPool2d extends Module {
  /** @param kernel the size of the window: a number, or `[height, width]` */
  constructor(
    readonly kernel: Size,
    readonly options: PoolOptions = {},
  ) {
    super();
    checkPool("AvgPool2d", kernel, options);
  }

  /** x f32 [n, h, w, c] -> f32 [n, outH, outW, c]. */
  forward(x: Value): Tensor {
    return avgPool2d(x, this.kernel, this.options);
  }
}
