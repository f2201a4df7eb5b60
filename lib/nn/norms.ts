// Layers that normalise: over the features of an example, or over the examples of a batch.

import { checkInteger, checkKeys, checkNumber, given } from "../check.js";
import { batchNorm } from "../tensor/batch-norm.js";
import { layerNorm, rmsNorm } from "../tensor/normalize.js";
import type { Value } from "../tensor/recorder.js";
import type { Tensor } from "../tensor/tensor.js";
import { constant } from "./init.js";
import { type Declared, Module } from "./module.js";

const MAX_SIZE = 2 ** 31 - 1;

function checkEps(owner: string, eps: unknown, fallback: number): number {
  return checkNumber(`${owner}: 'eps'`, given(eps, fallback), "a number, 0 or more", (v) => v >= 0);
}

/** Layer normalisation over the last dimension of size `features`. Parameters weight (ones) and bias (zeros). */
export class LayerNorm extends Module {
  readonly weight: Declared;
  readonly bias: Declared;
  readonly eps: number;

  /** @param options.eps default 1e-5 */
  constructor(features: number, options: { readonly eps?: number } = {}) {
    super();
    checkKeys("LayerNorm", options, ["eps"]);
    checkInteger("LayerNorm: 'features'", features, 1, MAX_SIZE);
    this.eps = checkEps("LayerNorm", options.eps, 1e-5);
    this.weight = this.declare([features], constant(1));
    this.bias = this.declare([features], constant(0));
  }

  /** x f32 [..., features] -> the same shape. */
  forward(x: Value): Tensor {
    return layerNorm(x, this.weight.parameter, this.bias.parameter, this.eps);
  }
}

/** Root mean square normalisation over the last dimension of size `features`. Parameter weight (ones). */
export class RMSNorm extends Module {
  readonly weight: Declared;
  readonly eps: number;

  /** @param options.eps default 1e-6 */
  constructor(features: number, options: { readonly eps?: number } = {}) {
    super();
    checkKeys("RMSNorm", options, ["eps"]);
    checkInteger("RMSNorm: 'features'", features, 1, MAX_SIZE);
    this.eps = checkEps("RMSNorm", options.eps, 1e-6);
    this.weight = this.declare([features], constant(1));
  }

  /** x f32 [..., features] -> the same shape. */
  forward(x: Value): Tensor {
    return rmsNorm(x, this.weight.parameter, this.eps);
  }
}

/** Options of `BatchNorm`. */
export interface BatchNormOptions {
  /** Default 1e-5. */
  readonly eps?: number;
  /** The share of a batch in the running statistics. Default 0.1. */
  readonly momentum?: number;
}

/**
 * Batch normalisation, channel by channel, over all dimensions but the last: for images [n, height, width, channels] what
 * torch.nn.BatchNorm2d is, for [n, channels] what BatchNorm1d is. There is no switch between training and evaluation: a
 * program that minimises something takes the statistics of its batch and updates running_mean and running_var, any other
 * takes those. Parameters weight (ones) and bias (zeros); the running statistics, 0 and 1 at first, are kept and saved with
 * them, under PyTorch's names, but not trained.
 */
export class BatchNorm extends Module {
  readonly weight: Declared;
  readonly bias: Declared;
  readonly runningMean: Declared;
  readonly runningVariance: Declared;
  readonly eps: number;
  readonly momentum: number;

  constructor(channels: number, options: BatchNormOptions = {}) {
    super();
    checkKeys("BatchNorm", options, ["eps", "momentum"]);
    checkInteger("BatchNorm: 'channels'", channels, 1, MAX_SIZE);
    this.eps = checkEps("BatchNorm", options.eps, 1e-5);
    this.momentum = checkNumber(
      "BatchNorm: 'momentum'",
      given(options.momentum, 0.1),
      "a number from 0 to 1",
      (v) => v >= 0 && v <= 1,
    );
    this.weight = this.declare([channels], constant(1));
    this.bias = this.declare([channels], constant(0));
    this.runningMean = this.declare([channels], constant(0), { trained: false });
    this.runningVariance = this.declare([channels], constant(1), { trained: false });
  }

  protected override fields(): Iterable<[string, unknown]> {
    return [
      ["weight", this.weight],
      ["bias", this.bias],
      ["running_mean", this.runningMean],
      ["running_var", this.runningVariance],
    ];
  }

  /** x f32 [..., channels] -> the same shape. */
  forward(x: Value): Tensor {
    return batchNorm(x, {
      gamma: this.weight.parameter,
      beta: this.bias.parameter,
      mean: this.runningMean.parameter,
      variance: this.runningVariance.parameter,
      momentum: this.momentum,
      eps: this.eps,
    });
  }
}
