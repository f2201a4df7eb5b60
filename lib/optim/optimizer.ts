// What all optimizers share: parameters in groups, state in flat memory, the recorded step and the direct one.

import { checkInteger, checkKeys, checkNumber } from "../check.js";
import type { DeviceBuffer } from "../device/buffer.js";
import type { CommandFields, Device } from "../device/device.js";
import { RULES } from "../device/encode.js";
import { ArgumentError, describe } from "../errors.js";
import { add, sqrt } from "../tensor/elementwise.js";
import { gradients } from "../tensor/gradients.js";
import type { Parameter } from "../tensor/parameter.js";
import { recording } from "../tensor/recorder.js";
import { sumOfSquares } from "../tensor/reduce.js";
import { asScalar, type Scalar, type Tensor } from "../tensor/tensor.js";
import type { Schedule } from "./schedule.js";
import { checkParameters, FlatSpans, type Segment } from "./spans.js";

/** Options that every optimizer takes. */
export interface CommonOptions {
  /** Learning rate. */
  readonly lr?: number;
  /** Default 0 (AdamW 0.01). */
  readonly weightDecay?: number;
  /** Ascends instead of descending. Default false. */
  readonly maximize?: boolean;
}

/** Parameters that share hyper-parameters; `lr` may be changed at any time and takes effect at the next step. */
export interface Group {
  readonly params: readonly Parameter[];
  lr: number;
}

/** How a recorded step minimises. */
export interface MinimizeOptions {
  /** Scales the gradient down to this global norm if it is longer. Default: no clipping. */
  readonly clipNorm?: number;
  /** Factor on every group's `lr`, by the number of steps taken. Default: always 1. */
  readonly schedule?: Schedule;
}

/** A group with everything that its update needs. */
interface Unit {
  readonly group: Group;
  readonly segments: readonly Segment[];
  readonly hyper: DeviceBuffer<"f64">;
  readonly running: DeviceBuffer<"f64">;
  readonly prepared: DeviceBuffer<"f32">;
}

/** What a rule needs from its class: the rule's name, and its hyper-parameters in the order of its Hyper struct. */
export interface RuleSetup {
  readonly rule: string;
  /** Hyper-parameters after lr, weight decay and maximize, as the rule's struct lists them. */
  readonly hyper: readonly number[];
  readonly weightDecay: number;
  readonly maximize: boolean;
  /** Running values at step 0. */
  readonly running: readonly number[];
  /** Initial value of each state. Default 0. */
  readonly initialState?: number;
}

/** A function that puts one operation on a list or a stream. */
type Emit = (op: string, fields: CommandFields & Record<string, unknown>) => void;

/**
 * The base of the optimizers. State lies in flat buffers over all parameters; a step is one update per contiguous run of
 * parameters (one for a model placed with `model.to`), with the step's scalars prepared on the device.
 */
export abstract class Optimizer {
  /** Parameter groups; `groups[0].lr` is writable. */
  readonly groups: readonly Group[];
  readonly device: Device;
  readonly #setup: RuleSetup;
  readonly #units: readonly Unit[];
  readonly #spans: FlatSpans;
  #steps = 0;

