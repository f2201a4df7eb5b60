// Schedules that rise and fall (Leslie Smith's): cyclical learning rates, and a single large cycle.

import { checkBoolean, checkChoice, checkInteger, checkKeys, checkNumber, given } from "../../check.js";
import { between, checkDecay, checkFactor, halfCosine, makeSchedule, type Schedule } from "./schedule.js";

/** Options of `cyclic`. */
export interface CyclicOptions {
  /** The factor at the start and end of each cycle. */
  readonly from: number;
  /** Steps up, from `from` to 1. Default 2000. */
  readonly stepSizeUp?: number;
  /** Steps down again. Default `stepSizeUp`. */
  readonly stepSizeDown?: number;
  /** How the height of a cycle above `from` changes. Default "triangular". */
  readonly mode?: "triangular" | "triangular2" | "expRange";
  /** Of "expRange": above 0, at most 1. Default 1. */
  readonly gamma?: number;
}

/**
 * Cyclical learning rates (Smith 2015): from + (1 - from) x scale, where x goes from 0 to 1 in `stepSizeUp` steps and
 * back in `stepSizeDown`, and scale is 1 ("triangular"), 1 / 2^cycle with cycles counted from 0 ("triangular2"), or
 * gamma^step ("expRange"). Never ends. As torch's CyclicLR with base_lr = from lr and max_lr = lr.
 */
export function cyclic(options: CyclicOptions): Schedule {
  checkKeys("cyclic", options, ["from", "stepSizeUp", "stepSizeDown", "mode", "gamma"]);
  const from = checkFactor("cyclic: 'from'", options.from);
  const up = checkInteger("cyclic: 'stepSizeUp'", given(options.stepSizeUp, 2000), 1);
  const down = checkInteger("cyclic: 'stepSizeDown'", given(options.stepSizeDown, up), 1);
  const gamma = checkDecay("cyclic: 'gamma'", given(options.gamma, 1));
  const modes = ["triangular", "triangular2", "expRange"] as const;
  const mode = checkChoice("cyclic: 'mode'", given(options.mode, "triangular"), modes);
  return makeSchedule(Number.POSITIVE_INFINITY, (step) => {
    const t = step % (up + down);
    const x = t <= up ? t / up : (up + down - t) / down;
    const cycle = (step - t) / (up + down);
    const scale = { triangular: 1, triangular2: 0.5 ** cycle, expRange: gamma ** step }[mode];
    return between(from, 1, x * scale);
  });
}

/** Options of `oneCycle`; defaults as torch.optim.lr_scheduler.OneCycleLR. */
export interface OneCycleOptions {
  readonly steps: number;
  /** The part of the steps in which it rises, from 0 to 1 (to 0.5 with `threePhase`). Default 0.3. */
  readonly pctStart?: number;
  /** It starts at 1 / divFactor; 1 or more. Default 25. */
  readonly divFactor?: number;
  /** It ends at 1 / (divFactor finalDivFactor); 1 or more. Default 1e4. */
  readonly finalDivFactor?: number;
  /** How it goes from one to the next. Default "cosine". */
  readonly anneal?: "cosine" | "linear";
  /** Falls to the start's factor as it rose from it, then to the end's. Default false: falls to the end's at once. */
  readonly threePhase?: boolean;
}

/**
 * One cycle (Smith & Topin 2017, "super-convergence"): from 1 / divFactor up to 1, at step pctStart steps - 1, and down to
 * 1 / (divFactor finalDivFactor), at step steps - 1. `lr` is the largest learning rate. As torch's OneCycleLR, which
 * throws after its end; momentum is not cycled.
 */
export function oneCycle(options: OneCycleOptions): Schedule {
  checkKeys("oneCycle", options, [
    "steps",
    "pctStart",
    "divFactor",
    "finalDivFactor",
    "anneal",
    "threePhase",
  ]);
  const steps = checkInteger("oneCycle: 'steps'", options.steps, 1);
  const threePhase = checkBoolean("oneCycle: 'threePhase'", given(options.threePhase, false));
  const most = threePhase ? 0.5 : 1;
  const pctStart = checkNumber(
    "oneCycle: 'pctStart'",
    given(options.pctStart, 0.3),
    `a number from 0 to ${most}`,
    (v) => v >= 0 && v <= most,
  );
  const divisor = (name: "divFactor" | "finalDivFactor", fallback: number): number =>
    checkNumber(`oneCycle: '${name}'`, given(options[name], fallback), "a number, 1 or more", (v) => v >= 1);
  const start = 1 / divisor("divFactor", 25);
  const end = start / divisor("finalDivFactor", 1e4);
  const anneal = checkChoice("oneCycle: 'anneal'", given(options.anneal, "cosine"), ["cosine", "linear"]);
  const ease = anneal === "cosine" ? (t: number) => 1 - halfCosine(t) : (t: number) => t;

  const first = { step: 0, factor: start };
  const peak = { step: pctStart * steps - 1, factor: 1 };
  const back = { step: 2 * peak.step, factor: start };
  const last = { step: steps - 1, factor: end };
  const leg = (step: number, a: typeof first, b: typeof first): number =>
    between(a.factor, b.factor, a.step === b.step ? 1 : ease((step - a.step) / (b.step - a.step)));
  return makeSchedule(steps, (past) => {
    const step = Math.min(past, last.step);
    if (step <= peak.step) return leg(step, first, peak);
    if (threePhase && step <= back.step) return leg(step, peak, back);
    return leg(step, threePhase ? back : peak, last);
  });
}
