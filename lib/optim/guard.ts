// The overshoot guard: what it watches for and does, as the numbers that the device decides by, and its decisions as events.

import { checkChoice, checkInteger, checkKeys, checkNumber, given } from "../check.js";
import { STEP } from "../device/encode.js";

const CAUSES = ["none", "nonFiniteGradient", "nonFiniteLoss", "lossSpike", "normSpike"] as const;
const ACTIONS = ["none", "skip", "clip", "backoff", "rollback"] as const;

/** Why a step was not taken as it was. */
export type GuardCause = Exclude<(typeof CAUSES)[number], "none">;

/**
 * What is done about a step: `skip` leaves parameters, state and step count as they are; `clip` scales the gradient down to the
 * largest norm that would not have been a spike, and skips a step whose loss is one; `backoff` lowers the learning rate, takes the
 * step at that (and skips what is not finite), and gives the lower rate ten steps to show itself; `rollback` restores the last
 * snapshot of parameters, state and running statistics and lowers the learning rate. `none` takes the step.
 *
 * In the nine steps after it has backed off, the guard takes spikes as they are (events with the action `none`): what was spoilt
 * looks like one for a while. It skips what is not finite, and a spike more than twice as far from the median as that which it backed
 * off for; of loss and norm the other is measured by as many times its own limit.
 */
export type GuardAction = (typeof ACTIONS)[number];

/** Options of the guard. It decides on the device, before anything is written. */
export interface GuardOptions {
  /** On a gradient or a loss that is infinite or NaN. Default "skip"; "clip" cannot help here. */
  readonly nan?: Exclude<GuardAction, "clip">;
  /** On a spike of the loss or of the gradient's norm. Default "backoff". */
  readonly spike?: GuardAction;
  /**
   * What makes a spike: a robust z-score, the distance from the median of the last 64 steps in units of 1.4826 times the median
   * distance from it (Hampel 1974). Default 6.
   */
  readonly threshold?: number;
  /** Good steps that have to be there before a spike is told. Default 1. */
  readonly history?: number;
  /** Spikes in a row after which the new level is taken for what it is. Default 20. */
  readonly patience?: number;
  /** Factor on the learning rate each time it backs off or rolls back. Default 0.5. */
  readonly factor?: number;
  /**
   * Steps in which the learning rate doubles again, up to what it was. Default 5000: a rate that was too high once is too high for a
   * while (bench/guard); Infinity: never.
   */
  readonly recovery?: number;
  /** Good steps between snapshots, for `rollback`. Default 50. */
  readonly snapshotEvery?: number;
  /** Snapshots that are kept, each as large as parameters and state. Default 2. */
  readonly snapshots?: number;
}

/** A guard with defaults filled in. */
export type CheckedGuard = Required<GuardOptions>;

export function checkGuard(owner: string, options: GuardOptions): CheckedGuard {
  const at = owner.slice(0, -1); // "Trainer: 'guard"
  checkKeys(owner, options, [
    "nan",
    "spike",
    "threshold",
    "history",
    "patience",
    "factor",
    "recovery",
    "snapshotEvery",
    "snapshots",
  ]);
  const integer = (name: keyof GuardOptions, fallback: number): number =>
    checkInteger(`${at}.${name}'`, given(options[name], fallback), 1);
  const recovery = options.recovery === Number.POSITIVE_INFINITY ? Number.POSITIVE_INFINITY : undefined;
  return {
    nan: checkChoice(
      `${at}.nan'`,
      given(options.nan, "skip"),
      ACTIONS.filter((action) => action !== "clip"),
    ),
    spike: checkChoice(`${at}.spike'`, given(options.spike, "backoff"), ACTIONS),
    threshold: checkNumber(`${at}.threshold'`, given(options.threshold, 6), "a number above 0", (v) => v > 0),
    history: checkInteger(`${at}.history'`, given(options.history, 1), 1, STEP.window),
    patience: integer("patience", 20),
    factor: checkNumber(
      `${at}.factor'`,
      given(options.factor, 0.5),
      "a number above 0, below 1",
      (v) => v > 0 && v < 1,
    ),
    recovery:
      recovery ??
      checkNumber(
        `${at}.recovery'`,
        given(options.recovery, 5000),
        "a number above 0, or Infinity",
        (v) => v > 0,
      ),
    snapshotEvery: integer("snapshotEvery", 50),
    snapshots: checkInteger(`${at}.snapshots'`, given(options.snapshots, 2), 1, 64),
  };
}

/** How many snapshots a guard keeps: none if nothing rolls back. */
export function slotsOf(guard: CheckedGuard | undefined): number {
  return guard && (guard.nan === "rollback" || guard.spike === "rollback") ? guard.snapshots : 0;
}

