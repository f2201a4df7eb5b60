// RMSprop.

import type { Parameter } from "../tensor/parameter.js";
import type { DecayOptions, Family, WithGroups } from "./family.js";
import { Optimizer } from "./optimizer.js";
import { atLeast0, decoupled, flag, fraction, semantics } from "./specs.js";

/** Options of RMSprop; defaults as torch.optim.RMSprop. */
export interface RMSpropOptions extends DecayOptions {
  /** Default 0.01; Keras 0.001. */
  readonly lr?: number;
  /** Decay of the running mean of g^2 (rho in Keras, decay in optax). Default 0.99; Keras and optax 0.9. */
  readonly alpha?: number;
  /** Default 1e-8, added to the square root; inside of it in Keras (1e-7) and optax (1e-8). */
  readonly eps?: number;
  /** Factor on the running direction. Default 0. */
  readonly momentum?: number;
  /** Divides by the deviation of g from its running mean instead of by its size (Graves 2013). Default false. */
  readonly centered?: boolean;
}

const FAMILY: Family<RMSpropOptions> = {
  name: "RMSprop",
  options: {
    lr: atLeast0({ torch: 0.01, keras: 0.001 }),
    weightDecay: atLeast0(0),
    maximize: flag(false),
    semantics: semantics("torch", "keras", "optax"),
    decoupled,
    alpha: fraction({ torch: 0.99, keras: 0.9, optax: 0.9 }),
    eps: atLeast0({ torch: 1e-8, keras: 1e-7 }),
    momentum: atLeast0(0),
    centered: flag(false),
  },
  rule: ({ centered, momentum }) => `rmsprop${centered ? "Centered" : ""}${momentum === 0 ? "" : "Momentum"}`,
  hyper: ({ decoupled, alpha, momentum, eps, semantics }) => {
    const inside = Number(semantics !== "torch");
    return [Number(decoupled), alpha, momentum, eps, inside, inside];
  },
  running: () => [0],
};

/**
 * RMSprop (Tieleman & Hinton 2012): v = alpha v + (1 - alpha) g^2; centered, a = alpha a + (1 - alpha) g and v - a^2 stands
 * for v. Then
 *
 *   torch          u = g / (sqrt(v) + eps);  p = p - lr u, with momentum b = momentum b + u,     p = p - lr b
 *   keras, optax   u = g / sqrt(v + eps);    p = p - lr u, with momentum b = momentum b + lr u,  p = p - b
 *
 * Where rounding puts v - a^2 below 0 it is 0 here (torch: NaN). Keeps `square_avg` (v) and, as needed, `momentum_buffer` (b)
 * and `grad_avg` (a).
 */
export class RMSprop extends Optimizer {
  constructor(parameters: readonly Parameter[], options: WithGroups<RMSpropOptions> = {}) {
    super(parameters, options, FAMILY);
  }
}
