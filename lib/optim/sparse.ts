// The optimizer state of a table whose gradient is a list of rows: only the rows in use are updated.

import type { DeviceBuffer } from "../device/buffer.js";
import type { DType, Shape } from "../device/dtype.js";
import { ruleOf } from "../device/encode.js";
import { ArgumentError, ShapeError } from "../errors.js";
import type { Parameter } from "../tensor/parameter.js";
import { type NodeField, type Recorder, recording } from "../tensor/recorder.js";
import type { RowGradient, RowList } from "../tensor/rows.js";
import type { Tensor } from "../tensor/tensor.js";
import type { InitialState } from "./family.js";
import type { StateArray, StateSlot } from "./memory.js";

/**
 * How a rule treats the rows of a table:
 * - `"lazy"`: a row gets the rule's step when it is in use, with the scalars (bias corrections, learning rate) of the
 *   global step; meanwhile nothing of it changes, neither its state nor by weight decay. As torch.optim.SparseAdam, but
 *   for eps, which is placed as in torch.optim.Adam.
 * - `"rowWise"` (AdaGrad): one accumulator per row, of the mean of g^2 (FBGEMM's rowwise_adagrad).
 * - `"catchUp"` (Adam, AdamW): before a row is read or updated it gets, in closed form, what the steps since its last one
 *   would have done to it with a gradient of 0: the trajectory of the dense optimizer, nearly.
 */
export type SparseMode = "lazy" | "rowWise" | "catchUp";

/** Where the scalars of a step are, and which group is the table's. */
export interface StepScalars {
  /** What `advance` prepared for all groups. */
  readonly prepared: Tensor | DeviceBuffer<"f32">;
  readonly groups: number;
  readonly group: number;
  /** The running values of the group: the step count first. */
  readonly running: Tensor | DeviceBuffer<"f64">;
}

const CLOCK_WORDS = 11; // kClockWords of core/ops/sparse.h

/** What catch-up keeps beside Adam's states: per row, and (clock) of the steps taken. */
const CATCH_UP: readonly (readonly [name: string, field: string, dtype: DType])[] = [
  ["last_step", "lastStep", "i32"],
  ["last_lr", "lastLr", "f32"],
  ["log_decay", "logDecay", "f64"],
];

interface State {
  readonly name: string;
  readonly field: string;
  readonly buffer: DeviceBuffer;
  readonly initial: InitialState;
}

/** Refuses hyper-parameters whose skipped steps have no closed form. */
export function checkCatchUp(
  owner: string,
  {
    betas,
    weightDecay,
    decoupled,
  }: { betas: readonly [number, number]; weightDecay: number; decoupled: boolean },
): void {
  const argument = `${owner}: 'sparse'`;
  if (weightDecay !== 0 && !decoupled) {
    throw new ArgumentError({
      argument,
      got: `"catchUp" with weightDecay ${weightDecay} in the gradient`,
      accepted: "AdamW, whose decay is decoupled, or weightDecay 0",
    });
  }
  if (betas[0] >= Math.sqrt(betas[1])) {
    throw new ArgumentError({
      argument,
      got: `"catchUp" with betas [${betas.join(", ")}]`,
      accepted: "betas[0] below the square root of betas[1]",
    });
  }
}

/** The state of one sparse parameter for one rule. */
export class SparseTable {
  readonly parameter: Parameter;
  readonly mode: SparseMode;
  readonly #rule: string;
  readonly #states: readonly State[];
  readonly #dim: number;

