// Adamax.

import type { Parameter } from "../tensor/parameter.js";
import type { DecayOptions, Family, WithGroups } from "./family.js";
import { Optimizer } from "./optimizer.js";
import { atLeast0, betas, decoupled, flag, semantics } from "./specs.js";

/** Options of Adamax; defaults as torch.optim.Adamax. */
export interface AdamaxOptions extends DecayOptions {
  /** Default 2e-3; Keras 1e-3. */
  readonly lr?: number;
  /** Decay of the running mean of g and of the running maximum of |g|. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8, added to |g|; Keras 1e-7, added to the running maximum. */
  readonly eps?: number;
}

const FAMILY: Family<AdamaxOptions> = {
  name: "Adamax",
  options: {
    lr: atLeast0({ torch: 2e-3, keras: 1e-3 }),
    weightDecay: atLeast0(0),
    maximize: flag(false),
    semantics: semantics("torch", "keras", "optax"),
    decoupled,
    betas: betas(0.9, 0.999),
    eps: atLeast0({ torch: 1e-8, keras: 1e-7 }),
  },
  rule: () => "adamax",
  hyper: ({ decoupled, betas, eps, semantics }) => [
    Number(decoupled),
    ...betas,
    eps,
    Number(semantics === "keras"),
  ],
  running: () => [0, 1],
  advance: ([step = 0, power = 1], { betas: [beta1] }) => [step + 1, power * beta1],
};

/**
 * Adamax (Kingma & Ba 2014, section 7.1): Adam with the infinity norm. m = beta1 m + (1 - beta1) g, then
 *
 *   torch, optax   u = max(beta2 u, |g| + eps);  p = p - lr / (1 - beta1^t) m / u
 *   keras          u = max(beta2 u, |g|);        p = p - lr / (1 - beta1^t) m / (u + eps)
 *
 * Keeps `exp_avg` (m) and `exp_inf` (u).
 */
export class Adamax extends Optimizer {
  constructor(parameters: readonly Parameter[], options: WithGroups<AdamaxOptions> = {}) {
    super(parameters, options, FAMILY);
  }
}
