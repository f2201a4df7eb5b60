// What all optimizers share: parameters in groups, state in flat memory, and what is read, kept and loaded of it.

import type { DeviceBuffer } from "../device/buffer.js";
import type { Device } from "../device/device.js";
import { ruleOf, STEP } from "../device/encode.js";
import { ArgumentError, describe } from "../errors.js";
import { Parameter } from "../tensor/parameter.js";
import type { Tensor } from "../tensor/tensor.js";
import { AverageScope } from "./average.js";
import type { StepOptions } from "./clip.js";
import { type CommonOptions, type Family, type RuleSetup, refuse, type WithGroups } from "./family.js";
import { groupUp } from "./groups.js";
import { eventsOf, GUARD, type GuardEvent, newGuard } from "./guard.js";
import { checkParameters, layOut } from "./layout.js";
import { type Kept, type OptimizerBytes, OptimizerMemory } from "./memory.js";
import { StepParts } from "./parts.js";
import { SnapshotRings } from "./snapshots.js";
import {
  fitState,
  type LoadOptions,
  type LoadReport,
  type OptimizerState,
  readState,
  type StateTarget,
} from "./state.js";
import { type Minimized, Stepper } from "./stepper.js";
import { checkStorage, checkStored } from "./storage.js";
import { type GroupedTable, tablesOf } from "./tables.js";
import { type Telemetry, telemetryOf } from "./telemetry.js";

/** Parameters that share hyper-parameters; `lr` may be changed at any time and takes effect at the next step. */
export interface Group {
  readonly params: readonly Parameter[];
  lr: number;
}

/**
 * The base of the optimizers. State lies in flat buffers over all parameters of a block of memory; a step is one update per
 * block (one for a model placed with `model.to`, however many parameters it has), with its scalars prepared on the device.
 */
export abstract class Optimizer {
  /** Parameter groups in the order of the options, those that no group matched last; `groups[0].lr` is writable. */
  readonly groups: readonly Group[];
  readonly device: Device;
  readonly #owner: string;
  /** Internal: of each group. */
  readonly setups: readonly RuleSetup[];
  readonly #memory: OptimizerMemory;
  readonly #tables: readonly GroupedTable[];
  readonly #stepper: Stepper;
  readonly #averaged: AverageScope;
  #events = 0;

  protected constructor(
    parameters: readonly Parameter[],
    options: WithGroups<CommonOptions>,
    family: Family<CommonOptions>,
  ) {
    const owner = new.target.name;
    this.#owner = owner;
    const checked = checkParameters(owner, parameters);
    this.device = checked.device;
    const grouped = groupUp(owner, checked.parameters, options, family);
    const storage = checkStorage(owner, options);
    this.setups = grouped.map(({ setup }) => setup);
    this.groups = grouped.map(({ params, setup }) => ({ params, lr: setup.lr }));
    const [first] = this.setups as [RuleSetup];
    const rule = ruleOf(first.rule);
    const groupOf = (parameter: Parameter): number =>
      this.groups.findIndex(({ params }) => params.includes(parameter));
    const kept = { states: rule.states, initial: first.initialState, gathers: !!first.composition };
    checkStored(owner, storage, kept, checked.parameters);
    if (first.ownAverage && storage.average !== undefined)
      refuse(owner, "average", `${storage.average}`, "nothing: the rule keeps an average of its own");
    const [rows, dense] = [true, false].map((own) =>
      checked.parameters.filter(({ sparse }) => sparse === own),
    );
    this.#tables = tablesOf(owner, rows ?? [], storage.sparse, groupOf, this.setups);
    this.#memory = new OptimizerMemory(
      this.device,
      layOut(dense ?? [], groupOf),
      {
        states: rule.states.map((name, i) => ({
          name,
          squares: ((rule.squares >> i) & 1) === 1,
          positive: ((rule.positive >> i) & 1) === 1,
        })),
        precision: storage.precision,
        initial: this.setups.map(({ initialState }) => initialState),
        average: storage.average !== undefined,
        copy: storage.copy !== undefined,
        groups: this.groups.length,
        running: this.setups.flatMap(({ running }) => [...running]),
        row: STEP.rowHead + rule.step,
        guard: newGuard(),
        compositions: this.setups.map(({ composition }) => composition),
      },
      this.#tables.map(({ table }) => table),
    );
    this.#averaged = new AverageScope(this.#memory, (p) => this.setups[groupOf(p)]?.ownAverage);
    const { groups, setups } = this;
    const [memory, tables, averaged] = [this.#memory, this.#tables, this.#averaged];
    this.#stepper = new Stepper({ owner, groups, setups, memory, tables, averaged, ...storage });
  }

