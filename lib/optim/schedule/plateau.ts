// A schedule that reacts to a metric instead of the step.

import { checkChoice, checkInteger, checkKeys, checkNumber, given } from "../../check.js";
import { ArgumentError, describe } from "../../errors.js";
import { makeSchedule, type Schedule } from "./schedule.js";

/** Options of `plateau`; defaults as torch.optim.lr_scheduler.ReduceLROnPlateau, which has `min_lr` for `to`. */
export interface PlateauOptions {
  /** Whether the metric is better when it is smaller ("min") or larger ("max"). Default "min". */
  readonly mode?: "min" | "max";
  /** What the factor on `lr` is multiplied by; 0 or more, below 1. Default 0.1. */
  readonly factor?: number;
  /** Reports in a row without an improvement that are borne; one more lowers the factor. Default 10. */
  readonly patience?: number;
  /** How much better than the best counts as an improvement; 0 or more. Default 1e-4. */
  readonly threshold?: number;
  /** Whether `threshold` is relative to the best metric's size ("rel") or not ("abs"). Default "rel". */
  readonly thresholdMode?: "rel" | "abs";
  /** Reports after the factor was lowered in which it waits. Default 0. */
  readonly cooldown?: number;
  /** The factor that it never goes below; from 0 to 1. Default 0. */
  readonly to?: number;
}

/** All that a plateau remembers: plain numbers, which survive JSON. */
export interface PlateauState {
  /** The factor on `lr` now. */
  readonly factor: number;
  /** The best metric so far; null before the first report. */
  readonly best: number | null;
  /** Reports since the last improvement. */
  readonly badReports: number;
  /** Reports that it still waits for. */
  readonly cooldown: number;
}

/** A schedule whose factor, the same at every step, falls when the metric that is reported no longer improves. */
export interface Plateau extends Schedule {
  /**
   * Takes a metric, such as the loss of an evaluation, and gives the factor from now on. NaN and infinities count as no
   * improvement.
   */
  report(metric: number): number;
  /** What it remembers, to be saved. */
  state(): PlateauState;
  /** Takes over what `state()` gave: reports go on from there. */
  load(state: PlateauState): void;
}

const START: PlateauState = { factor: 1, best: null, badReports: 0, cooldown: 0 };

/**
 * Starts at 1 and becomes max(to, factor times as large) after more than `patience` reports in a row of which none was
 * better than best - threshold |best| ("max": best + threshold |best|; "abs": without |best|). Never ends. As torch's
 * ReduceLROnPlateau with eps = 0, which multiplies `best` by 1 -+ threshold: the same where `best` is positive.
 *
 * It keeps working inside others: `const p = plateau(); schedule: warmup(100).then(p)`, then `p.report(loss)`.
 */
export function plateau(options: PlateauOptions = {}): Plateau {
  const { step, isBetter } = rulesOf(options);
  let now = START;
  return Object.assign(
    makeSchedule(Number.POSITIVE_INFINITY, () => now.factor),
    {
      report(metric: number): number {
        if (typeof metric !== "number") {
          throw new ArgumentError({
            argument: "plateau.report: 'metric'",
            got: describe(metric),
            accepted: "a number",
          });
        }
        now = step(now, isBetter(metric, now.best) ? metric : null);
        return now.factor;
      },
      state: (): PlateauState => ({ ...now }),
      load(state: PlateauState): void {
        now = checkState(state);
      },
    },
  );
}

/** The options, checked, as what decides whether a metric is better and what follows from a report. */
function rulesOf(options: PlateauOptions) {
  checkKeys("plateau", options, [
    "mode",
    "factor",
    "patience",
    "threshold",
    "thresholdMode",
    "cooldown",
    "to",
  ]);
  const mode = checkChoice("plateau: 'mode'", given(options.mode, "min"), ["min", "max"]);
  const ratio = checkNumber(
    "plateau: 'factor'",
    given(options.factor, 0.1),
    "a number, 0 or more, below 1",
    (v) => v >= 0 && v < 1,
  );
  const patience = checkInteger("plateau: 'patience'", given(options.patience, 10), 0);
  const threshold = checkNumber(
    "plateau: 'threshold'",
    given(options.threshold, 1e-4),
    "a number, 0 or more",
    (v) => v >= 0,
  );
  const relative =
    checkChoice("plateau: 'thresholdMode'", given(options.thresholdMode, "rel"), ["rel", "abs"]) === "rel";
  const cooldown = checkInteger("plateau: 'cooldown'", given(options.cooldown, 0), 0);
  const to = checkShare("plateau: 'to'", given(options.to, 0));

  const isBetter = (metric: number, best: number | null): boolean => {
    if (!Number.isFinite(metric)) return false;
    if (best === null) return true;
    const margin = relative ? threshold * Math.abs(best) : threshold;
    return mode === "min" ? metric < best - margin : metric > best + margin;
  };
  /** The state after a report; `improved` is the new best metric or null. */
  const step = (state: PlateauState, improved: number | null): PlateauState => {
    const best = improved ?? state.best;
    const waiting = state.cooldown > 0;
    const badReports = waiting || improved !== null ? 0 : state.badReports + 1;
    if (badReports > patience) {
      return { factor: Math.max(to, state.factor * ratio), best, badReports: 0, cooldown };
    }
    return { factor: state.factor, best, badReports, cooldown: waiting ? state.cooldown - 1 : 0 };
  };
  return { isBetter, step };
}

function checkState(state: PlateauState): PlateauState {
  checkKeys("plateau.load", state, ["factor", "best", "badReports", "cooldown"]);
  const best: unknown = state.best;
  return {
    factor: checkShare("plateau.load: 'factor'", state.factor),
    best: best === null ? null : checkNumber("plateau.load: 'best'", best, "a number or null", () => true),
    badReports: checkInteger("plateau.load: 'badReports'", state.badReports, 0),
    cooldown: checkInteger("plateau.load: 'cooldown'", state.cooldown, 0),
  };
}

function checkShare(argument: string, value: unknown): number {
  return checkNumber(argument, value, "a number from 0 to 1", (v) => v >= 0 && v <= 1);
}
