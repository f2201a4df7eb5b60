// The memory of an optimizer: gradients and states laid out as the table of segments says, and the words of a step.

import type { DeviceBuffer } from "../device/buffer.js";
import type { Device } from "../device/device.js";
import { STEP } from "../device/encode.js";
import type { Parameter, ParameterType } from "../tensor/parameter.js";
import { type Composition, ROOM } from "./compose.js";
import type { InitialState } from "./family.js";
import type { Layout, Run, Segment } from "./layout.js";
import { allocate, fillState, type Precision, readState, type State, writeState } from "./precision.js";
import type { SparseTable } from "./sparse.js";

/** What to allocate. */
export interface MemoryPlan {
  readonly states: readonly Pick<State, "name" | "squares" | "positive">[];
  readonly precision: Precision;
  /** By group, then by name of the state. */
  readonly initial: readonly Readonly<Record<string, InitialState>>[];
  /** Whether a running mean of the parameters is kept. */
  readonly average: boolean;
  /** Whether the parameters are kept in bf16 too. */
  readonly copy: boolean;
  readonly groups: number;
  /** Running scalars of all groups at step 0. */
  readonly running: readonly number[];
  /** Floats of a group's row of prepared scalars. */
  readonly row: number;
  readonly guard: Float64Array;
  /** By group, of rules that gather. */
  readonly compositions: readonly (Composition | undefined)[];
}

/** Numbers of a state: f32, but for what catching up keeps of the rows of a table. */
export type StateArray = Float32Array | Float64Array | Int32Array;

/** One state of one parameter, in memory of whatever precision. */
export interface StateSlot {
  readonly parameter: Parameter;
  /** With PyTorch's name. */
  readonly state: string;
  readonly length: number;
  readonly dtype: "f32" | "f64" | "i32";
  /** A copy; what is kept in less than f32 comes as f32. */
  read(): Promise<StateArray>;
  write(values: StateArray): void;
  /** Makes it what it is before the first step. */
  restart(): void;
}

/** Parameters and optimizer as they were. */
export interface Kept extends Disposable {
  /** Enqueues that they become that again. */
  restore(): void;
}

/** Bytes that an optimizer has allocated. */
export interface OptimizerBytes {
  /** Of gradients, but for those that the user brought. */
  readonly gradients: number;
  /** Of states, the running mean and the bf16 copy of the parameters. */
  readonly state: number;
  /** Of the guard's snapshots. */
  readonly snapshots: number;
  /** Of tables, scalars and sums. */
  readonly workspace: number;
}

/** The memory of one run. */
export interface RunMemory {
  readonly run: Run;
  readonly gradient: DeviceBuffer<ParameterType>;
  readonly states: readonly State[];
  readonly average: DeviceBuffer<"f32"> | undefined;
  readonly copy: DeviceBuffer<"bf16"> | undefined;
  /** What compositions keep of each parameter, by name. */
  readonly kept: ReadonlyMap<Parameter, Readonly<Record<string, DeviceBuffer<"f32">>>>;
}

/** A state that has a buffer of its own. */
function slotOf(
  parameter: Parameter,
  state: string,
  buffer: DeviceBuffer<"f32">,
  restart: () => void,
): StateSlot {
  const write = (values: StateArray): void => buffer.write(values as Float32Array);
  return {
    parameter,
    state,
    length: buffer.length,
    dtype: "f32",
    read: () => buffer.read(),
    write,
    restart,
  };
}

export class OptimizerMemory {
  readonly runs: readonly RunMemory[];
  readonly table: DeviceBuffer<"u8">;
  readonly running: DeviceBuffer<"f64">;
  readonly guard: DeviceBuffer<"f64">;
  readonly prepared: DeviceBuffer<"f32">;
  /** Norm of the gradient, where a pass of its own finds it. */
  readonly norm: DeviceBuffer<"f32">;
  readonly partial: DeviceBuffer<"f32">;
  readonly sums: DeviceBuffer<"f32">;
  readonly totals: DeviceBuffer<"f32">;
  readonly #owned: DeviceBuffer[] = [];
  readonly #shared = new Map<string, DeviceBuffer>();
  /** How many of them a step may read that did not write them before: of what `shared` makes only the snapshots. */
  readonly #lasting: number;
  readonly #snapshots: DeviceBuffer[] = [];
  /** What steps change beside the optimizer: running statistics. */
  readonly beside: DeviceBuffer[] = [];
  readonly #bytes = { gradients: 0, state: 0, snapshots: 0, workspace: 0 };