  /** Steps tried: a step that the guard skipped counts here, but not in the running scalars of the rule. */
  get stepCount(): number {
    return this.#stepper.steps;
  }

  /** Bytes that this optimizer has allocated; snapshots and some sums come with the first step that needs them. */
  get bytes(): OptimizerBytes {
    const { state, ...bytes } = this.#memory.bytes;
    return { ...bytes, state: this.#tables.reduce((sum, { table }) => sum + table.bytes, state) };
  }

  /** Whether `withAverage` has something to give: the running mean (option `average`), or an average of the rule's own. */
  get hasAverage(): boolean {
    return this.#memory.plan.average || this.setups[0]?.ownAverage !== undefined;
  }

  /**
   * Records: gradients of `loss` for all parameters, their global norm, clipping, and the update. Inside
   * `device.program(...)`. Returns the loss, and the norm before clipping. With `onto`, the step is that of all parts that
   * `accumulate` has summed up there, and of this one; with sparse tables it has to be recorded when such parts have run.
   */
  minimize(loss: Tensor, options: StepOptions = {}, onto?: StepParts): Minimized {
    return this.#stepper.minimize(loss, options, onto);
  }

  /**
   * Records one step of several optimizers, each over parameters of its own: the gradients of `loss` for all of them, by one pass
   * back, and then the updates, as `minimize` of each. Each one clips by the norm of its own parameters, and guards them alone;
   * `gradNorm` is that of all. Muon, which takes matrices, beside AdamW for the rest:
   *
   * ```ts
   * const [matrices, others] = [true, false].map((is) => model.parameters().filter(({ shape }) => (shape.length === 2) === is));
   * const optimizers = [new Muon(matrices), new AdamW(others)];
   * const step = device.program(inputs, ({ x, y }) => Optimizer.minimize(optimizers, crossEntropy(model.forward(x), y)));
   * ```
   *
   * @throws ArgumentError for a parameter that two of them have, and for `lossScale`: each has a scale of its own, the loss is one
   */
  static minimize(optimizers: readonly Optimizer[], loss: Tensor, options: StepOptions = {}): Minimized {
    const owner = "Optimizer.minimize";
    const list: readonly unknown[] = Array.isArray(optimizers) ? optimizers : [];
    if (list.length === 0 || !list.every((one) => one instanceof Optimizer)) {
      const accepted = "a non-empty array of optimizers";
      throw new ArgumentError({ argument: `${owner}: 'optimizers'`, got: describe(optimizers), accepted });
    }
    return Stepper.together(
      owner,
      optimizers.map((one) => one.#stepper),
      loss,
      options,
    );
  }

  /** What the parts of a step leave for its last one: memory for steps of `count` parts, more if there are more. Yours to dispose. */
  parts(count: number): StepParts {
    return new StepParts(`${this.#owner}.parts`, this.device, this.#tables, count);
  }

  /**
   * Records a part of a step that `minimize` takes: adds `loss` to that of `onto`, its gradients to those that are in the
   * parameters' `grad`, and to the lists of `onto` what it adds to rows of sparse tables; the `first` part writes them anew.
   * `options` are those of the step.
   */
  accumulate(loss: Tensor, options: StepOptions, onto: StepParts, first: boolean): void {
    this.#stepper.accumulate(loss, options, onto, first);
  }

  /**
   * Enqueues one update from the gradients that are in the parameters' `grad` buffers now.
   * @throws ArgumentError for `lossScale`, which is for losses that `minimize` scales, and for sparse tables
   */
  step(options: StepOptions = {}): void {
    this.#stepper.step(options);
  }

  /**
   * What was watched at the last step that watched (`watch` of the step's options), for each parameter; norm and finiteness of the
   * gradient are of the last step. Sparse tables come last, with figures of the rows in use at the step that watched. Waits for what
   * was enqueued before.
   */
  telemetry(): Promise<Telemetry[]> {
    const [{ rule }] = this.setups as [RuleSetup];
    return telemetryOf(this.#memory, ruleOf(rule));
  }

  /**
   * The guard's decisions since the last call, and of them the newest 64 at most: `lost` of the first says how many there were before.
   * Waits for what was enqueued before.
   */
  async events(): Promise<GuardEvent[]> {
    const words = await this.#memory.guard.read();
    const events = eventsOf(words, this.#events);
    this.#events = words[GUARD.decisions] as number;
    return events;
  }

  /**
   * A parameter in bf16 (option `copy`): a view, written by each step that is taken, stochastically rounded. Before the first, and
   * after `load`, it is the parameter rounded to the nearest.
   */
  copyOf(parameter: Parameter): DeviceBuffer<"bf16"> {
    for (const { segment, memory } of this.#memory.places()) {
      if (segment.parameter === parameter && memory.copy)
        return memory.copy.view(segment.at, parameter.shape);
    }
    throw new ArgumentError({
      argument: `${this.#owner}.copyOf`,
      got: parameter instanceof Parameter ? `"${parameter.name}"` : describe(parameter),
      accepted: `a parameter of this optimizer, which needs the option copy: "bf16"`,
    });
  }

  /**
   * Runs `body` while the parameters are their running mean (option `average`), or the average that the rule keeps
   * (ScheduleFreeAdamW), and puts the same bits back, also if it throws.
   * May be nested; a step inside is refused. Keeps the parameters in memory of their size meanwhile.
   */
  async withAverage<T>(body: () => T | Promise<T>): Promise<T> {
    if (!this.hasAverage) {
      throw new ArgumentError({
        argument: `${this.#owner}.withAverage`,
        got: "an optimizer without the option 'average'",
        accepted: "one that keeps a running mean",
      });
    }
    if (typeof body !== "function") {
      const argument = `${this.#owner}.withAverage: 'body'`;
      throw new ArgumentError({ argument, got: describe(body), accepted: "a function" });
    }
    this.#averaged.enter();
    try {
      return await body();
    } finally {
      this.#averaged.leave();
    }
  }

  /** State by parameter name, with PyTorch's names: `{ "0.weight": { exp_avg, exp_avg_sq } }`, and the running scalars. */
  state(): Promise<OptimizerState> {
    return readState(this.#stateTarget, this.#stepper.steps);
  }

  /**
   * Takes over the state that `state()` gave, of an optimizer on any device, in any precision and order. Parameters may be grouped
   * otherwise if those that come together have taken the same steps; such a group keeps its lr. A state that is kept in less than
   * f32 is rounded to the nearest.
   * @throws ArgumentError or ShapeError for a state of another rule, or that does not fit; the optimizer is then as it was
   */
  load(state: OptimizerState, options: LoadOptions = {}): LoadReport {
    const fitted = fitState(`${this.#owner}.load`, state, options, this.#stateTarget);
    fitted.write();
    this.#memory.fillCopy();
    this.#events = fitted.decisions;
    this.#stepper.steps = fitted.step;
    this.#stepper.lossScale.begun = fitted.scaled;
    return fitted.report;
  }

  /** Internal: holds parameters and state as they are now, for tools that try steps and take them back. */
  keep(): Kept {
    const memory = this.#memory.keep();
    const [steps, events, { begun }] = [this.#stepper.steps, this.#events, this.#stepper.lossScale];
    const lrs = this.groups.map(({ lr }) => lr);
    const restore = (): void => {
      memory.restore();
      [this.#stepper.steps, this.#events, this.#stepper.lossScale.begun] = [steps, events, begun];
      for (const [i, group] of this.groups.entries()) group.lr = lrs[i] as number;
    };
    return { restore, [Symbol.dispose]: () => memory[Symbol.dispose]() };
  }

  /** Internal: the running scalars of the rule, of all groups. Waits for what was enqueued before. */
  protected running(): Promise<Float64Array> {
    return this.#memory.running.read();
  }

  /** Internal: the snapshots of a guard, to be saved beside the state. */
  get snapshots(): SnapshotRings {
    return new SnapshotRings(this.#memory);
  }

  get #stateTarget(): StateTarget {
    const [{ rule }] = this.setups as [RuleSetup];
    return { rule, groups: this.groups, memory: this.#memory };
  }

  /**
   * Brings every row of sparse tables up to date (`sparse: "catchUp"`): before the tables are read but by lookups, and before they
   * are saved. Enqueued; does nothing for other optimizers.
   */
  flush(): void {
    for (const { table } of this.#tables) table.flush();
  }

  /** Frees gradients and state. */
  dispose(): void {
    for (const { table } of this.#tables) table.dispose();
    this.#stepper.dispose();
    this.#memory.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
