// Lion.

import type { Parameter } from "../tensor/parameter.js";
import type { DecayOptions, Family, WithGroups } from "./family.js";
import { Optimizer } from "./optimizer.js";
import { atLeast0, betas, flag, semantics } from "./specs.js";

/** Options of Lion; PyTorch has none: its defaults are the authors'. */
export interface LionOptions extends DecayOptions {
  /** Default 1e-4; Keras 1e-3. A good one is 3 to 10 times smaller than Adam's. */
  readonly lr?: number;
  /** Default 0; optax 1e-3. */
  readonly weightDecay?: number;
  /** Default true. */
  readonly decoupled?: boolean;
  /** Weight of the momentum in the step, and its decay. Default [0.9, 0.99]. */
  readonly betas?: readonly [number, number];
}

const FAMILY: Family<LionOptions> = {
  name: "Lion",
  options: {
    lr: atLeast0({ torch: 1e-4, keras: 1e-3 }),
    weightDecay: atLeast0({ torch: 0, optax: 1e-3 }),
    maximize: flag(false),
    semantics: semantics("torch", "keras", "optax"),
    decoupled: flag(true),
    betas: betas(0.9, 0.99),
  },
  rule: () => "lion",
  hyper: ({ decoupled, betas }) => [Number(decoupled), ...betas],
  running: () => [0],
};

/**
 * Lion (Chen et al. 2023), the same in all semantics but for the defaults: every element moves by lr.
 *   p = (1 - lr weightDecay) p - lr sign(beta1 m + (1 - beta1) g);  m = beta2 m + (1 - beta2) g.
 * Keeps one state, `exp_avg` (m).
 */
export class Lion extends Optimizer {
  constructor(parameters: readonly Parameter[], options: WithGroups<LionOptions> = {}) {
    super(parameters, options, FAMILY);
  }
}