/** Dynamic loss scaling (Micikevicius et al. 2017). */
export interface LossScaleOptions {
  /** The scale of the first step that scales; a state that is loaded goes on with its own, if it has one. Default 65536. */
  readonly initial?: number;
  /** Factor after `interval` finite steps. Default 2. */
  readonly growth?: number;
  /** Factor after a step that is not finite, which is skipped. Default 0.5. */
  readonly shrink?: number;
  /** Default 2000. */
  readonly interval?: number;
}

export function checkLossScale(owner: string, options: LossScaleOptions): Required<LossScaleOptions> {
  const at = owner.slice(0, -1);
  checkKeys(owner, options, ["initial", "growth", "shrink", "interval"]);
  return {
    initial: checkNumber(`${at}.initial'`, given(options.initial, 65536), "a number above 0", (v) => v > 0),
    growth: checkNumber(`${at}.growth'`, given(options.growth, 2), "a number, 1 or more", (v) => v >= 1),
    shrink: checkNumber(
      `${at}.shrink'`,
      given(options.shrink, 0.5),
      "a number above 0, 1 or less",
      (v) => v > 0 && v <= 1,
    ),
    interval: checkInteger(`${at}.interval'`, given(options.interval, 2000), 1),
  };
}

/** What a step is steered by: the Settings of core/settings.h. */
export interface Steering {
  readonly maxNorm: number;
  readonly clipValue: number;
  readonly average: number;
  readonly watchEvery: number;
  readonly watchGradient: boolean;
  readonly guard: CheckedGuard | undefined;
  readonly lossScale: Required<LossScaleOptions> | undefined;
}

/** The words of core/settings.h, in their order. */
export function settingsOf(steering: Steering): number[] {
  const { guard, lossScale } = steering;
  const skip = ACTIONS.indexOf("skip");
  return [
    steering.maxNorm,
    steering.clipValue,
    steering.average,
    steering.watchEvery,
    Number(steering.watchGradient),
    guard ? ACTIONS.indexOf(guard.nan) : lossScale ? skip : 0,
    guard ? ACTIONS.indexOf(guard.spike) : 0,
    guard?.threshold ?? 0,
    guard?.history ?? 1,
    guard?.patience ?? 0,
    guard?.factor ?? 1,
    guard ? 2 ** (1 / guard.recovery) : 1,
    guard?.snapshotEvery ?? 0,
    Number(lossScale !== undefined),
    lossScale?.growth ?? 1,
    lossScale?.shrink ?? 1,
    lossScale?.interval ?? 1,
  ];
}

/** A decision of the guard. */
export interface GuardEvent {
  readonly type: "guard";
  /** Which step, counted with those that were skipped, from 1. */
  readonly attempt: number;
  readonly cause: GuardCause;
  readonly action: GuardAction;
  /** What was found: the loss, or the norm of the gradient. */
  readonly value: number;
  /** The largest that would not have been a spike; Infinity for what is not finite. */
  readonly limit: number;
  /** What the learning rate is multiplied by from now on. */
  readonly lrFactor: number;
  /** Decisions right before this one that are lost: the device remembers 64, and so many more were made since the last look. */
  readonly lost: number;
}

/** The guard's memory on the device, word by word as core/settings.h has it. */
export const GUARD = {
  attempts: 0,
  accepted: 1,
  lrFactor: 2,
  lossScale: 3,
  kept: 7,
  untilSnapshot: 8,
  decisions: 9,
  log: STEP.guard - 6 * STEP.log,
};

/** The guard's memory before the first step. */
export function newGuard(): Float64Array {
  const words = new Float64Array(STEP.guard);
  words[GUARD.lrFactor] = 1;
  return words;
}

/** The decisions from number `first` on; of more than 64 the oldest are lost, which the first that is left tells. */
export function eventsOf(words: Float64Array, first: number): GuardEvent[] {
  const decisions = words[GUARD.decisions] as number;
  const events: GuardEvent[] = [];
  const oldest = Math.max(first, decisions - STEP.log);
  for (let i = oldest; i < decisions; i++) {
    const at = GUARD.log + 6 * (i % STEP.log);
    const [attempt, cause, action, value, limit, lrFactor] = words.subarray(
      at,
      at + 6,
    ) as unknown as number[];
    events.push({
      type: "guard",
      attempt: attempt as number,
      cause: CAUSES[cause as number] as GuardCause,
      action: ACTIONS[action as number] as GuardAction,
      value: value as number,
      limit: limit as number,
      lrFactor: lrFactor as number,
      lost: i === oldest ? oldest - first : 0,
    });
  }
  return events;
}
