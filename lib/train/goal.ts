// What "better" means: a figure of the evaluations, and which way it should go.

import { checkChoice, checkKeys, given } from "../check.js";
import { ArgumentError, describe } from "../errors.js";
import type { Evaluation } from "./events.js";
import type { Metrics } from "./metrics.js";

/** A figure of the evaluations on the validation set, and which way is better. */
export interface MetricGoal {
  /** `"loss"`, `"accuracy"` or the name of a metric that is a number. Default `"loss"`. */
  readonly metric?: string;
  /** Whether smaller or larger is better. Default "min" for the loss and "max" for the accuracy; other metrics need it. */
  readonly mode?: "min" | "max";
}

export type CheckedGoal = Required<MetricGoal>;

const MODES: Readonly<Record<string, "min" | "max">> = { loss: "min", accuracy: "max" };

/** Checks a goal; `owner` names the option, as in `"Trainer: 'checkpoints.keepBest'"`. `more` are options beside it. */
export function checkGoal(owner: string, goal: MetricGoal, more: readonly string[] = []): CheckedGoal {
  checkKeys(owner, goal, ["metric", "mode", ...more]);
  const metric: unknown = given(goal.metric, "loss");
  const at = owner.replace(/'$/, "");
  const inside = (name: string): string => (at === owner ? `${owner}: '${name}'` : `${at}.${name}'`);
  if (typeof metric !== "string" || metric === "") {
    const accepted = "the name of a figure of the evaluations";
    throw new ArgumentError({ argument: inside("metric"), got: describe(metric), accepted });
  }
  const fallback = Object.hasOwn(MODES, metric) ? MODES[metric] : undefined;
  return { metric, mode: checkChoice(inside("mode"), given(goal.mode, fallback), ["min", "max"]) };
}

/** The figure of an evaluation with that name. @throws ArgumentError that names the figures there are */
export function figureOf(owner: string, evaluation: Evaluation<Metrics>, metric: string): number {
  const figures = scalarsOf(evaluation);
  const value = Object.hasOwn(figures, metric) ? figures[metric] : undefined;
  if (value !== undefined) return value;
  throw new ArgumentError({
    argument: `${owner}: 'metric'`,
    got: describe(metric),
    accepted: `a figure of the evaluations: ${Object.keys(figures).join(", ")}`,
  });
}

/** The figures of an evaluation that are numbers, by name. */
export function scalarsOf({ loss, accuracy, metrics }: Evaluation<Metrics>): Record<string, number> {
  const numbers = Object.entries(metrics).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number",
  );
  return { loss, ...(accuracy !== undefined && { accuracy }), ...Object.fromEntries(numbers) };
}

/** Whether a value is better than the best so far by more than `margin`; NaN never is. */
export function isBetter(mode: "min" | "max", value: number, best: number | undefined, margin = 0): boolean {
  if (Number.isNaN(value)) return false;
  if (best === undefined) return true;
  return mode === "min" ? value < best - margin : value > best + margin;
}
