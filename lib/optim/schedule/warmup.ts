// Schedules that begin low, for the steps in which the optimizer's moments are poor estimates.

import { checkChoice, checkInteger, checkKeys, given } from "../../check.js";
import { ArgumentError } from "../../errors.js";
import { between, checkFactor, halfCosine, makeSchedule, type Schedule } from "./schedule.js";

/** Linear warm-up (Goyal et al. 2017): from 1 / steps up to 1 in `steps` equal steps, (step + 1) / steps. */
export function warmup(steps: number): Schedule {
  checkInteger("warmup: 'steps'", steps, 1);
  return makeSchedule(steps, (step) => Math.min(1, (step + 1) / steps));
}

/**
 * Linear warm-up over `warmup` steps to 1, then down with the inverse square root of the step, without an end
 * (Vaswani et al. 2017, section 5.3, with their d_model^-1/2 warmup^-1/2 left to `lr`):
 * min((step + 1) / warmup, sqrt(warmup / (step + 1))).
 */
export function inverseSqrt(options: { readonly warmup: number }): Schedule {
  checkKeys("inverseSqrt", options, ["warmup"]);
  const rise = checkInteger("inverseSqrt: 'warmup'", options.warmup, 1);
  return makeSchedule(Number.POSITIVE_INFINITY, (step) => {
    const count = step + 1;
    return count < rise ? count / rise : Math.sqrt(rise / count);
  });
}

/** How the factor falls from 1 to 0 while t goes from 0 to 1. */
const SHAPES = {
  linear: (t: number) => 1 - t,
  cosine: halfCosine,
  "1-sqrt": (t: number) => 1 - Math.sqrt(t),
} as const;

/** Options of `warmupStableDecay`. */
export interface WarmupStableDecayOptions {
  /** Steps in all; those between warm-up and decay are the stable ones. */
  readonly steps: number;
  /** Steps of the linear warm-up, 0 or more. */
  readonly warmup: number;
  /** Steps of the decay, 1 or more. */
  readonly decay: number;
  /** The factor at the end. Default 0. */
  readonly to?: number;
  /** Default "1-sqrt", the best of Hägele et al. */
  readonly shape?: "linear" | "cosine" | "1-sqrt";
}

/**
 * Warm-up, a constant 1, and a short decay (WSD; Hu et al. 2024): training can go on from any point of the stable part, so
 * its length need not be known at the start. The decay is to + (1 - to) f(t), t from 0 to 1 in `decay` steps, f(t) being
 * 1 - t, (1 + cos(pi t)) / 2, or 1 - sqrt(t) (Hägele et al. 2024).
 */
export function warmupStableDecay(options: WarmupStableDecayOptions): Schedule {
  checkKeys("warmupStableDecay", options, ["steps", "warmup", "decay", "to", "shape"]);
  const steps = checkInteger("warmupStableDecay: 'steps'", options.steps, 1);
  const rise = checkInteger("warmupStableDecay: 'warmup'", options.warmup, 0);
  const decay = checkInteger("warmupStableDecay: 'decay'", options.decay, 1);
  const to = checkFactor("warmupStableDecay: 'to'", given(options.to, 0));
  const shapes = Object.keys(SHAPES) as (keyof typeof SHAPES)[];
  const fall = SHAPES[checkChoice("warmupStableDecay: 'shape'", given(options.shape, "1-sqrt"), shapes)];
  if (rise + decay > steps) {
    throw new ArgumentError({
      argument: "warmupStableDecay: 'warmup' + 'decay'",
      got: `${rise} + ${decay}`,
      accepted: `at most 'steps', ${steps}`,
    });
  }
  return makeSchedule(steps, (step) => {
    if (step < rise) return (step + 1) / rise;
    return between(to, 1, fall(Math.max(0, step - (steps - decay)) / decay));
  });
}
