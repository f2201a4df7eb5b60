// Where a run is: with parameters and optimizer, all that continues it at the step where it was.

import { checkBoolean, checkInteger } from "../check.js";
import { ArgumentError, describe } from "../errors.js";
import type { Evaluation } from "./events.js";
import { Mean } from "./mean.js";
import type { Metrics } from "./metrics.js";

/** A position as JSON holds it; what is not finite is written as a word. */
export interface PositionState {
  readonly epoch: number;
  readonly before: number;
  readonly open: boolean;
  readonly taken: number;
  readonly whole: readonly unknown[];
  readonly recent: readonly unknown[];
  readonly seconds: unknown;
  readonly evaluated: number;
}

/** The epoch, the step in it, and what was summed up on the way. */
export class Position {
  /** Epochs begun, over all runs of the trainer. */
  epoch = 0;
  /** Epochs begun before this run. */
  before = 0;
  /** Whether an epoch has begun and not ended. */
  open = false;
  /** Steps taken in the open epoch. */
  taken = 0;
  /** Loss over the open epoch. */
  whole = new Mean();
  /** Loss since the step event before. */
  recent = new Mean();
  /** That the open epoch has taken so far. */
  seconds = 0;
  /** The step of the last evaluation, -1 before the first. */
  evaluated = -1;
  /** Figures of that evaluation; a position that was loaded does not have them. */
  figures: Evaluation<Metrics> | undefined;

  /** Begins a run. */
  startRun(): void {
    this.before = this.epoch;
    this.open = false;
  }

  /** Begins an epoch, unless one is open: then it goes on. */
  startEpoch(): void {
    if (this.open) return;
    this.open = true;
    this.epoch += 1;
    this.taken = 0;
    this.seconds = 0;
    this.whole = new Mean();
    this.recent = new Mean();
  }

  /** Counts a step of the open epoch. */
  take({ loss, size }: { readonly loss: number; readonly size: number }): void {
    this.taken += 1;
    this.whole.add(loss, size);
    this.recent.add(loss, size);
  }

  /** Begins what the next step event sums up. */
  log(): void {
    this.recent = new Mean();
  }

  state(): PositionState {
    const { epoch, before, open, taken, evaluated } = this;
    const [whole, recent] = [this.whole, this.recent].map((mean) => mean.state.map(exact));
    return {
      ...{ epoch, before, open, taken, evaluated },
      ...{ whole: whole ?? [], recent: recent ?? [], seconds: exact(this.seconds) },
    };
  }

  /** @throws ArgumentError for what `state` does not give */
  load(state: PositionState): void {
    const owner = "position";
    const integer = (name: "epoch" | "before" | "taken" | "evaluated", low = 0): number =>
      checkInteger(`${owner}: '${name}'`, state?.[name], low);
    const mean = (name: "whole" | "recent"): Mean => {
      const [sum, examples] = Array.isArray(state[name]) ? state[name] : [];
      const argument = `${owner}: '${name}'`;
      return new Mean([fromExact(argument, sum), checkInteger(argument, examples, 0)]);
    };
    const next = {
      epoch: integer("epoch"),
      before: integer("before"),
      taken: integer("taken"),
      evaluated: integer("evaluated", -1),
      open: checkBoolean(`${owner}: 'open'`, state.open),
      whole: mean("whole"),
      recent: mean("recent"),
      seconds: fromExact(`${owner}: 'seconds'`, state.seconds),
    };
    Object.assign(this, next);
  }
}

/** A number for JSON, which has no infinities and no NaN: those become words. Finite ones read back as the same double. */
export function exact(value: number): number | string {
  return Number.isFinite(value) ? value : String(value);
}

/** The number that `exact` was given. */
export function fromExact(argument: string, value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") return Number(value);
  const accepted = 'a number, "NaN", "Infinity" or "-Infinity"';
  throw new ArgumentError({ argument, got: describe(value), accepted });
}
