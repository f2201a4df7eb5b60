// What a learning-rate schedule is: a function of the step that gives a factor on `lr`, and how two become one.

import { checkInteger, checkNumber } from "../../check.js";
import { ArgumentError, describe } from "../../errors.js";

/**
 * The factor on `lr` (finite, 0 or more) at a step, an integer from 0. A pure function: steps may be asked for in any
 * order, so a run that is resumed needs the number of steps taken and nothing else. (`plateau` is the exception: it
 * depends on what was reported to it, too.)
 */
export interface Schedule {
  (step: number): number;
  /** The steps after which it keeps the factor that it has then; Infinity if it never ends. */
  readonly steps: number;
  /** This schedule, then `next`, which counts its steps from 0. This one must end: see `until`. */
  then(next: Schedule): Schedule;
  /** This schedule, ended at step `steps`: cut short if it is longer, held at its last factor if it is shorter. */
  until(steps: number): Schedule;
}

/** A schedule of `steps` steps from a factor function, which is called with steps from 0 to `steps`. */
export function makeSchedule(steps: number, factor: (step: number) => number): Schedule {
  const self = (step: number): number => factor(Math.min(checkInteger("schedule: 'step'", step, 0), steps));
  return Object.assign(self, {
    steps,
    // biome-ignore lint/suspicious/noThenProperty: the word of the field, and a schedule is not awaited
    then: (next: Schedule): Schedule => {
      if (typeof next?.steps !== "number") {
        throw new ArgumentError({
          argument: "schedule.then: 'next'",
          got: describe(next),
          accepted: "a schedule",
        });
      }
      if (steps === Number.POSITIVE_INFINITY) {
        throw new ArgumentError({
          argument: "schedule.then",
          got: "a schedule that never ends",
          accepted: "one that ends, as .until(steps) makes it",
        });
      }
      return makeSchedule(steps + next.steps, (step) => (step < steps ? factor(step) : next(step - steps)));
    },
    until: (end: number): Schedule => makeSchedule(checkInteger("schedule.until: 'steps'", end, 0), self),
  });
}

/**
 * The factor is `factor(step)`: a schedule of one's own. It never ends, and `factor` should be pure.
 * As torch's LambdaLR.
 */
export function customSchedule(factor: (step: number) => number): Schedule {
  if (typeof factor !== "function") {
    throw new ArgumentError({
      argument: "customSchedule: 'factor'",
      got: describe(factor),
      accepted: "a function of the step",
    });
  }
  return makeSchedule(Number.POSITIVE_INFINITY, (step) =>
    checkFactor(`customSchedule: the factor at step ${step}`, factor(step)),
  );
}

/** A factor on `lr`. */
export function checkFactor(argument: string, value: unknown): number {
  return checkNumber(argument, value, "a number, 0 or more", (v) => v >= 0);
}

/** A ratio by which a factor decays. */
export function checkDecay(argument: string, value: unknown): number {
  return checkNumber(argument, value, "a number above 0, at most 1", (v) => v > 0 && v <= 1);
}

/** From `from` at t = 0 to `to` at t = 1, exact at both. */
export function between(from: number, to: number, t: number): number {
  return from * (1 - t) + to * t;
}

/** From 1 at t = 0 down to 0 at t = 1 along half a cosine. */
export function halfCosine(t: number): number {
  return (1 + Math.cos(Math.PI * t)) / 2;
}