  /** `initial` is where the states of the rule start, by name; 0 if it does not say. */
  constructor(
    parameter: Parameter,
    rule: string,
    mode: SparseMode = "lazy",
    initial: Readonly<Record<string, InitialState>> = {},
  ) {
    const schema = ruleOf(rule);
    const needed = { lazy: rule, rowWise: "adagrad", catchUp: "adam" }[mode];
    if (needed !== rule) {
      throw new ArgumentError({ argument: "sparse", got: `"${mode}" of ${rule}`, accepted: `"lazy"` });
    }
    const [vocabulary, dim] = parameter.shape;
    if (parameter.shape.length !== 2 || vocabulary === undefined || dim === undefined) {
      throw new ShapeError({ argument: "sparse", got: `${parameter.value}`, accepted: "[vocabulary, dim]" });
    }
    this.parameter = parameter;
    this.mode = mode;
    this.#rule = rule;
    this.#dim = dim;
    const shape = mode === "rowWise" ? [vocabulary] : [vocabulary, dim];
    this.#states = [
      ...schema.states.map((name, i) => this.#state(name, `state${i}`, "f32", shape, initial[name])),
      ...(mode === "catchUp" ? this.#catchUpStates(vocabulary) : []),
    ];
    if (mode === "catchUp") parameter.beforeLookup = this.#refresh;
  }

  readonly #refresh = (list: RowList): void =>
    recording("embedding").refresh("catchUpRows", { ...list, ...this.#tableFields() });

  #catchUpStates(vocabulary: number): State[] {
    const ofRows = CATCH_UP.map(([name, field, dtype]) => this.#state(name, field, dtype, [vocabulary]));
    return [...ofRows, this.#state("clock", "clock", "f64", [CLOCK_WORDS])];
  }

  #state(name: string, field: string, dtype: DType, shape: Shape, initial: InitialState = 0): State {
    const buffer = this.parameter.value.device.alloc(dtype, shape);
    const state = { name, field, buffer, initial };
    if (initial !== 0) this.#restart(state);
    return state;
  }

  #restart({ buffer, initial }: State): void {
    if (initial === "parameter") buffer.copyFrom(this.parameter.value);
    else buffer.fill(initial);
  }

  /** Bytes of the state. */
  get bytes(): number {
    return this.#states.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  }

  #fields(): Record<string, DeviceBuffer> {
    return Object.fromEntries(this.#states.map(({ field, buffer }) => [field, buffer]));
  }

  /** The fields of the operations that catch up. */
  #tableFields(): Record<string, NodeField> & Record<string, number | DeviceBuffer> {
    return { dim: this.#dim, p: this.parameter.value, ...this.#fields() };
  }

  /**
   * Records the update, after `advance` of the step. A table that the step does not use has no gradient, but takes part
   * in the step: what the optimizer does to rows with a gradient of 0 is kept in mind.
   */
  record(recorder: Recorder, gradient: RowGradient | undefined, { running, ...scalars }: StepScalars): void {
    const fields = this.#fields();
    if (this.mode === "catchUp")
      recorder.emit("sparseClock", { ...scalars, step: running, clock: fields.clock });
    if (!gradient) return;
    const { mode, parameter } = this;
    recorder.emit("sparseUpdate", {
      mode,
      rule: this.#rule,
      ...gradient,
      ...scalars,
      p: parameter.value,
      ...fields,
    });
  }

  /** Enqueues bringing all rows up to date, for those who read the table but by lookups: before saving it. */
  flush(): void {
    if (this.mode !== "catchUp") return;
    const { device } = this.parameter.value;
    device.run("sparseFlush", { vocabulary: this.parameter.shape[0], ...this.#tableFields() });
  }

  /** The table and all that is kept of it: what a step changes. */
  get buffers(): readonly DeviceBuffer[] {
    return [this.parameter.value, ...this.#states.map(({ buffer }) => buffer)];
  }

  /** The memory of one of its states, laid out as the table is. */
  state(name: string): DeviceBuffer<"f32"> | undefined {
    return this.#states.find((state) => state.name === name)?.buffer as DeviceBuffer<"f32"> | undefined;
  }

  /** Its states, for those who read and write them by name. */
  *slots(): Generator<StateSlot> {
    for (const own of this.#states) {
      const { name, buffer } = own;
      yield {
        parameter: this.parameter,
        state: name,
        length: buffer.length,
        dtype: buffer.dtype as StateSlot["dtype"],
        read: () => buffer.read() as Promise<StateArray>,
        write: (values) => buffer.write(values),
        restart: () => this.#restart(own),
      };
    }
  }

  dispose(): void {
    if (this.parameter.beforeLookup === this.#refresh) this.parameter.beforeLookup = undefined;
    for (const { buffer } of this.#states) buffer.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
