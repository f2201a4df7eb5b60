// Ending a run when a figure of its evaluations no longer improves, and going back to where it was best.

import { checkBoolean, checkInteger, checkKeys, checkNumber, given } from "../check.js";
import type { DeviceBuffer } from "../device/buffer.js";
import type { Shape } from "../device/dtype.js";
import { ArgumentError, describe } from "../errors.js";
import type { Module } from "../nn/module.js";
import type { Evaluation } from "./events.js";
import { type CheckedGoal, checkGoal, figureOf, isBetter, type MetricGoal } from "./goal.js";
import type { Metrics } from "./metrics.js";
import { exact, fromExact } from "./position.js";

/** When to stop. Needs `validation`. */
export interface EarlyStoppingOptions extends MetricGoal {
  /** Evaluations in a row without an improvement after which the run ends. Default 5. */
  readonly patience?: number;
  /** How much better than the best counts as an improvement; 0 or more. Default 0. */
  readonly minDelta?: number;
  /**
   * Whether the parameters become those of the best evaluation when the run ends, unless it is aborted. The optimizer's state stays
   * that of the last step. Takes memory for a copy of the parameters on the device. Default false.
   */
  readonly restoreBest?: boolean;
}

export type CheckedEarlyStopping = CheckedGoal & Required<EarlyStoppingOptions>;

/** What early stopping remembers. */
export interface EarlyStoppingState {
  /** Null before the first evaluation with a value that is a number. */
  readonly best: number | string | null;
  readonly bestStep: number;
  /** Evaluations since the best. */
  readonly waited: number;
}

/** Parameters by name. */
export type KeptParameters = Readonly<Record<string, { readonly shape: Shape; readonly data: Float32Array }>>;

export function checkEarlyStopping(owner: string, options: EarlyStoppingOptions): CheckedEarlyStopping {
  const goal = checkGoal(owner, options, ["patience", "minDelta", "restoreBest"]);
  const at = owner.slice(0, -1);
  return {
    ...goal,
    patience: checkInteger(`${at}.patience'`, given(options.patience, 5), 1),
    minDelta: checkNumber(
      `${at}.minDelta'`,
      given(options.minDelta, 0),
      "a number, 0 or more",
      (v) => v >= 0,
    ),
    restoreBest: checkBoolean(`${at}.restoreBest'`, given(options.restoreBest, false)),
  };
}

/** Watches the evaluations of a run. */
export class EarlyStopping {
  #best: number | undefined;
  #bestStep = 0;
  #waited = 0;
  readonly #kept: DeviceBuffer<"f32">[] = [];

  constructor(
    readonly options: CheckedEarlyStopping,
    readonly model: Module,
  ) {}

  /** Whether the run should end. */
  get due(): boolean {
    return this.#waited >= this.options.patience;
  }

  /** The best value so far and its step. */
  get best(): { readonly value: number; readonly step: number } | undefined {
    return this.#best === undefined ? undefined : { value: this.#best, step: this.#bestStep };
  }

  /** Takes an evaluation in; the parameters are now those that were evaluated. Infinite values count, NaN never improves. */
  report(evaluation: Evaluation<Metrics>, step: number): void {
    const { metric, mode, minDelta, restoreBest } = this.options;
    const value = figureOf("trainer.run: 'earlyStopping'", evaluation, metric);
    if (!isBetter(mode, value, this.#best, minDelta)) {
      this.#waited += 1;
      return;
    }
    [this.#best, this.#bestStep, this.#waited] = [value, step, 0];
    if (restoreBest) this.#keep();
  }

  #keep(): void {
    for (const [i, { value }] of this.model.values().entries()) {
      const kept = this.#kept[i] ?? value.device.allocUninitialized(value.dtype, value.shape);
      this.#kept[i] = kept;
      kept.copyFrom(value);
    }
  }

  /** Enqueues that the parameters become those of the best evaluation, if they were kept. */
  restore(): void {
    for (const [i, { value }] of this.model.values().entries()) {
      const kept = this.#kept[i];
      if (kept) value.copyFrom(kept);
    }
  }

  /** The parameters of the best evaluation by name, as they are kept; undefined if they are not. */
  async kept(): Promise<KeptParameters | undefined> {
    if (this.#kept.length === 0) return undefined;
    const arrays = await Promise.all(this.#kept.map((buffer) => buffer.read()));
    const named = this.model
      .values()
      .map(({ name, shape }, i) => [name, { shape, data: arrays[i] as Float32Array }] as const);
    return Object.fromEntries(named);
  }

  state(): EarlyStoppingState {
    const best = this.#best === undefined ? null : exact(this.#best);
    return { best, bestStep: this.#bestStep, waited: this.#waited };
  }

  /**
   * Takes over what `state` gave, and the parameters that `kept` gave. A best whose parameters should be there and are not is no
   * best.
   * @throws ArgumentError for what does not fit
   */
  load(state: EarlyStoppingState, kept: KeptParameters | undefined): void {
    const owner = "earlyStopping";
    checkKeys(owner, state, ["best", "bestStep", "waited"]);
    const best = state.best === null ? undefined : fromExact(`${owner}: 'best'`, state.best);
    const bestStep = checkInteger(`${owner}: 'bestStep'`, state.bestStep, 0);
    const waited = checkInteger(`${owner}: 'waited'`, state.waited, 0);
    if (this.options.restoreBest) {
      if (!kept) return;
      this.#take(kept);
    }
    [this.#best, this.#bestStep, this.#waited] = [best, bestStep, waited];
  }

  #take(kept: KeptParameters): void {
    const parameters = this.model.values();
    for (const { name, length } of parameters.map(({ name, value }) => ({ name, length: value.length }))) {
      const data: unknown = Object.hasOwn(kept, name) ? kept[name]?.data : undefined;
      if (data instanceof Float32Array && data.length === length) continue;
      const accepted = `a Float32Array of ${length} elements`;
      throw new ArgumentError({ argument: `earlyStopping: "${name}"`, got: describe(data), accepted });
    }
    for (const { name, value } of parameters)
      this.#kept.push(value.device.from(kept[name]?.data as Float32Array, value.shape));
  }

  dispose(): void {
    for (const buffer of this.#kept) buffer.dispose();
    this.#kept.length = 0;
  }
}
