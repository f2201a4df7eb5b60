// Schedules that go from one factor to another and end there.

import { checkInteger, checkKeys, checkNumber, given } from "../../check.js";
import { between, checkFactor, makeSchedule, type Schedule } from "./schedule.js";

/** Always the same factor, without an end. Default 1. */
export function constantSchedule(factor = 1): Schedule {
  checkFactor("constantSchedule: 'factor'", factor);
  return makeSchedule(Number.POSITIVE_INFINITY, () => factor);
}

/** Options of `linearSchedule`. */
export interface LinearScheduleOptions {
  readonly steps: number;
  /** The factor at step 0. Default 1. */
  readonly from?: number;
  /** The factor at step `steps` and after it. Default 0. */
  readonly to?: number;
}

/** Along a straight line: from + (to - from) step / steps. As torch's LinearLR, whose defaults are from 1 / 3 to 1. */
export function linearSchedule(options: LinearScheduleOptions): Schedule {
  checkKeys("linearSchedule", options, ["steps", "from", "to"]);
  const steps = checkInteger("linearSchedule: 'steps'", options.steps, 1);
  const from = checkFactor("linearSchedule: 'from'", given(options.from, 1));
  const to = checkFactor("linearSchedule: 'to'", given(options.to, 0));
  return makeSchedule(steps, (step) => between(from, to, step / steps));
}

/** Options of `polynomialSchedule`. */
export interface PolynomialScheduleOptions {
  readonly steps: number;
  /** Above 0. Default 1, a straight line. */
  readonly power?: number;
  /** The factor at step `steps` and after it. Default 0. */
  readonly to?: number;
}

/** From 1 to `to` along a power: to + (1 - to) (1 - step / steps)^power. As torch's PolynomialLR. */
export function polynomialSchedule(options: PolynomialScheduleOptions): Schedule {
  checkKeys("polynomialSchedule", options, ["steps", "power", "to"]);
  const steps = checkInteger("polynomialSchedule: 'steps'", options.steps, 1);
  const power = checkNumber(
    "polynomialSchedule: 'power'",
    given(options.power, 1),
    "a number above 0",
    (v) => v > 0,
  );
  const to = checkFactor("polynomialSchedule: 'to'", given(options.to, 0));
  return makeSchedule(steps, (step) => between(to, 1, (1 - step / steps) ** power));
}
