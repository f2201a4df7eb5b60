// What a step does to gradients and updates before they are applied.

import { checkInteger, checkKeys, checkNumber, given } from "../check.js";
import { ArgumentError, describe } from "../errors.js";
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
   * The update of each parameter is scaled down to this root mean square, in units of lr (Shazeer & Stern 2018, section 6). Costs
   * a second pass over gradients and states.
   */
  readonly updateRms?: number;
}

/** How a step is taken. */
export interface StepOptions {
  readonly clip?: ClipOptions;
  /** Factor on every group's `lr`, by the number of steps tried. Default: always 1. */
  readonly schedule?: Schedule;
  /** Decides on the device whether the step is taken. Default: every step is. */
  readonly guard?: GuardOptions;
  /** Scales the loss for gradients of reduced precision, and skips steps that are not finite. Default: no. */
  readonly lossScale?: LossScaleOptions;
  /** Steps between those that are watched for `telemetry()`. Default 0: none is. */
  readonly watch?: number;
}

export interface CheckedStep {
  readonly clip: ClipOptions;
  readonly schedule: Schedule | undefined;
  readonly guard: CheckedGuard | undefined;
  readonly lossScale: Required<LossScaleOptions> | undefined;
  readonly watch: number;
  /** Equal for options that are recorded alike, but for the schedule. */
  readonly key: string;
}

const LIMITS = ["norm", "value", "tensorNorm", "updateRms"] as const;

export function checkClip(owner: string, clip: ClipOptions): ClipOptions {
  checkKeys(owner, clip, LIMITS);
  for (const name of LIMITS) {
    if (clip[name] !== undefined)
      checkNumber(`${owner.slice(0, -1)}.${name}'`, clip[name], "a number above 0", (v) => v > 0);
  }
  return clip;
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
