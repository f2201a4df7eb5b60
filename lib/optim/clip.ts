// What a step does to gradients and updates before they are applied.

import { checkInteger, checkKeys, checkNumber, given } from "../check.js";
import { ArgumentError, describe } from "../errors.js";
import { type AdaptiveClipOptions, checkAdaptive } from "./adaptive.js";
import {
  type CheckedGuard,
  checkGuard,
  checkLossScale,
  type GuardOptions,
  type LossScaleOptions,
} from "./guard.js";
import type { Schedule } from "./schedule/schedule.js";

/** Limits on gradients and updates; several may be given. Gradients are limited without the loss scale. */
export interface ClipOptions {
  /** Global norm: all gradients are scaled by min(1, norm / (their norm + 1e-6)), as torch's clip_grad_norm_. */
  readonly norm?: number;
  /** Each element of the gradient is cut to +- value, after `norm`. */
  readonly value?: number;
  /** As `norm`, but for the gradient of each parameter alone. */
  readonly tensorNorm?: number;
  /**
   * The update of each parameter, with what decoupled weight decay takes, is scaled down to this root mean square, in units of lr
   * (Shazeer & Stern 2018, section 6, whose updates have no decay). Costs a second pass over gradients and states.
   */
  readonly updateRms?: number;
  /**
   * A limit on the gradient of each unit of a layer, relative to the norm of its weights: the factor, or more (Brock et al. 2021).
   * It comes first, in the gradients themselves (`grad`): norms, the guard and `telemetry()` know what it left.
   */
  readonly adaptive?: number | AdaptiveClipOptions;
}

/** With `adaptive` filled in. */
export interface CheckedClip extends ClipOptions {
  readonly adaptive?: Required<AdaptiveClipOptions>;
}

/** How a step is taken. */
export interface StepOptions {
  readonly clip?: ClipOptions;
  /** Factor on every group's `lr`, by the number of steps tried. Default: always 1. */
  readonly schedule?: Schedule;
  /** Decides on the device whether the step is taken. Default: every step is. */
  readonly guard?: GuardOptions;
  /**
   * Scales the loss for gradients of reduced precision, and skips steps that are not finite. For `minimize`: `step` takes gradients as
   * they are. Default: no.
   */
  readonly lossScale?: LossScaleOptions;
  /** Steps between those that are watched for `telemetry()`. Default 0: none is. */
  readonly watch?: number;
}

export interface CheckedStep {
  readonly clip: CheckedClip;
  readonly schedule: Schedule | undefined;
  readonly guard: CheckedGuard | undefined;
  readonly lossScale: Required<LossScaleOptions> | undefined;
  readonly watch: number;
  /** Equal for options that are recorded alike, but for the schedule. */
  readonly key: string;
}

const LIMITS = ["norm", "value", "tensorNorm", "updateRms"] as const;

export function checkClip(owner: string, clip: ClipOptions): CheckedClip {
  checkKeys(owner, clip, [...LIMITS, "adaptive"]);
  for (const name of LIMITS) {
    if (clip[name] !== undefined)
      checkNumber(`${owner.slice(0, -1)}.${name}'`, clip[name], "a number above 0", (v) => v > 0);
  }
  const { adaptive, ...limits } = clip;
  if (adaptive === undefined) return limits;
  return { ...limits, adaptive: checkAdaptive(`${owner.slice(0, -1)}.adaptive'`, adaptive) };
}

/** Refuses a limit on updates, for a rule that has its own. */
export function refuseUpdateRms(owner: string, { updateRms }: CheckedClip): void {
  if (updateRms === undefined) return;
  const accepted = "nothing: the rule itself decides how long an update is";
  throw new ArgumentError({ argument: `${owner}: 'clip.updateRms'`, got: `${updateRms}`, accepted });
}

export function checkStep(owner: string, options: StepOptions): CheckedStep {
  checkKeys(owner, options, ["clip", "schedule", "guard", "lossScale", "watch"]);
  const { clip = {}, schedule, guard, lossScale } = options;
  if (schedule !== undefined && typeof schedule !== "function") {
    throw new ArgumentError({
      argument: `${owner}: 'schedule'`,
      got: describe(schedule),
      accepted: "a schedule",
    });
  }
  const checked = {
    clip: checkClip(`${owner}: 'clip'`, clip),
    guard: guard === undefined ? undefined : checkGuard(`${owner}: 'guard'`, guard),
    lossScale: lossScale === undefined ? undefined : checkLossScale(`${owner}: 'lossScale'`, lossScale),
    watch: checkInteger(`${owner}: 'watch'`, given(options.watch, 0), 0),
  };
  return { ...checked, schedule, key: JSON.stringify(checked) };
}

const numbers = new WeakMap<Schedule, number>();
let schedules = 0;

/** Equal for steps that one program can take: a schedule is part of what was recorded, another one needs a program of its own. */
export function recordedAs({ key, schedule }: CheckedStep): string {
  if (!schedule) return key;
  const number = numbers.get(schedule) ?? schedules++;
  numbers.set(schedule, number);
  return `${key} ${number}`;
}