  protected constructor(parameters: readonly Parameter[], lr: number, setup: RuleSetup) {
    const checked = checkParameters(new.target.name, parameters);
    this.#setup = setup;
    this.device = checked.device;
    const rule = RULES.get(setup.rule);
    if (!rule) throw new Error(`adastep has no update rule named "${setup.rule}"`);
    this.#spans = new FlatSpans(this.device, checked.parameters, rule.states, setup.initialState ?? 0);
    const running = this.device.from(Float64Array.from(setup.running));
    const group: Group = { params: checked.parameters, lr };
    this.groups = [group];
    this.#units = [
      {
        group,
        segments: this.#spans.segments,
        hyper: this.device.alloc("f64", [rule.hyper]),
        running,
        prepared: this.device.alloc("f32", [1 + rule.step]),
      },
    ];
  }

  /** Steps taken. */
  get stepCount(): number {
    return this.#steps;
  }

  /** Bytes of gradients and of optimizer state that this optimizer allocated. */
  get bytes(): { readonly gradients: number; readonly state: number } {
    return this.#spans.bytes;
  }

  /**
   * Records: gradients of `loss` for all parameters, their global norm, clipping, and the update. Inside
   * `device.program(...)`. Returns the loss, and the norm before clipping.
   */
  minimize(loss: Tensor, options: MinimizeOptions = {}): { loss: Scalar; gradNorm: Scalar } {
    const recorder = recording("minimize");
    recorder.minimizes = true;
    checkKeys("minimize", options, ["clipNorm", "schedule"]);
    const { clipNorm, schedule } = options;
    if (schedule !== undefined && typeof schedule !== "function") {
      throw new ArgumentError({
        argument: "minimize: 'schedule'",
        got: describe(schedule),
        accepted: "a schedule",
      });
    }
    if (clipNorm !== undefined)
      checkNumber("minimize: 'clipNorm'", clipNorm, "a number above 0", (v) => v > 0);
    const parameters = this.#units.flatMap(({ group }) => group.params);
    gradients(loss, parameters).forEach((gradient, i) => {
      recorder.leaveIn(gradient, (parameters[i] as Parameter).grad as DeviceBuffer<"f32">);
    });
    const squares = this.#spans.gradientSpans.map((span): Tensor => sumOfSquares(span));
    const gradNorm = asScalar(sqrt(squares.reduce((sum, square) => add(sum, square))));
    recorder.opaque.add(gradNorm);
    const emit: Emit = (op, fields) => recorder.emit(op, fields as never);
    for (const unit of this.#units) {
      const supplied = recorder.supplied(unit.hyper.length, () => this.#hyperOf(unit, schedule));
      this.#record(emit, unit, supplied, clipNorm === undefined ? undefined : gradNorm, clipNorm ?? 0);
    }
    recorder.onRun.push(() => {
      this.#steps += 1;
    });
    return { loss: asScalar(loss), gradNorm };
  }

  /** Enqueues one update from the gradients that are in the parameters' `grad` buffers now. */
  step(): void {
    for (const unit of this.#units) {
      unit.hyper.write(Float64Array.from(this.#hyperOf(unit, undefined)));
      this.#record((op, fields) => this.device.run(op, fields), unit, unit.hyper, undefined, 0);
    }
    this.#steps += 1;
  }

  #hyperOf({ group }: Unit, schedule: Schedule | undefined): number[] {
    const lr = checkNumber(`${this.constructor.name}: 'lr'`, group.lr, "a number, 0 or more", (v) => v >= 0);
    const factor = schedule ? schedule(this.#steps) : 1;
    const owner = `${this.constructor.name}: the schedule's factor at step ${this.#steps}`;
    checkNumber(owner, factor, "a number, 0 or more", (v) => v >= 0);
    const { weightDecay, maximize, hyper } = this.#setup;
    return [lr * factor, weightDecay, Number(maximize), ...hyper];
  }

  #record(
    emit: Emit,
    unit: Unit,
    hyper: Tensor | DeviceBuffer,
    norm: Tensor | undefined,
    maxNorm: number,
  ): void {
    const { running, prepared } = unit;
    const { rule } = this.#setup;
    emit("advance", { rule, maxNorm, hyper, running, norm, prepared } as never);
    for (const { value, gradient, states } of unit.segments) {
      const named = Object.fromEntries(states.map((state, i) => [`state${i}`, state]));
      emit("update", { rule, n: value.length, prepared, g: gradient, p: value, ...named });
    }
  }

  /** State by parameter name, with PyTorch's names: `{ "0.weight": { exp_avg, exp_avg_sq } }`, and the running scalars. */
  async state(): Promise<OptimizerState> {
    // Everything is enqueued before the first wait: a step that is taken meanwhile does not show.
    const [step, lr] = [this.#steps, this.groups.map((group) => group.lr)];
    const reading = this.#units.map(({ running }) => running.read());
    const parameters = await this.#spans.readStates();
    const running = await Promise.all(reading);
    return { step, running: running.map((values) => [...values]), lr, parameters };
  }

  /** Takes over the state that `state()` gave; names and sizes must be exactly those of this optimizer. */
  load(state: OptimizerState): void {
    const owner = `${this.constructor.name}.load`;
    if (state?.running?.length !== this.#units.length || state.lr?.length !== this.groups.length) {
      throw new ArgumentError({
        argument: `${owner}: 'state'`,
        got: describe(state),
        accepted: `a state of ${this.groups.length} group(s) as state() gives it`,
      });
    }
    const step = checkInteger(`${owner}: 'step'`, state.step, 0);
    const lrs = state.lr.map((lr) => checkNumber(`${owner}: 'lr'`, lr, "a number, 0 or more", (v) => v >= 0));
    const running = state.running.map((values, i) => {
      const { length } = (this.#units[i] as Unit).running;
      const numbers = Array.from(values, (v) =>
        checkNumber(`${owner}: 'running'`, v, "a finite number", () => true),
      );
      if (numbers.length !== length) {
        throw new ArgumentError({
          argument: `${owner}: 'running'`,
          got: describe(values),
          accepted: `${length} numbers`,
        });
      }
      return Float64Array.from(numbers);
    });
    this.#spans.writeStates(owner, state.parameters);
    this.#units.forEach((unit, i) => {
      unit.running.write(running[i] as Float64Array);
      unit.group.lr = lrs[i] as number;
    });
    this.#steps = step;
  }

  /** Frees gradients and state. */
  dispose(): void {
    this.#spans.dispose();
    for (const { hyper, running, prepared } of this.#units)
      for (const buffer of [hyper, running, prepared]) buffer.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Everything that continues an optimizer. */
export interface OptimizerState {
  readonly step: number;
  /** Per group: the rule's running scalars (step count, powers of the betas). */
  readonly running: readonly (readonly number[])[];
  /** Per group. */
  readonly lr: readonly number[];
  readonly parameters: Readonly<Record<string, Readonly<Record<string, Float32Array>>>>;
}
