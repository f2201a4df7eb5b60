// Prodigy: AdamW that estimates its learning rate.

import { checkNumber } from "../check.js";
import { ArgumentError, describe } from "../errors.js";
import type { Parameter } from "../tensor/parameter.js";
import { refuseTables } from "./compose.js";
import type { DecayOptions, Family, WithGroups } from "./family.js";
import { Optimizer } from "./optimizer.js";
import { above0, atLeast0, betas, flag, semantics } from "./specs.js";

/** Options of Prodigy; defaults as the authors' code (github.com/konstmish/prodigy). */
export interface ProdigyOptions extends Omit<DecayOptions, "decoupled"> {
  /** A factor on the estimate, for schedules. Default 1. */
  readonly lr?: number;
  /** Default true. */
  readonly decoupled?: boolean;
  /** Decay of the running means of g and of g^2. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Decay of the sums that the estimate is made of. Default: the square root of betas[1]. */
  readonly beta3?: number | null;
  /** Added, times d, to the square root. Default 1e-8. */
  readonly eps?: number;
  /** Corrects the means for their start at 0, as Adam does. Default false; optax always does. */
  readonly useBiasCorrection?: boolean;
  /** Keeps the lr of a warm-up out of the denominator of the estimate. Default false. */
  readonly safeguardWarmup?: boolean;
  /** The first estimate, above 0. Default 1e-6. */
  readonly d0?: number;
  /** A factor on each estimate. Default 1. */
  readonly dCoef?: number;
  /** How much d may grow in a step, above 1; 1.02 makes a warm-up of it. Default Infinity. */
  readonly growthRate?: number;
}

const FAMILY: Family<ProdigyOptions> = {
  name: "Prodigy",
  options: {
    lr: atLeast0(1),
    weightDecay: atLeast0(0),
    maximize: flag(false),
    semantics: semantics("torch"),
    decoupled: flag(true),
    betas: betas(0.9, 0.999),
    beta3: {
      default: () => null,
      check: (argument, value) =>
        value === null
          ? value
          : checkNumber(argument, value, "null or 0 <= beta < 1", (v) => v >= 0 && v < 1),
    },
    eps: atLeast0(1e-8),
    useBiasCorrection: flag(false),
    safeguardWarmup: flag(false),
    d0: above0(1e-6),
    dCoef: above0(1),
    growthRate: {
      default: () => Number.POSITIVE_INFINITY,
      check: (argument, value) => {
        if (typeof value === "number" && value > 1) return value;
        throw new ArgumentError({
          argument,
          got: describe(value),
          accepted: "a number above 1, or Infinity",
        });
      },
    },
  },
  rule: () => "prodigy",
  hyper: (options) => {
    const { decoupled, betas, beta3, eps, useBiasCorrection, safeguardWarmup, d0, dCoef, growthRate } =
      options;
    const flags = [Number(useBiasCorrection), Number(safeguardWarmup)];
    return [Number(decoupled), ...betas, beta3 ?? Math.sqrt(betas[1]), eps, ...flags, d0, dCoef, growthRate];
  },
  running: ({ d0 }) => [0, 1, 1, d0, d0, 0],
  initialState: () => ({ p0: "parameter" }),
  accepts: (owner, parameters, groups) => {
    refuseTables(owner, parameters);
    if (groups === 1) return;
    const accepted = "one group: the estimate is of all parameters together";
    throw new ArgumentError({ argument: `${owner}: 'groups'`, got: `${groups} groups`, accepted });
  },
};

const D = 3; // where Running of core/rules/prodigy.h has it

/**
 * Prodigy (Mishchenko & Defazio 2023, arXiv:2306.06101), which estimates the distance d from the first parameters p0 to the best
 * ones, and takes it for the learning rate. With lr' = lr d, from the d before the step:
 *
 *   m = beta1 m + d (1 - beta1) g;  v = beta2 v + d^2 (1 - beta2) g^2;  s = beta3 s + d / d0 lr' g
 *   n = beta3 n + d / d0 lr' <g, p0 - p>;  d = min(max(d, dCoef n / |s|_1), growthRate d)
 *   p = (1 - lr' weightDecay) p - lr' m / (sqrt(v) + d eps)
 *
 * `n` and `|s|_1` are sums over all parameters, made on the device in a pass before the update: a step moves 64 bytes per parameter
 * where Adam's moves 28. While all gradients have been 0, and at lr 0, nothing moves. Keeps `exp_avg` (m), `exp_avg_sq` (v), `s`
 * and `p0`, in f32.
 */
export class Prodigy extends Optimizer {
  constructor(parameters: readonly Parameter[], options: WithGroups<ProdigyOptions> = {}) {
    super(parameters, options, FAMILY);
  }

  /** The estimate d, in units of lr. Waits for what was enqueued before. If it stays at d0, d0 is too small for f32. */
  async d(): Promise<number> {
    return (await this.running())[D] as number;
  }
}