  constructor(
    readonly device: Device,
    readonly layout: Layout,
    readonly plan: MemoryPlan,
    readonly tables: readonly SparseTable[],
  ) {
    const { segments, tiles, table } = layout;
    this.table = this.own(device.from(new Uint8Array(table.buffer)));
    this.running = this.own(device.from(Float64Array.from(plan.running)));
    this.guard = this.own(device.from(plan.guard));
    this.prepared = this.own(device.alloc("f32", [STEP.control + plan.groups * plan.row]));
    this.norm = this.own(device.alloc("f32", [1]));
    this.partial = this.own(device.alloc("f32", [STEP.sums * tiles]));
    this.sums = this.own(device.alloc("f32", [STEP.sums * segments.length]));
    this.totals = this.own(device.alloc("f32", [STEP.sums]));
    this.runs = layout.runs.map((run) => this.#allocateRun(run));
    this.fillAverage();
    this.fillCopy();
    this.#lasting = this.#owned.length;
  }

  /** Of what is prepared for each step, the factor on the loss of the next one that scales it. */
  get lossScale(): DeviceBuffer<"f32"> {
    return this.prepared.view(STEP.control - 1, [1]);
  }

  /** Makes a buffer end with this memory, and counts it. */
  own<B extends DeviceBuffer>(buffer: B, use: keyof OptimizerBytes = "workspace"): B {
    this.#owned.push(buffer);
    if (use === "snapshots") this.#snapshots.push(buffer);
    this.#bytes[use] += buffer.byteLength;
    return buffer;
  }

  /** Whether `shared` has made a buffer of that name. */
  has(name: string): boolean {
    return this.#shared.has(name);
  }

  /** A buffer that all steps share, by name: made by the first that needs it. */
  shared<B extends DeviceBuffer>(name: string, make: () => B, use?: keyof OptimizerBytes): B {
    const known = this.#shared.get(name) as B | undefined;
    if (known) return known;
    const buffer = this.own(make(), use);
    this.#shared.set(name, buffer);
    return buffer;
  }

  /** Adds to what snapshots hold; once there are some, they stay as they are. */
  holdBeside(buffers: readonly DeviceBuffer[]): void {
    if (this.#snapshots.length > 0) return;
    for (const buffer of buffers) {
      const { native, byteOffset } = buffer;
      if (this.beside.some((known) => known.native === native && known.byteOffset === byteOffset)) continue;
      this.beside.push(buffer);
    }
  }

  /** What was watched of a table. */
  tableSums({ name }: Parameter): DeviceBuffer<"f32"> {
    return this.shared(`sums of ${name}`, () => this.device.alloc("f32", [STEP.sums]));
  }

  #allocateRun(run: Run): RunMemory {
    const { device, plan } = this;
    const gradient = run.gradient ?? this.own(device.alloc(run.value.dtype, [run.length]), "gradients");
    const states = plan.states.map((kind) => {
      const state = allocate(device, run.length, { ...kind, precision: plan.precision });
      this.own(state.data, kind.name === ROOM ? "workspace" : "state");
      if (state.largest) this.own(state.largest, "state");
      return state;
    });
    const average = plan.average ? this.own(device.alloc("f32", [run.length]), "state") : undefined;
    const copy = plan.copy ? this.own(device.alloc("bf16", [run.length]), "state") : undefined;
    for (const segment of run.segments) {
      const { parameter, at, group } = segment;
      parameter.grad ??= gradient.view(at, parameter.shape);
      // The memory is zero.
      for (const state of states) if (plan.initial[group]?.[state.name]) this.#initialize(state, segment);
    }
    return { run, gradient, states, average, copy, kept: this.#allocateKept(run) };
  }

  #allocateKept(run: Run): RunMemory["kept"] {
    const kept = new Map<Parameter, Record<string, DeviceBuffer<"f32">>>();
    for (const { parameter, group } of run.segments) {
      const shapes = Object.entries(this.plan.compositions[group]?.states(parameter.shape) ?? {});
      const buffers = shapes.map(([name, shape]): [string, DeviceBuffer<"f32">] => [
        name,
        this.own(this.device.alloc("f32", shape), "state"),
      ]);
      kept.set(parameter, Object.fromEntries(buffers));
    }
    return kept;
  }

  #initialize(state: State, { parameter: { value }, at, group }: Segment): void {
    const initial = this.plan.initial[group]?.[state.name] ?? 0;
    if (initial === "parameter") state.data.view(at, value.shape).castFrom(value);
    else fillState(state, at, value.length, initial);
  }

