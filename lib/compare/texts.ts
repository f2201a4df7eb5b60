// Figures of the comparison in words.

import { count } from "../train/text.js";
import type { OptimizerResult } from "./results.js";
import type { TaskMetric } from "./tasks.js";

/** `97.20 %`, `2.71` */
export function valueText({ score }: Pick<TaskMetric, "score">, value: number): string {
  if (!Number.isFinite(value)) return "diverged";
  return score === "accuracy" ? `${(100 * value).toFixed(2)} %` : value.toFixed(3);
}

/** A difference with its standard error: `+0.52 ± 0.11 points` */
export function signedText({ score }: Pick<TaskMetric, "score">, value: number, error: number): string {
  const [factor, digits, unit] =
    score === "accuracy" ? ([100, 2, " points"] as const) : ([1, 3, ""] as const);
  const sign = value < 0 ? "−" : "+";
  const spread = Number.isNaN(error) ? "" : ` ± ${(factor * error).toFixed(digits)}`;
  return `${sign}${(factor * Math.abs(value)).toFixed(digits)}${spread}${unit}`;
}

export const stepsText = (steps: number): string => (Number.isFinite(steps) ? count(steps) : "never");

/** `2.0`; `at least 2.0` where the range goes on beyond what was tried; `no` where there is none. */
export function decadesText(usable: OptimizerResult["usable"]): string {
  if (!usable) return "no";
  return `${usable.openBelow || usable.openAbove ? "at least " : ""}${usable.decades.toFixed(1)}`;
}

/** `0.001 to 0.1` */
export function rangeText(usable: OptimizerResult["usable"]): string {
  if (!usable) return "none";
  const { from, to, openBelow, openAbove } = usable;
  const range = from === to ? `${from}` : `${from} to ${to}`;
  const ends = [...(openBelow ? ["the smallest"] : []), ...(openAbove ? ["the largest"] : [])];
  return ends.length > 0 ? `${range} (${ends.join(" and ")} tried)` : range;
}
