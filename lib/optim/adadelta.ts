// Adadelta.

import type { Parameter } from "../tensor/parameter.js";
import type { DecayOptions, Family, WithGroups } from "./family.js";
import { Optimizer } from "./optimizer.js";
import { atLeast0, decoupled, flag, fraction, semantics } from "./specs.js";

/** Options of Adadelta; defaults as torch.optim.Adadelta. */
export interface AdadeltaOptions extends DecayOptions {
  /** Default 1; Keras 0.001. */
  readonly lr?: number;
  /** Decay of the running means. Default 0.9; Keras 0.95. */
  readonly rho?: number;
  /** Added inside of both square roots. Default 1e-6; Keras 1e-7. */
  readonly eps?: number;
}

const FAMILY: Family<AdadeltaOptions> = {
  name: "Adadelta",
  options: {
    lr: atLeast0({ torch: 1, keras: 0.001 }),
    weightDecay: atLeast0(0),
    maximize: flag(false),
    semantics: semantics("torch", "keras", "optax"),
    decoupled,
    rho: fraction({ torch: 0.9, keras: 0.95 }),
    eps: atLeast0({ torch: 1e-6, keras: 1e-7 }),
  },
  rule: () => "adadelta",
  hyper: ({ decoupled, rho, eps }) => [Number(decoupled), rho, eps],
  running: () => [0],
};

/**
 * Adadelta (Zeiler 2012), the same in all semantics but for the defaults:
 *   s = rho s + (1 - rho) g^2;  u = sqrt(d + eps) / sqrt(s + eps) g;  d = rho d + (1 - rho) u^2;  p = p - lr u.
 * Keeps `square_avg` (s) and `acc_delta` (d).
 */
export class Adadelta extends Optimizer {
  constructor(parameters: readonly Parameter[], options: WithGroups<AdadeltaOptions> = {}) {
    super(parameters, options, FAMILY);
  }
}
