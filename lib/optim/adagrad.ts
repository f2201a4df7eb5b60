// AdaGrad.

import type { Parameter } from "../tensor/parameter.js";
import { type DecayOptions, type Family, refuse, type WithGroups } from "./family.js";
import { Optimizer } from "./optimizer.js";
import { atLeast0, decoupled, flag, semantics } from "./specs.js";

/** Options of AdaGrad; defaults as torch.optim.Adagrad. */
export interface AdaGradOptions extends DecayOptions {
  /** Default 0.01; Keras 0.001. */
  readonly lr?: number;
  /** lr at step t (from 1) is lr / (1 + (t - 1) lrDecay). Default 0, and always 0 with Keras and optax semantics. */
  readonly lrDecay?: number;
  /** What the sum of squares starts from. Default 0; Keras and optax 0.1. */
  readonly initialAccumulatorValue?: number;
  /** Default 1e-10, added to the square root; Keras and optax 1e-7, added inside of it. */
  readonly eps?: number;
}

const FAMILY: Family<AdaGradOptions> = {
  name: "AdaGrad",
  options: {
    lr: atLeast0({ torch: 0.01, keras: 0.001 }),
    weightDecay: atLeast0(0),
    maximize: flag(false),
    semantics: semantics("torch", "keras", "optax"),
    decoupled,
    lrDecay: atLeast0(0),
    initialAccumulatorValue: atLeast0({ torch: 0, keras: 0.1, optax: 0.1 }),
    eps: atLeast0({ torch: 1e-10, keras: 1e-7, optax: 1e-7 }),
  },
  validate(owner, { semantics, lrDecay }) {
    if (lrDecay !== 0 && semantics !== "torch")
      refuse(owner, "lrDecay", `${lrDecay}`, `0 with semantics "${semantics}"`);
  },
  rule: () => "adagrad",
  hyper: ({ decoupled, lrDecay, eps, semantics }) => [
    Number(decoupled),
    lrDecay,
    eps,
    Number(semantics !== "torch"),
    Number(semantics === "optax"),
  ],
  running: () => [0],
  initialState: ({ initialAccumulatorValue }) => ({ sum: initialAccumulatorValue }),
};

/**
 * AdaGrad (Duchi, Hazan, Singer 2011): sum = sum + g^2, then
 *
 *   torch   p = p - lr / (1 + (t - 1) lrDecay) g / (sqrt(sum) + eps)
 *   keras   p = p - lr g / sqrt(sum + eps)
 *   optax   the same, and no step where sum is 0
 *
 * With the defaults of each, the first step for g = 0.01 is 31.6 times longer with torch's than with the other two. Keeps one
 * state, `sum`.
 */
export class AdaGrad extends Optimizer {
  constructor(parameters: readonly Parameter[], options: WithGroups<AdaGradOptions> = {}) {
    super(parameters, options, FAMILY);
  }
}
