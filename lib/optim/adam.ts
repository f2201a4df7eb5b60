// Adam and AdamW: one rule, two placements of the weight decay; AMSGrad as an option of both.

import type { Parameter } from "../tensor/parameter.js";
import {
  advanceBetas,
  type CommonOptions,
  type DecayOptions,
  type Family,
  type WithGroups,
} from "./family.js";
import { Optimizer } from "./optimizer.js";
import { atLeast0, betas, decoupled, flag, semantics } from "./specs.js";

/** Options of AdamW; defaults as torch.optim.AdamW. */
export interface AdamWOptions extends CommonOptions {
  /** Default 1e-3. */
  readonly lr?: number;
  /** Decay of the running means of g and of g^2. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8, added to the corrected square root; Keras 1e-7, added to the uncorrected one. */
  readonly eps?: number;
  /** Divides by the largest second moment so far (Reddi, Kale, Kumar 2018). Default false. */
  readonly amsgrad?: boolean;
}

/** Options of Adam; defaults as torch.optim.Adam. */
export interface AdamOptions extends AdamWOptions, DecayOptions {}

const SHARED = {
  lr: atLeast0(1e-3),
  maximize: flag(false),
  semantics: semantics("torch", "keras", "optax"),
  betas: betas(0.9, 0.999),
  eps: atLeast0({ torch: 1e-8, keras: 1e-7 }),
  amsgrad: flag(false),
};

const ruleOf = ({ amsgrad }: Required<AdamWOptions>): string => (amsgrad ? "amsgrad" : "adam");

function hyperOf(options: Required<AdamWOptions>, decoupled: boolean): readonly number[] {
  const { betas, eps, amsgrad, semantics } = options;
  const hyper = [Number(decoupled), ...betas, eps, Number(semantics === "keras")];
  return amsgrad ? [...hyper, Number(semantics === "optax")] : hyper;
}

const ADAM: Family<AdamOptions> = {
  name: "Adam",
  options: { ...SHARED, weightDecay: atLeast0(0), decoupled },
  rule: ruleOf,
  hyper: (options) => hyperOf(options, options.decoupled),
  running: () => [0, 1, 1],
  advance: advanceBetas,
};

const ADAMW: Family<AdamWOptions> = {
  name: "AdamW",
  options: { ...SHARED, weightDecay: atLeast0({ torch: 0.01, keras: 0.004, optax: 1e-4 }) },
  rule: ruleOf,
  hyper: (options) => hyperOf(options, true),
  running: () => [0, 1, 1],
  advance: advanceBetas,
};

/**
 * Adam (Kingma & Ba 2014): m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, then with c1 = 1 - beta1^t and
 * c2 = 1 - beta2^t
 *
 *   torch, optax   p = p - lr / c1 m / (sqrt(v / c2) + eps)
 *   keras          p = p - lr sqrt(c2) / c1 m / (sqrt(v) + eps)      (the paper's "epsilon hat")
 *
 * For g = 1e-8 the first step is 5.0e-4 with torch's defaults and 3.2e-6 with Keras'. With `amsgrad` v is replaced by
 * w = max(w, v), in optax by w = max(w, v / c2) without another correction: after one large gradient torch's and Keras'
 * denominators shrink at first, optax's does not. Keeps `exp_avg` (m), `exp_avg_sq` (v) and, with amsgrad,
 * `max_exp_avg_sq` (w).
 */
export class Adam extends Optimizer {
  constructor(parameters: readonly Parameter[], options: WithGroups<AdamOptions> = {}) {
    super(parameters, options, ADAM);
  }
}

/**
 * Adam with decoupled weight decay (Loshchilov & Hutter 2017): as Adam, but instead of g + weightDecay p the parameters first
 * shrink, p = (1 - lr weightDecay) p. weightDecay is 0.01 by default, as torch.optim.AdamW; Keras 0.004, optax 1e-4.
 */
export class AdamW extends Optimizer {
  constructor(parameters: readonly Parameter[], options: WithGroups<AdamWOptions> = {}) {
    super(parameters, options, ADAMW);
  }
}