  /** Starts the running mean of the parameters from what they are. */
  fillAverage(): void {
    for (const { segment, memory } of this.places())
      memory.average?.view(segment.at, segment.parameter.shape).castFrom(segment.parameter.value);
  }

  /** Makes the copy of the parameters what they are, to the nearest. */
  fillCopy(): void {
    for (const { segment, memory } of this.places())
      memory.copy?.view(segment.at, segment.parameter.shape).castFrom(segment.parameter.value);
  }

  /** Each parameter with where its states are. */
  *places(): Generator<{ segment: Segment; memory: RunMemory }> {
    for (const memory of this.runs) for (const segment of memory.run.segments) yield { segment, memory };
  }

  get bytes(): OptimizerBytes {
    return { ...this.#bytes };
  }

  /** The parameters, in the order of the memory. */
  *parameters(): Generator<Parameter> {
    for (const { segment } of this.places()) yield segment.parameter;
    for (const { parameter } of this.tables) yield parameter;
  }

  /** All states of all parameters, those of tables too. */
  *slots(): Generator<StateSlot> {
    for (const table of this.tables) yield* table.slots();
    for (const { segment, memory } of this.places()) {
      const { parameter, at } = segment;
      const { length } = parameter.value;
      for (const state of memory.states.filter(({ name }) => name !== ROOM)) {
        yield {
          parameter,
          state: state.name,
          length,
          dtype: "f32",
          read: () => readState(state, at, length),
          write: (values) => writeState(state, at, values as Float32Array),
          restart: () => this.#initialize(state, segment),
        };
      }
      for (const [state, buffer] of Object.entries(memory.kept.get(parameter) ?? {}))
        yield slotOf(parameter, state, buffer, () => buffer.write(new Float32Array(buffer.length)));
      const average = memory.average?.view(at, parameter.shape);
      if (average) yield slotOf(parameter, "average", average, () => average.castFrom(parameter.value));
    }
  }

  /** Copies parameters and everything else that steps change, on the device. */
  keep(): Kept {
    const held: DeviceBuffer[] = [...this.places()].map(({ segment }) => segment.parameter.value);
    held.push(...this.tables.flatMap(({ buffers }) => buffers), ...this.#owned.slice(0, this.#lasting));
    held.push(...this.#snapshots); // the guard goes back to believing in them
    const copies: DeviceBuffer[] = [];
    const dispose = (): void => copies.forEach((copy) => void copy.dispose());
    try {
      for (const buffer of held) {
        const copy: DeviceBuffer = this.device.allocUninitialized(buffer.dtype, [buffer.length]);
        copies.push(copy);
        copy.copyFrom(buffer);
      }
    } catch (error) {
      dispose();
      throw error;
    }
    const restore = (): void => held.forEach((buffer, i) => void buffer.copyFrom(copies[i] as DeviceBuffer));
    return { restore, [Symbol.dispose]: dispose };
  }

  dispose(): void {
    for (const { segment, memory } of this.places()) {
      const mine = memory.run.gradient === undefined;
      if (mine && segment.parameter.grad?.native === memory.gradient.native)
        segment.parameter.grad = undefined;
    }
    for (const buffer of this.#owned) buffer.dispose();
  }
}
