// Learning-rate schedules: pure functions of the step, giving a factor on `lr`.

import { checkInteger, checkKeys, checkNumber, given } from "../check.js";
import { ArgumentError, describe } from "../errors.js";

/** The factor on `lr` at a step (from 0), with the way to put one schedule after another. */
export interface Schedule {
  (step: number): number;
  /** The steps after which it stays as it is; Infinity if it never ends. */
  readonly steps: number;
  /** This schedule, then `next`, which counts its steps from 0. */
  then(next: Schedule): Schedule;
}

/** A schedule of `steps` steps from a factor function; after its end it keeps the factor that it ended with. */
function schedule(steps: number, factor: (step: number) => number): Schedule {
  const self = Object.assign((step: number) => factor(Math.min(step, steps)), {
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
      return schedule(steps + next.steps, (step) => (step < steps ? factor(step) : next(step - steps)));
    },
  });
  return self;
}

/** Always the same factor. Default 1. */
export function constantSchedule(factor = 1): Schedule {
  checkNumber("constantSchedule: 'factor'", factor, "a number, 0 or more", (v) => v >= 0);
  return schedule(Number.POSITIVE_INFINITY, () => factor);
}

/** From 1 / steps up to 1 in `steps` equal steps. */
export function warmup(steps: number): Schedule {
  checkInteger("warmup: 'steps'", steps, 1);
  return schedule(steps, (step) => Math.min(1, (step + 1) / steps));
}

/**
 * From 1 down to `to` along half a cosine in `steps` steps (Loshchilov & Hutter 2016, without restarts):
 * to + (1 - to) (1 + cos(pi step / steps)) / 2.
 */
export function cosine(options: { readonly steps: number; readonly to?: number }): Schedule {
  checkKeys("cosine", options, ["steps", "to"]);
  const steps = checkInteger("cosine: 'steps'", options.steps, 1);
  const to = checkNumber("cosine: 'to'", given(options.to, 0), "a number, 0 or more", (v) => v >= 0);
  return schedule(steps, (step) => to + ((1 - to) * (1 + Math.cos((Math.PI * step) / steps))) / 2);
}
