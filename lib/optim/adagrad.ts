// AdaGrad.

import { checkBoolean, checkKeys, checkNumber, given } from "../check.js";
import type { Parameter } from "../tensor/parameter.js";
import { type CommonOptions, Optimizer } from "./optimizer.js";

/** Options of AdaGrad; defaults as torch.optim.Adagrad. */
export interface AdaGradOptions extends CommonOptions {
  /** Default 0.01. */
  readonly lr?: number;
  /** lr at step t (from 1) is lr / (1 + (t - 1) lrDecay). Default 0. */
  readonly lrDecay?: number;
  /** What the sum of squares starts from. Default 0. Keras and optax start from 0.1. */
  readonly initialAccumulatorValue?: number;
  /** Added to the square root. Default 1e-10. Keras and optax add 1e-7 inside of the root. */
  readonly eps?: number;
}

/**
 * AdaGrad (Duchi, Hazan, Singer 2011), as torch.optim.Adagrad:
 *   g = g + weightDecay p;  sum = sum + g^2;  p = p - lr / (1 + (t - 1) lrDecay) g / (sqrt(sum) + eps).
 * Keeps one state, `sum`.
 */
export class AdaGrad extends Optimizer {
  constructor(parameters: readonly Parameter[], options: AdaGradOptions = {}) {
    checkKeys("AdaGrad", options, [
      "lr",
      "weightDecay",
      "maximize",
      "lrDecay",
      "initialAccumulatorValue",
      "eps",
    ]);
    const atLeast0 = (name: keyof AdaGradOptions, fallback: number): number =>
      checkNumber(`AdaGrad: '${name}'`, given(options[name], fallback), "a number, 0 or more", (v) => v >= 0);
    super(parameters, atLeast0("lr", 0.01), {
      rule: "adagrad",
      hyper: [atLeast0("lrDecay", 0), atLeast0("eps", 1e-10)],
      weightDecay: atLeast0("weightDecay", 0),
      maximize: checkBoolean("AdaGrad: 'maximize'", given(options.maximize, false)),
      running: [0],
      initialState: atLeast0("initialAccumulatorValue", 0),
    });
  }
}
