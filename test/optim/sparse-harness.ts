// A table, its sparse state, and steps whose gradient is given row by row: as little of an optimizer as there can be.

import { RULES, STEP } from "../../lib/device/encode.js";
import {
  concat,
  type Device,
  type DeviceBuffer,
  embedding,
  f32,
  i32,
  mul,
  Parameter,
  reshape,
  type Scalar,
  sum,
  type Tensor,
} from "../../lib/index.js";
import { newGuard, type Steering, settingsOf } from "../../lib/optim/guard.js";
import type { StateArray } from "../../lib/optim/memory.js";
import { type SparseMode, SparseTable } from "../../lib/optim/sparse.js";
import { rowGradients } from "../../lib/tensor/gradients.js";
import { recording } from "../../lib/tensor/recorder.js";
import { sortRows, sumOfRowSquares } from "../../lib/tensor/rows.js";

export interface Setup {
  readonly rule: string;
  readonly mode: SparseMode;
  /** In the order of the rule's Hyper struct; the first is lr. */
  readonly hyper: readonly number[];
  readonly running: readonly number[];
  readonly initialState?: Readonly<Record<string, number>>;
}

export interface AdamSettings {
  readonly lr: number;
  readonly weightDecay?: number;
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  readonly maximize?: boolean;
  readonly epsHat?: boolean;
}

/** AdamW where there is weight decay. */
export function adam(mode: SparseMode, settings: AdamSettings): Setup {
  const {
    lr,
    weightDecay = 0,
    betas = [0.9, 0.999],
    eps = 1e-8,
    maximize = false,
    epsHat = false,
  } = settings;
  return {
    rule: "adam",
    mode,
    hyper: [lr, weightDecay, Number(maximize), 1, ...betas, eps, Number(epsHat)],
    running: [0, 1, 1],
  };
}

export class Harness {
  readonly parameter: Parameter;
  readonly table: SparseTable;
  readonly hyper: number[];
  /** No clipping, no guard, unless a test says otherwise. */
  steering: Steering = {
    maxNorm: 0,
    clipValue: Number.POSITIVE_INFINITY,
    average: 0,
    watchEvery: 0,
    watchGradient: false,
    guard: undefined,
    lossScale: undefined,
  };
  readonly #buffers: {
    value: DeviceBuffer<"f32">;
    running: DeviceBuffer<"f64">;
    prepared: DeviceBuffer<"f32">;
    guard: DeviceBuffer<"f64">;
    norm: DeviceBuffer<"f32">;
  };
  readonly #setup: Setup;
  readonly #programs = new Map<string, ReturnType<Harness["record"]>>();

  constructor(
    readonly device: Device,
    initial: Float32Array,
    readonly shape: readonly [vocabulary: number, dim: number],
    setup: Setup,
  ) {
    this.#setup = setup;
    this.hyper = [...setup.hyper];
    this.#buffers = {
      value: device.from(initial, shape),
      running: device.from(Float64Array.from(setup.running)),
      prepared: device.alloc("f32", [STEP.control + STEP.rowHead + (RULES.get(setup.rule)?.step ?? 0)]),
      guard: device.from(newGuard()),
      norm: device.alloc("f32", [1]),
    };
    this.parameter = new Parameter("table", this.#buffers.value, undefined, true);
    this.table = new SparseTable(this.parameter, setup.rule, setup.mode, setup.initialState);
  }

  /** A step that looks `parts` lists of rows up. */
  record(parts: readonly number[]) {
    const dim = this.shape[1];
    const inputs = parts.flatMap((n, k) => [
      [`rows${k}`, i32(n)] as const,
      [`values${k}`, f32(n, dim)] as const,
    ]);
    return this.device.program(Object.fromEntries(inputs), (tensors) =>
      this.recordUpdate(
        parts.map((_, k) =>
          sum(mul(embedding(this.parameter, tensors[`rows${k}`] as Tensor), tensors[`values${k}`] as Tensor)),
        ),
      ),
    );
  }

  /** Records the update from the gradient of all losses. */
  recordUpdate(losses: readonly Scalar[]): Record<string, Scalar> {
    const recorder = recording("a step");
    const gradients = losses.map((loss) => rowGradients(loss, [], [this.parameter]).sparse[0] ?? []);
    const hyper = recorder.supplied(this.hyper.length, () => this.hyper);
    const settings = recorder.supplied(STEP.settings, () => settingsOf(this.steering));
    const { running, prepared, guard, norm } = this.#buffers;
    const rows = sortRows(this.parameter, gradients.flat());
    const totals =
      rows &&
      reshape(concat([reshape(sumOfRowSquares(rows), [1]), recorder.full([STEP.sums - 1], 0)]), [STEP.sums]);
    const words = { hyper, running, settings, guard, totals, norm, prepared };
    recorder.emit("advance", { rule: this.#setup.rule, groups: 1, slots: 0, ...words });
    this.table.record(recorder, rows, { prepared, groups: 1, group: 0, running });
    return Object.fromEntries(losses.map((loss, k) => [`loss${k}`, loss]));
  }

  /** A step whose gradient is `values` in `rows`; the rows in several lookups, if they are so many lists. */
  async step(...parts: readonly { rows: readonly number[]; values: Float32Array }[]): Promise<void> {
    const lengths = parts.map(({ rows }) => rows.length);
    const key = lengths.join();
    const program = this.#programs.get(key) ?? this.record(lengths);
    this.#programs.set(key, program);
    const batch = parts.flatMap(({ rows, values }, k) => [
      [`rows${k}`, Int32Array.from(rows)] as const,
      [`values${k}`, values] as const,
    ]);
    await program.run(Object.fromEntries(batch));
  }

  read(): Promise<Float32Array> {
    return this.#buffers.value.read();
  }

  [Symbol.dispose](): void {
    for (const program of this.#programs.values()) program.dispose();
    this.table.dispose();
    for (const buffer of Object.values(this.#buffers)) buffer.dispose();
  }
}

/** Copies of the states of a table by name. */
export async function readStates(table: SparseTable): Promise<Record<string, StateArray>> {
  const entries = [...table.slots()].map(async ({ state, read }) => [state, await read()] as const);
  return Object.fromEntries(await Promise.all(entries));
}

export function writeStates(table: SparseTable, states: Readonly<Record<string, StateArray>>): void {
  for (const { state, write } of table.slots()) write(states[state] as StateArray);
}
