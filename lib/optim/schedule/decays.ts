// Schedules that decay by a ratio and never end.

import { checkInteger, checkKeys, checkNumber, given } from "../../check.js";
import { ArgumentError, describe } from "../../errors.js";
import { checkDecay, makeSchedule, type Schedule } from "./schedule.js";

/** Options of `stepSchedule`. */
export interface StepScheduleOptions {
  /** Steps between decays. */
  readonly stepSize: number;
  /** Above 0, at most 1. Default 0.1. */
  readonly gamma?: number;
}

/** Decays by `gamma` every `stepSize` steps: gamma^floor(step / stepSize). As torch's StepLR. */
export function stepSchedule(options: StepScheduleOptions): Schedule {
  checkKeys("stepSchedule", options, ["stepSize", "gamma"]);
  const stepSize = checkInteger("stepSchedule: 'stepSize'", options.stepSize, 1);
  const gamma = checkDecay("stepSchedule: 'gamma'", given(options.gamma, 0.1));
  return makeSchedule(Number.POSITIVE_INFINITY, (step) => gamma ** Math.floor(step / stepSize));
}

/** Options of `multiStepSchedule`. */
export interface MultiStepScheduleOptions {
  /** The steps at which it decays: integers from 1, each larger than the one before. */
  readonly milestones: readonly number[];
  /** Above 0, at most 1. Default 0.1. */
  readonly gamma?: number;
}

/** Decays by `gamma` at each milestone: gamma^(number of milestones <= step). As torch's MultiStepLR. */
export function multiStepSchedule(options: MultiStepScheduleOptions): Schedule {
  checkKeys("multiStepSchedule", options, ["milestones", "gamma"]);
  const milestones = checkMilestones("multiStepSchedule: 'milestones'", options.milestones);
  const gamma = checkDecay("multiStepSchedule: 'gamma'", given(options.gamma, 0.1));
  return makeSchedule(Number.POSITIVE_INFINITY, (step) => {
    const next = milestones.findIndex((milestone) => milestone > step);
    return gamma ** (next < 0 ? milestones.length : next);
  });
}

function checkMilestones(argument: string, value: unknown): readonly number[] {
  if (!Array.isArray(value)) {
    throw new ArgumentError({ argument, got: describe(value), accepted: "an array of steps" });
  }
  let last = 0;
  return Array.from(value as unknown[], (milestone, i) => {
    last = checkInteger(`${argument}[${i}]`, milestone, last + 1);
    return last;
  });
}

/** Options of `exponentialSchedule`. */
export interface ExponentialScheduleOptions {
  /** Above 0; above 1, it grows, and `steps` must be given. */
  readonly gamma: number;
  /** The steps after which it stays as it is. Default Infinity. */
  readonly steps?: number;
}

/** gamma^step, as torch's ExponentialLR. Growing, it sweeps learning rates for a range test (Smith 2015). */
export function exponentialSchedule(options: ExponentialScheduleOptions): Schedule {
  checkKeys("exponentialSchedule", options, ["gamma", "steps"]);
  const steps = given(options.steps, Number.POSITIVE_INFINITY);
  const end =
    steps === Number.POSITIVE_INFINITY ? steps : checkInteger("exponentialSchedule: 'steps'", steps, 1);
  const gamma = checkNumber(
    "exponentialSchedule: 'gamma'",
    options.gamma,
    "a number above 0, above 1 only with 'steps' so few that gamma^steps is finite",
    (v) => v > 0 && (v <= 1 || Number.isFinite(v ** end)),
  );
  return makeSchedule(end, (step) => gamma ** step);
}
