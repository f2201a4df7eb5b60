// RAdam.

import type { Parameter } from "../tensor/parameter.js";
import { advanceBetas, type DecayOptions, type Family, type WithGroups } from "./family.js";
import { Optimizer } from "./optimizer.js";
import { atLeast0, betas, decoupled, flag, semantics } from "./specs.js";

/** Options of RAdam; defaults as torch.optim.RAdam. Keras has none. */
export interface RAdamOptions extends DecayOptions {
  /** Default 1e-3. */
  readonly lr?: number;
  /** Decay of the running means of g and of g^2. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8, added to the uncorrected square root; optax: to the corrected one. */
  readonly eps?: number;
}

const FAMILY: Family<RAdamOptions> = {
  name: "RAdam",
  options: {
    lr: atLeast0(1e-3),
    weightDecay: atLeast0(0),
    maximize: flag(false),
    semantics: semantics("torch", "optax"),
    decoupled,
    betas: betas(0.9, 0.999),
    eps: atLeast0(1e-8),
  },
  rule: () => "radam",
  hyper: ({ decoupled, betas, eps, semantics }) => [
    Number(decoupled),
    ...betas,
    eps,
    Number(semantics === "torch"),
  ],
  running: () => [0, 1, 1],
  advance: advanceBetas,
};

/**
 * Adam with a rectified variance (Liu et al. 2019): m and v as Adam, c1 = 1 - beta1^t, c2 = 1 - beta2^t. While few gradients
 * have been seen (rho = 2 / (1 - beta2) - 1 - 2 t beta2^t / c2 is 5 or less), p = p - lr / c1 m; then, with the rectification r,
 *
 *   torch   p = p - lr / c1 m r sqrt(c2) / (sqrt(v) + eps)
 *   optax   p = p - lr / c1 m r / (sqrt(v / c2) + eps)
 *
 * Keeps `exp_avg` (m) and `exp_avg_sq` (v).
 */
export class RAdam extends Optimizer {
  constructor(parameters: readonly Parameter[], options: WithGroups<RAdamOptions> = {}) {
    super(parameters, options, FAMILY);
  }
}
