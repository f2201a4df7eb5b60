// What all optimizers share: parameters in groups, state in flat memory, the recorded step and the direct one.

import { checkBoolean, checkChoice, checkInteger, checkKeys, checkNumber, given } from "../check.js";
import type { DeviceBuffer } from "../device/buffer.js";
import type { Device } from "../device/device.js";
import { RULES, STEP } from "../device/encode.js";
import { ArgumentError, describe } from "../errors.js";
import { mul } from "../tensor/elementwise.js";
import { gradients } from "../tensor/gradients.js";
import type { Parameter } from "../tensor/parameter.js";
import { Program } from "../tensor/program.js";
import { type Recorder, recording } from "../tensor/recorder.js";
import { reshape } from "../tensor/shape.js";
import { asScalar, type Scalar, type Tensor } from "../tensor/tensor.js";
import { type CheckedStep, checkStep, type StepOptions } from "./clip.js";
import { type CommonOptions, type Family, type RuleSetup, setUp, type WithGroups } from "./family.js";
import { eventsOf, GUARD, type GuardEvent, newGuard, type Steering, settingsOf, slotsOf } from "./guard.js";
import { checkParameters, layOut } from "./layout.js";
import { OptimizerMemory } from "./memory.js";
import type { Precision } from "./precision.js";
import { recordStep } from "./record.js";
import { type Telemetry, telemetryOf } from "./telemetry.js";

/** How the state of an optimizer is kept. */
export interface StorageOptions {
  /** Of each state. bf16 and u8 are for optimizers of at most two states. Default "f32". */
  readonly precision?: Precision;
  /** Decay of a running mean of the parameters (EMA), for `withAverage`. Default: none is kept. */
  readonly average?: number;
  /** Seeds stochastic rounding. Default 0. */
  readonly seed?: number;
}

const STORAGE = ["precision", "average", "seed"] as const;

/** Parameters that share hyper-parameters; `lr` may be changed at any time and takes effect at the next step. */
export interface Group {
  readonly params: readonly Parameter[];
  lr: number;
}

/** Everything that continues an optimizer. */
export interface OptimizerState {
  /** Steps tried: what schedules go by. */
  readonly step: number;
  /** Per group: the rule's running scalars (steps taken, powers of the betas). */
  readonly running: readonly (readonly number[])[];
  /** What the guard remembers. */
  readonly guard: readonly number[];
  /** Per group. */
  readonly lr: readonly number[];
  readonly parameters: Readonly<Record<string, Readonly<Record<string, Float32Array>>>>;
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
  readonly #setups: readonly RuleSetup[];
  readonly #memory: OptimizerMemory;
  readonly #average: number | undefined;
  readonly #seed: number;
  readonly #programs = new Map<string, Program>();
  #steps = 0;
  #events = 0;

