// The memory of an optimizer: gradients and states laid out as the table of segments says, and the words of a step.

import type { DeviceBuffer } from "../device/buffer.js";
import type { Device } from "../device/device.js";
import { STEP } from "../device/encode.js";
import { ArgumentError, describe, ShapeError } from "../errors.js";
import type { InitialState } from "./family.js";
import type { Layout, Run, Segment } from "./layout.js";
import { allocate, bytesOf, type Precision, readState, type State, writeState } from "./precision.js";

/** What to allocate. */
export interface MemoryPlan {
  readonly states: readonly { readonly name: string; readonly squares: boolean }[];
  readonly precision: Precision;
  readonly initial: Readonly<Record<string, InitialState>>;
  /** Whether a running mean of the parameters is kept. */
  readonly average: boolean;
  readonly groups: number;
  /** Running scalars of all groups at step 0. */
  readonly running: readonly number[];
  /** Floats of a group's row of prepared scalars. */
  readonly row: number;
  readonly guard: Float64Array;
}

/** The memory of one run. */
export interface RunMemory {
  readonly run: Run;
  readonly gradient: DeviceBuffer<"f32">;
  readonly states: readonly State[];
  readonly average: DeviceBuffer<"f32"> | undefined;
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
  #gradientBytes = 0;
  #stateBytes = 0;

  constructor(
    readonly device: Device,
    readonly layout: Layout,
    readonly plan: MemoryPlan,
  ) {
    const { segments, tiles, table } = layout;
    this.table = this.own(device.from(new Uint8Array(table.buffer)));
    this.running = this.own(device.from(Float64Array.from(plan.running)));
    this.guard = this.own(device.from(plan.guard));
    this.prepared = this.own(device.alloc("f32", [STEP.control + plan.groups * plan.row]));
    this.prepared.view(STEP.control - 1, [1]).write(Float32Array.of(plan.guard[3] as number)); // the loss scale
    this.norm = this.own(device.alloc("f32", [1]));
    this.partial = this.own(device.alloc("f32", [STEP.sums * tiles]));
    this.sums = this.own(device.alloc("f32", [STEP.sums * segments.length]));
    this.totals = this.own(device.alloc("f32", [STEP.sums]));
    this.runs = layout.runs.map((run) => this.#allocateRun(run));
    this.fillAverage();
  }

  /** Makes a buffer end with this memory. */
  own<B extends DeviceBuffer>(buffer: B): B {
    this.#owned.push(buffer);
    return buffer;
  }

  /** A buffer that all steps share, by name: made by the first that needs it. */
  shared<B extends DeviceBuffer>(name: string, make: () => B): B {
    const known = this.#shared.get(name) as B | undefined;
    if (known) return known;
    const buffer = this.own(make());
    this.#shared.set(name, buffer);
    return buffer;
  }

  #allocateRun(run: Run): RunMemory {
    const { device, plan } = this;
    const gradient = run.gradient ?? this.own(device.alloc("f32", [run.length]));
    if (!run.gradient) this.#gradientBytes += gradient.byteLength;
    const states = plan.states.map(({ name, squares }) => {
      const state = allocate(device, run.length, { name, squares, precision: plan.precision });
      this.own(state.data);
      if (state.largest) this.own(state.largest);
      this.#stateBytes += bytesOf(state);
      return state;
    });
    const average = plan.average ? this.own(device.alloc("f32", [run.length])) : undefined;
    this.#stateBytes += average?.byteLength ?? 0;
    for (const { parameter, at } of run.segments) {
      parameter.grad ??= gradient.view(at, parameter.shape);
      for (const state of states) this.#initialize(state, parameter.value, at);
    }
    return { run, gradient, states, average };
  }

  #initialize(state: State, value: DeviceBuffer<"f32">, at: number): void {
    const initial = this.plan.initial[state.name] ?? 0;
    if (initial === "parameter") {
      if (state.precision !== "f32") throw new Error(`${state.name} has to be f32`);
      (state.data as DeviceBuffer<"f32">).view(at, value.shape).copyFrom(value);
    } else if (initial !== 0) {
      writeState(state, at, new Float32Array(value.length).fill(initial));
    }
  }

  /** Starts the running mean of the parameters from what they are. */
  fillAverage(): void {
    for (const { run, average } of this.runs) {
      for (const { parameter, at } of run.segments)
        average?.view(at, parameter.shape).copyFrom(parameter.value);
    }
  }

  /** Each parameter with where its states are. */
  *places(): Generator<{ segment: Segment; memory: RunMemory }> {
    for (const memory of this.runs) for (const segment of memory.run.segments) yield { segment, memory };
  }

  get bytes(): { readonly gradients: number; readonly state: number } {
    return { gradients: this.#gradientBytes, state: this.#stateBytes };
  }

  /** Copies of all states by parameter and state name, as f32. */
  async readStates(): Promise<Record<string, Record<string, Float32Array>>> {
    const entries = [...this.places()].map(async ({ segment: { parameter, at }, memory }) => {
      const { length } = parameter.value;
      const states = memory.states.map(async (state) => [state.name, await readState(state, at, length)]);
      if (memory.average)
        states.push(
          memory.average
            .view(at, [length])
            .read()
            .then((v) => ["average", v]),
        );
      return [parameter.name, Object.fromEntries(await Promise.all(states))] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  }

  /** Throws unless there is exactly one array of the right size for each state. */
  checkStates(owner: string, given: Readonly<Record<string, Readonly<Record<string, Float32Array>>>>): void {
    const places = [...this.places()];
    const known = places.map(({ segment }) => segment.parameter.name);
    const unknown = Object.keys(given ?? {}).find((name) => !known.includes(name));
    if (unknown !== undefined)
      throw new ArgumentError({ argument: owner, got: `state of "${unknown}"`, accepted: known.join(", ") });
    for (const { segment, memory } of places) {
      const { name, value } = segment.parameter;
      const names = [...memory.states.map((state) => state.name), ...(memory.average ? ["average"] : [])];
      const extra = Object.keys(given?.[name] ?? {}).find((state) => !names.includes(state));
      if (extra !== undefined)
        throw new ArgumentError({ argument: `${owner}: '${name}'`, got: extra, accepted: names.join(", ") });
      for (const state of names) {
        const data = given?.[name]?.[state];
        if (data instanceof Float32Array && data.length === value.length) continue;
        throw new ShapeError({
          argument: `${owner}: '${name}.${state}'`,
          got: data instanceof Float32Array ? `${data.length} elements` : describe(data),
          accepted: `a Float32Array of ${value.length} elements`,
        });
      }
    }
  }

  /** Writes states that `checkStates` accepted. */
  writeStates(given: Readonly<Record<string, Readonly<Record<string, Float32Array>>>>): void {
    for (const { segment, memory } of this.places()) {
      const states = given[segment.parameter.name] as Record<string, Float32Array>;
      for (const state of memory.states) writeState(state, segment.at, states[state.name] as Float32Array);
      memory.average?.view(segment.at, segment.parameter.shape).write(states.average as Float32Array);
    }
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
