// LAMB: Adam whose steps are as long, layer by layer, as the layer's weights allow.

import type { Parameter } from "../tensor/parameter.js";
import { advanceBetas, type CommonOptions, type Family, type WithGroups } from "./family.js";
import { Optimizer } from "./optimizer.js";
import { atLeast0, betas, flag, semantics } from "./specs.js";

/** Options of LAMB; defaults as optax.lamb, which has none for lr. */
export interface LAMBOptions extends CommonOptions {
  /** Default 1e-3. */
  readonly lr?: number;
  /** Decay of the running means of g and of g^2. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the corrected square root. Default 1e-6. */
  readonly eps?: number;
}

const FAMILY: Family<LAMBOptions> = {
  name: "LAMB",
  options: {
    lr: atLeast0(1e-3),
    weightDecay: atLeast0(0),
    maximize: flag(false),
    semantics: semantics("torch", "optax"), // optax.lamb's formula; torch has none
    betas: betas(0.9, 0.999),
    eps: atLeast0(1e-6),
  },
  rule: () => "lamb",
  hyper: ({ betas, eps }) => [...betas, eps],
  running: () => [0, 1, 1],
  advance: advanceBetas,
  trustRatio: true,
};

/**
 * LAMB (You et al. 2020, for large batches): with Adam's m and v and c1 = 1 - beta1^t, c2 = 1 - beta2^t
 *
 *   u = m / c1 / (sqrt(v / c2) + eps) + weightDecay p;  p = p - lr ||p|| / ||u|| u
 *
 * with the norms of each parameter, and the ratio 1 where one of them is 0. A second pass over gradients and states finds ||u||,
 * so a step moves 44 bytes per parameter where Adam's moves 28. Keeps `exp_avg` (m) and `exp_avg_sq` (v).
 */
export class LAMB extends Optimizer {
  constructor(parameters: readonly Parameter[], options: WithGroups<LAMBOptions> = {}) {
    super(parameters, options, FAMILY);
  }
}