  protected constructor(
    parameters: readonly Parameter[],
    options: WithGroups<CommonOptions> & StorageOptions,
    family: Family<CommonOptions>,
  ) {
    const owner = new.target.name;
    this.#owner = owner;
    const checked = checkParameters(owner, parameters);
    this.device = checked.device;
    const grouped = groupUp(owner, checked.parameters, options, family);
    const storage = checkStorage(owner, options);
    this.#setups = grouped.map(({ setup }) => setup);
    this.groups = grouped.map(({ params, setup }) => ({ params, lr: setup.lr }));
    const [first] = this.#setups as [RuleSetup];
    const rule = ruleOf(first.rule);
    const groupOf = (parameter: Parameter): number =>
      this.groups.findIndex(({ params }) => params.includes(parameter));
    if (storage.precision !== "f32" && rule.states.length > 2) {
      throw new ArgumentError({
        argument: `${owner}: 'precision'`,
        got: `"${storage.precision}"`,
        accepted: `"f32" for the ${rule.states.length} states that it keeps`,
      });
    }
    this.#average = storage.average;
    this.#seed = storage.seed;
    this.#memory = new OptimizerMemory(this.device, layOut(checked.parameters, groupOf), {
      states: rule.states.map((name, i) => ({ name, squares: i === rule.second })),
      precision: storage.precision,
      initial: first.initialState,
      average: storage.average !== undefined,
      groups: this.groups.length,
      running: this.#setups.flatMap(({ running }) => [...running]),
      row: STEP.rowHead + rule.step,
      guard: newGuard(1),
    });
  }

  /** Steps tried: a step that the guard skipped counts here, but not in the running scalars of the rule. */
  get stepCount(): number {
    return this.#steps;
  }

  /** Bytes of gradients and of optimizer state that this optimizer allocated. */
  get bytes(): { readonly gradients: number; readonly state: number } {
    return this.#memory.bytes;
  }

  /**
   * Records: gradients of `loss` for all parameters, their global norm, clipping, and the update. Inside
   * `device.program(...)`. Returns the loss, and the norm before clipping.
   */
  minimize(loss: Tensor, options: StepOptions = {}): { loss: Scalar; gradNorm: Scalar } {
    const recorder = recording("minimize");
    recorder.minimizes = true;
    const step = checkStep("minimize", options);
    const parameters = this.groups.flatMap(({ params }) => params);
    const scaled = step.lossScale ? mul(loss, this.#lossScale(recorder, step.lossScale.initial)) : loss;
    gradients(scaled, parameters).forEach((gradient, i) => {
      recorder.leaveIn(gradient, (parameters[i] as Parameter).grad as DeviceBuffer<"f32">);
    });
    const gradNorm = this.#record(recorder, step, loss);
    return { loss: asScalar(loss), gradNorm };
  }

  /** Enqueues one update from the gradients that are in the parameters' `grad` buffers now. */
  step(options: StepOptions = {}): void {
    const step = checkStep(`${this.#owner}.step`, options);
    const key = JSON.stringify([step.key, [...recordedFor(step.schedule)]]);
    let program = this.#programs.get(key);
    if (!program) {
      const body = (): { gradNorm: Scalar } => ({
        gradNorm: this.#record(recording("step"), step, undefined),
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

  #record(recorder: Recorder, step: CheckedStep, loss: Tensor | undefined): Scalar {
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
    const [{ rule, trustRatio = false }] = this.#setups as [RuleSetup];
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
      loss: guard && loss,
      hyper,
      settings,
    });
    recorder.opaque.add(gradNorm);
    recorder.onRun.push(() => {
      this.#steps += 1;
    });
    return gradNorm;
  }

  /** The hyper-parameters of all groups, row by row. */
  #hyper({ schedule }: CheckedStep): number[] {
    const factor = schedule ? schedule(this.#steps) : 1;
    const at = `${this.#owner}: the schedule's factor at step ${this.#steps}`;
    checkNumber(at, factor, "a number, 0 or more", (v) => v >= 0);
    return this.groups.flatMap(({ lr }, i) => {
      checkNumber(`${this.#owner}: 'lr'`, lr, "a number, 0 or more", (v) => v >= 0);
      const { weightDecay, maximize, hyper } = this.#setups[i] as RuleSetup;
      return [lr * factor, weightDecay, Number(maximize), ...hyper];
    });
  }

  /**
   * What was watched at the last step that watched (`watch` of the step's options), for each parameter. Waits for what was
   * enqueued before.
   */
  telemetry(): Promise<Telemetry[]> {
    const [{ rule, running }] = this.#setups as [RuleSetup];
    return telemetryOf(this.#memory, ruleOf(rule), running.length);
  }

  /** The guard's decisions since the last call, and of them the newest 64 at most. Waits for what was enqueued before. */
  async events(): Promise<GuardEvent[]> {
    const words = await this.#memory.guard.read();
    const events = eventsOf(words, this.#events);
    this.#events = words[GUARD.decisions] as number;
    return events;
  }

  /** Runs `body` while the parameters are their running mean (option `average`), and puts them back. */
  async withAverage<T>(body: () => T | Promise<T>): Promise<T> {
    if (this.#average === undefined) {
      throw new ArgumentError({
        argument: `${this.#owner}.withAverage`,
        got: "an optimizer without the option 'average'",
        accepted: "one that keeps a running mean",
      });
    }
    this.#swapAverage();
    try {
      return await body();
    } finally {
      this.#swapAverage();
    }
  }

  /** Exchanges parameters and their running mean. */
  #swapAverage(): void {
    for (const { segment, memory } of this.#memory.places()) {
      const { value } = segment.parameter;
      const mean = memory.average?.view(segment.at, value.shape);
      if (!mean || value.length === 0) continue;
      using spare = this.device.allocUninitialized("f32", value.shape);
      spare.copyFrom(value);
      value.copyFrom(mean);
      mean.copyFrom(spare);
    }
  }

  /** State by parameter name, with PyTorch's names: `{ "0.weight": { exp_avg, exp_avg_sq } }`, and the running scalars. */
  async state(): Promise<OptimizerState> {
    // Everything is enqueued before the first wait: a step that is taken meanwhile does not show.
    const [step, lr] = [this.#steps, this.groups.map((group) => group.lr)];
    const [reading, guarding] = [this.#memory.running.read(), this.#memory.guard.read()];
    const parameters = await this.#memory.readStates();
    const [running, guard] = [await reading, await guarding];
    const size = running.length / this.groups.length;
    const rows = this.groups.map((_, i) => [...running.subarray(i * size, (i + 1) * size)]);
    return { step, running: rows, guard: [...guard], lr, parameters };
  }

  /** Takes over the state that `state()` gave; names and sizes must be exactly those of this optimizer. */
  load(state: OptimizerState): void {
    const owner = `${this.#owner}.load`;
    const { running, guard } = this.#memory;
    const lists = [state?.running, state?.lr, state?.guard];
    if (!lists.every(Array.isArray) || state.lr.length !== this.groups.length) {
      throw new ArgumentError({
        argument: `${owner}: 'state'`,
        got: describe(state),
        accepted: `a state of ${this.groups.length} group(s) as state() gives it`,
      });
    }
    const step = checkInteger(`${owner}: 'step'`, state.step, 0);
    const lrs = state.lr.map((lr) => checkNumber(`${owner}: 'lr'`, lr, "a number, 0 or more", (v) => v >= 0));
    const words = (name: string, values: readonly number[], length: number): Float64Array => {
      const numbers = Array.from(values, (v) =>
        checkNumber(`${owner}: '${name}'`, v, "a finite number", () => true),
      );
      if (numbers.length === length) return Float64Array.from(numbers);
      throw new ArgumentError({
        argument: `${owner}: '${name}'`,
        got: describe(values),
        accepted: `${length} numbers`,
      });
    };
    const scalars = words("running", state.running.flat(), running.length);
    const remembered = words("guard", state.guard, guard.length);
    this.#memory.checkStates(owner, state.parameters);
    remembered[GUARD.kept] = 0; // snapshots are not a part of the state
    remembered[GUARD.untilSnapshot] = 0;
    this.#memory.writeStates(state.parameters);
    running.write(scalars);
    guard.write(remembered);
    this.#memory.prepared
      .view(STEP.control - 1, [1])
      .write(Float32Array.of(remembered[GUARD.lossScale] as number));
    this.groups.forEach((group, i) => {
      group.lr = lrs[i] as number;
    });
    this.#events = remembered[GUARD.decisions] as number;
    this.#steps = step;
  }

  /** Frees gradients and state. */
  dispose(): void {
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

function checkStorage(owner: string, options: StorageOptions) {
  const average = options.average;
  return {
    precision: checkChoice(`${owner}: 'precision'`, given(options.precision, "f32"), ["f32", "bf16", "u8"]),
    average:
      average === undefined
        ? undefined
        : checkNumber(`${owner}: 'average'`, average, "a number from 0 to 1", (v) => v >= 0 && v <= 1),
    seed: checkInteger(`${owner}: 'seed'`, given(options.seed, 0), 0, 2 ** 32 - 1),
  };
}

interface Grouped {
  readonly params: readonly Parameter[];
  readonly setup: RuleSetup;
}

/** Parameters by group, with the numbers of each: the first group that matches a name has it, the rest are the last group. */
function groupUp(
  owner: string,
  parameters: readonly Parameter[],
  options: WithGroups<CommonOptions> & StorageOptions,
  family: Family<CommonOptions>,
): Grouped[] {
  checkKeys(owner, options, [...Object.keys(family.options), ...STORAGE, "groups"]);
  const { groups = [], ...rest } = options;
  const common = Object.fromEntries(
    Object.entries(rest).filter(([name]) => !STORAGE.includes(name as never)),
  );
  if (!Array.isArray(groups)) {
    throw new ArgumentError({ argument: `${owner}: 'groups'`, got: describe(groups), accepted: "an array" });
  }
  const left = new Set(parameters);
  const found: Grouped[] = groups.map((group: { match?: unknown }, i) => {
    const at = `${owner}: groups[${i}]`;
    if (typeof group !== "object" || group === null || typeof group.match !== "function") {
      throw new ArgumentError({
        argument: at,
        got: describe(group),
        accepted: "an object with `match`, a function of a parameter's name",
      });
    }
    const { match, ...overrides } = group as { match: (name: string) => unknown };
    const params = [...left].filter(({ name }) =>
      checkBoolean(`${at}: what match("${name}") gives`, match(name)),
    );
    if (params.length === 0) {
      const names = [...left].map(({ name }) => name).join(", ");
      throw new ArgumentError({ argument: at, got: "a match of nothing", accepted: `one of ${names}` });
    }
    for (const parameter of params) left.delete(parameter);
    return { params, setup: setUp(family, at, { ...common, ...overrides }) };
  });
  const setup = setUp(family, owner, common);
  if (left.size > 0) found.push({ params: [...left], setup });
  const other = found.find((group) => group.setup.rule !== setup.rule);
  if (other) {
    throw new ArgumentError({
      argument: `${owner}: 'groups'`,
      got: `a group that needs the rule "${other.setup.rule}" beside "${setup.rule}"`,
      accepted: "options that leave the states as they are: use an optimizer of its own for such a group",
    });
  }
  return found;
}
