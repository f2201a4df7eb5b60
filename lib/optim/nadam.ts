// NAdam.

import { checkNumber } from "../check.js";
import type { Parameter } from "../tensor/parameter.js";
import type { DecayOptions, Family, OptionSpec, WithGroups } from "./family.js";
import { Optimizer } from "./optimizer.js";
import { atLeast0, betas, decoupled, flag, semantics } from "./specs.js";

/** Options of NAdam; defaults as torch.optim.NAdam. */
export interface NAdamOptions extends DecayOptions {
  /** Default 2e-3; Keras 1e-3. */
  readonly lr?: number;
  /** Decay of the running means of g and of g^2. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the corrected square root. Default 1e-8; Keras 1e-7. */
  readonly eps?: number;
  /** How fast the momentum grows to beta1. Default 4e-3; Keras 1; optax Infinity, which is beta1 from the first step on. */
  readonly momentumDecay?: number;
}

const MOMENTUM_DECAY = { torch: 4e-3, keras: 1, optax: Number.POSITIVE_INFINITY };

const momentumDecay: OptionSpec<number> = {
  default: (semantics) => MOMENTUM_DECAY[semantics],
  check: (argument, value) =>
    value === Number.POSITIVE_INFINITY
      ? value
      : checkNumber(argument, value, "a number, 0 or more, or Infinity", (v) => v >= 0),
};

/** 0.96^momentumDecay, whose powers bring the momentum up to beta1. */
const factorOf = (momentumDecay: number): number => 0.96 ** momentumDecay;

const FAMILY: Family<NAdamOptions> = {
  name: "NAdam",
  options: {
    lr: atLeast0({ torch: 2e-3, keras: 1e-3 }),
    weightDecay: atLeast0(0),
    maximize: flag(false),
    semantics: semantics("torch", "keras", "optax"),
    decoupled,
    betas: betas(0.9, 0.999),
    eps: atLeast0({ torch: 1e-8, keras: 1e-7 }),
    momentumDecay,
  },
  rule: () => "nadam",
  hyper: ({ decoupled, betas, eps, momentumDecay }) => [
    Number(decoupled),
    ...betas,
    eps,
    factorOf(momentumDecay),
  ],
  running: () => [0, 1, 1, 1],
  advance: ([step = 0, power2 = 1, power = 1, product = 1], { betas: [beta1, beta2], momentumDecay }) => {
    const next = power * factorOf(momentumDecay);
    return [step + 1, power2 * beta2, next, product * (beta1 * (1 - 0.5 * next))];
  },
};

/**
 * Adam with Nesterov momentum (Dozat 2016): m and v as Adam, mu_t = beta1 (1 - 0.96^(t momentumDecay) / 2),
 *   n = mu_(t+1) m / (1 - mu_1 ... mu_(t+1)) + (1 - mu_t) g / (1 - mu_1 ... mu_t);
 *   p = p - lr n / (sqrt(v / (1 - beta2^t)) + eps).
 * The semantics differ in momentumDecay and the other defaults alone. Keeps `exp_avg` (m) and `exp_avg_sq` (v).
 */
export class NAdam extends Optimizer {
  constructor(parameters: readonly Parameter[], options: WithGroups<NAdamOptions> = {}) {
    super(parameters, options, FAMILY);
  }
}
