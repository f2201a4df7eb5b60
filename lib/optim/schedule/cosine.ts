// Cosine annealing, without and with warm restarts.

import { checkInteger, checkKeys, given } from "../../check.js";
import { between, checkFactor, halfCosine, makeSchedule, type Schedule } from "./schedule.js";

/** Options of `cosine`. */
export interface CosineOptions {
  readonly steps: number;
  /** The factor at step `steps` and after it. Default 0. */
  readonly to?: number;
}

/**
 * From 1 to `to` along half a cosine in `steps` steps (Loshchilov & Hutter 2016, without restarts):
 * to + (1 - to) (1 + cos(pi step / steps)) / 2. As torch's CosineAnnealingLR, which rises again after `steps`.
 */
export function cosine(options: CosineOptions): Schedule {
  checkKeys("cosine", options, ["steps", "to"]);
  const steps = checkInteger("cosine: 'steps'", options.steps, 1);
  const to = checkFactor("cosine: 'to'", given(options.to, 0));
  return makeSchedule(steps, (step) => between(to, 1, halfCosine(step / steps)));
}

/** Options of `cosineRestarts`. */
export interface CosineRestartsOptions {
  /** Steps of the first cycle. */
  readonly t0: number;
  /** An integer: how many times longer each cycle is than the one before. Default 1. */
  readonly tMult?: number;
  /** The factor that a cycle falls towards. Default 0. */
  readonly to?: number;
}

/**
 * Half cosines with warm restarts (SGDR; Loshchilov & Hutter 2016): to + (1 - to) (1 + cos(pi t / T)) / 2 in cycle i of
 * T = t0 tMult^i steps, where t counts the steps since its start. Never ends. As torch's CosineAnnealingWarmRestarts.
 */
export function cosineRestarts(options: CosineRestartsOptions): Schedule {
  checkKeys("cosineRestarts", options, ["t0", "tMult", "to"]);
  const t0 = checkInteger("cosineRestarts: 't0'", options.t0, 1);
  const tMult = checkInteger("cosineRestarts: 'tMult'", given(options.tMult, 1), 1);
  const to = checkFactor("cosineRestarts: 'to'", given(options.to, 0));
  return makeSchedule(Number.POSITIVE_INFINITY, (step) => {
    let t = step;
    let length = t0;
    if (tMult === 1) t %= t0;
    for (; t >= length; length *= tMult) t -= length; // integers: exact, where a logarithm would not be
    return between(to, 1, halfCosine(t / length));
  });
}
