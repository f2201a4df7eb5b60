// What all optimizers share: parameters in groups, state in flat memory, the recorded step and the direct one.

import { checkNumber } from "../check.js";
import type { DeviceBuffer } from "../device/buffer.js";
import type { Device } from "../device/device.js";
import { RULES, STEP } from "../device/encode.js";
import { ArgumentError, describe } from "../errors.js";
import { mul } from "../tensor/elementwise.js";
import { rowGradients } from "../tensor/gradients.js";
import { Parameter } from "../tensor/parameter.js";
import { Program } from "../tensor/program.js";
import { type Recorder, recording } from "../tensor/recorder.js";
import { reshape } from "../tensor/shape.js";
import { asScalar, type Scalar, type Tensor } from "../tensor/tensor.js";
import { AverageScope } from "./average.js";
import { type CheckedStep, checkStep, type StepOptions } from "./clip.js";
import type { CommonOptions, Family, RuleSetup, WithGroups } from "./family.js";
import { groupUp } from "./groups.js";
import { eventsOf, GUARD, type GuardEvent, newGuard, type Steering, settingsOf, slotsOf } from "./guard.js";
import { checkParameters, layOut } from "./layout.js";
import { type Kept, type OptimizerBytes, OptimizerMemory } from "./memory.js";
import { recordStep } from "./record.js";
import {
  fitState,
  type LoadOptions,
  type LoadReport,
  type OptimizerState,
  readState,
  type StateTarget,
} from "./state.js";
import { checkStorage, checkStored } from "./storage.js";
import {
  checkTables,
  type GroupedTable,
  recordTables,
  sortTables,
  type TableGradients,
  tablesOf,
} from "./tables.js";
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
  readonly #average: number | undefined;
  readonly #averaged: AverageScope;
  readonly #seed: number;
  readonly #programs = new Map<string, Program>();
  #steps = 0;
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
    const kept = { states: rule.states, initial: first.initialState };
    checkStored(owner, storage, kept, checked.parameters);
    this.#average = storage.average;
    this.#seed = storage.seed;
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
          squares: i === rule.second,
          positive: ((rule.positive >> i) & 1) === 1,
        })),
        precision: storage.precision,
        initial: first.initialState,
        average: storage.average !== undefined,
        copy: storage.copy !== undefined,
        groups: this.groups.length,
        running: this.setups.flatMap(({ running }) => [...running]),
        row: STEP.rowHead + rule.step,
        guard: newGuard(1),
      },
      this.#tables.map(({ table }) => table),
    );
    this.#averaged = new AverageScope(this.#memory);
  }

  /** Steps tried: a step that the guard skipped counts here, but not in the running scalars of the rule. */
  get stepCount(): number {
    return this.#steps;
  }

  /** Bytes that this optimizer has allocated; snapshots and some sums come with the first step that needs them. */
  get bytes(): OptimizerBytes {
    const { state, ...bytes } = this.#memory.bytes;
    return { ...bytes, state: this.#tables.reduce((sum, { table }) => sum + table.bytes, state) };
  }

  /**
   * Records: gradients of `loss` for all parameters, their global norm, clipping, and the update. Inside
   * `device.program(...)`. Returns the loss, and the norm before clipping.
   */
  minimize(loss: Tensor, options: StepOptions = {}): { loss: Scalar; gradNorm: Scalar } {
    const recorder = recording("minimize");
    recorder.minimizes = true;
    const step = checkStep("minimize", options);
    const parameters = this.groups.flatMap(({ params }) => params.filter(({ sparse }) => !sparse));
    const tables = this.#tables.map(({ table }) => table.parameter);
    const scaled = step.lossScale ? mul(loss, this.#lossScale(recorder, step.lossScale.initial)) : loss;
    const { dense, sparse } = rowGradients(scaled, parameters, tables);
    dense.forEach((gradient, i) => {
      recorder.leaveIn(gradient, (parameters[i] as Parameter).grad as DeviceBuffer);
    });
    const gradNorm = this.#record(recorder, step, loss, sortTables(this.#tables, sparse));
    return { loss: asScalar(loss), gradNorm };
  }

  /** Enqueues one update from the gradients that are in the parameters' `grad` buffers now. */
  step(options: StepOptions = {}): void {
    const step = checkStep(`${this.#owner}.step`, options);
    if (this.#tables.length > 0) {
      throw new ArgumentError({
        argument: `${this.#owner}.step`,
        got: `the sparse table "${this.#tables[0]?.table.parameter.name}", whose gradient is in no buffer`,
        accepted: "minimize, inside of device.program",
      });
    }
    const key = JSON.stringify([step.key, [...recordedFor(step.schedule)]]);
    let program = this.#programs.get(key);
    if (!program) {
      const body = (): { gradNorm: Scalar } => ({
        gradNorm: this.#record(recording("step"), step, undefined, sortTables([], [])),
      });
      program = new Program(this.device, {}, body) as unknown as Program;
      this.#programs.set(key, program);
    }
    // A failure stays with the device, which tells whoever waits for it next.
    program.run({}).catch(() => {});
  }

  /** The factor on the loss, on the device; the first step that scales sets it. */
  #lossScale(recorder: Recorder, initial: number): Tensor {
    const { guard, prepared } = this.#memory;
    if (this.#steps === 0) {
      guard.view(GUARD.lossScale, [1]).write(Float64Array.of(initial));
      prepared.view(STEP.control - 1, [1]).write(Float32Array.of(initial));
    }
    return reshape(recorder.lift("minimize: the loss scale", prepared.view(STEP.control - 1, [1])), []);
  }

  #record(recorder: Recorder, step: CheckedStep, loss: Tensor | undefined, rows: TableGradients): Scalar {
    const { clip, guard, lossScale, watch } = step;
    const needsNorm = clip.norm !== undefined || clip.tensorNorm !== undefined || !!guard || !!lossScale;
    const steering: Steering = {
      maxNorm: clip.norm ?? 0,
      clipValue: clip.value ?? Number.POSITIVE_INFINITY,
      average: this.#average ?? 0,
      watchEvery: watch,
      watchGradient: !needsNorm,
      guard,
      lossScale,
    };
    const [{ rule, trustRatio = false }] = this.setups as [RuleSetup];
    if (trustRatio && clip.updateRms !== undefined) {
      throw new ArgumentError({
        argument: `${this.#owner}: 'clip.updateRms'`,
        got: `${clip.updateRms}`,
        accepted: "nothing: the trust ratio decides how long an update is",
      });
    }
    if (this.#tables.length > 0) checkTables(`${this.#owner}.minimize`, step, trustRatio);
    const hyper = recorder.supplied(this.groups.length * ruleOf(rule).hyper, () => this.#hyper(step));
    const settings = recorder.supplied(STEP.settings, () => settingsOf(steering));
    const gradNorm = recordStep(recorder, this.#memory, {
      rule,
      seed: this.#seed,
      needsNorm,
      tensorNorm: clip.tensorNorm,
      updateRms: clip.updateRms,
      trustRatio,
      watch: watch > 0,
      slots: slotsOf(guard),
      rowSquares: rows.squares,
      loss: guard && loss,
      hyper,
      settings,
    });
    recordTables(recorder, this.#memory, this.#tables, rows);
    recorder.opaque.add(gradNorm);
    recorder.onRun.push(() => {
      this.#steps += 1;
    });
    return gradNorm;
  }

  /** The hyper-parameters of all groups, row by row. */
  #hyper({ schedule }: CheckedStep): number[] {
    if (this.#averaged.active) {
      const accepted = "steps before or after: inside, the parameters are their running mean";
      throw new ArgumentError({ argument: this.#owner, got: "a step inside withAverage", accepted });
    }
    const factor = schedule ? schedule(this.#steps) : 1;
    const at = `${this.#owner}: the schedule's factor at step ${this.#steps}`;
    checkNumber(at, factor, "a number, 0 or more", (v) => v >= 0);
    return this.groups.flatMap(({ lr }, i) => {
      checkNumber(`${this.#owner}: 'lr'`, lr, "a number, 0 or more", (v) => v >= 0);
      const { weightDecay, maximize, hyper } = this.setups[i] as RuleSetup;
      return [lr * factor, weightDecay, Number(maximize), ...hyper];
    });
  }

  /**
   * What was watched at the last step that watched (`watch` of the step's options), for each parameter; norm and finiteness of the
   * gradient are of the last step. Waits for what was enqueued before.
   */
  telemetry(): Promise<Telemetry[]> {
    const [{ rule }] = this.setups as [RuleSetup];
    return telemetryOf(this.#memory, ruleOf(rule));
  }

  /** The guard's decisions since the last call, and of them the newest 64 at most. Waits for what was enqueued before. */
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
   * Runs `body` while the parameters are their running mean (option `average`), and puts the same bits back, also if it throws.
   * May be nested; a step inside is refused. Keeps the parameters in memory of their size meanwhile.
   */
  async withAverage<T>(body: () => T | Promise<T>): Promise<T> {
    if (this.#average === undefined) {
      throw new ArgumentError({
        argument: `${this.#owner}.withAverage`,
        got: "an optimizer without the option 'average'",
        accepted: "one that keeps a running mean",
      });
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
    return readState(this.#stateTarget, this.#steps);
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
    this.#steps = fitted.step;
    return fitted.report;
  }

  /** Internal: holds parameters and state as they are now, for tools that try steps and take them back. */
  keep(): Kept {
    if (this.#tables.length > 0) {
      throw new ArgumentError({
        argument: this.#owner,
        got: `the sparse table "${this.#tables[0]?.table.parameter.name}"`,
        accepted: "dense parameters, where steps are tried and taken back",
      });
    }
    const memory = this.#memory.keep();
    const [steps, events] = [this.#steps, this.#events];
    const lrs = this.groups.map(({ lr }) => lr);
    const restore = (): void => {
      memory.restore();
      [this.#steps, this.#events] = [steps, events];
      for (const [i, group] of this.groups.entries()) group.lr = lrs[i] as number;
    };
    return { restore, [Symbol.dispose]: () => memory[Symbol.dispose]() };
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
    for (const program of this.#programs.values()) program.dispose();
    this.#memory.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function ruleOf(name: string) {
  const rule = RULES.get(name);
  if (!rule) throw new Error(`adastep has no update rule named "${name}"`);
  return rule;
}

/** A schedule is part of what was recorded: another one needs a program of its own. */
const numbers = new WeakMap<object, number>();
let schedules = 0;
function* recordedFor(schedule: object | undefined): Generator<number> {
  if (!schedule) return;
  if (!numbers.has(schedule)) numbers.set(schedule, schedules++);
  yield numbers.get(schedule) as number;
}
