// The measures of the comparison: pure functions of recorded curves.

import type { Score } from "../train/sweep-summary.js";
import type { CurvePoint, TrialRecord } from "./trial.js";

/** Whether `value` is at least as good as `other`; NaN is not. */
export const asGood = (score: Score, value: number, other: number): boolean =>
  score === "accuracy" ? value >= other : value <= other;

/** The step of the first evaluation that reaches the target; infinity if none does. */
export function stepsToTarget(curve: readonly CurvePoint[], score: Score, target: number): number {
  return curve.find(({ value }) => asGood(score, value, target))?.step ?? Number.POSITIVE_INFINITY;
}

/** The middle of some numbers, of an even count the mean of both in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1], sorted[Math.floor(sorted.length / 2)]];
  if (low === undefined || high === undefined) return Number.NaN;
  return low === high ? low : (low + high) / 2; // of two infinities, too
}

/** Numbers of several seeds. */
export interface Sample {
  readonly mean: number;
  /** Standard deviation of one of them (n - 1 in the denominator); NaN of one. */
  readonly spread: number;
  readonly count: number;
}

export function sampleOf(values: readonly number[]): Sample {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, spread: count > 1 ? Math.sqrt(squares / (count - 1)) : Number.NaN, count };
}

/** The difference of two means, and its standard error (Welch 1947). */
export function differenceOf(a: Sample, b: Sample): { readonly value: number; readonly error: number } {
  return { value: a.mean - b.mean, error: Math.sqrt(a.spread ** 2 / a.count + b.spread ** 2 / b.count) };
}

/** How soon an optimizer reaches the target, at the learning rate at which it does so soonest. */
export interface Convergence {
  readonly lr: number;
  /** Median over the seeds; infinite if most do not reach it at any rate. */
  readonly steps: number;
  /** Seeds that reach it, and all. */
  readonly reached: number;
  readonly seeds: number;
}

/** Of the trials of one optimizer, at least one; of learning rates that are as fast the smallest. */
export function convergenceOf(trials: readonly TrialRecord[], score: Score, target: number): Convergence {
  const lrs = [...new Set(trials.map(({ lr }) => lr))].sort((a, b) => a - b);
  const rates = lrs.map((lr) => {
    const own = trials.filter((trial) => trial.lr === lr);
    const steps = own.map(({ curve }) => stepsToTarget(curve, score, target));
    return { lr, steps: median(steps), reached: steps.filter(Number.isFinite).length, seeds: own.length };
  });
  return rates.reduce((best, rate) => (rate.steps < best.steps ? rate : best));
}
