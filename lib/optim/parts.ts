// What the parts of a step leave on the device for the last of them: the sum of their losses, and what they add to the rows of
// sparse tables. Dense gradients are in the parameters' `grad`.

import { checkInteger } from "../check.js";
import type { DeviceBuffer } from "../device/buffer.js";
import type { Device } from "../device/device.js";
import type { DType } from "../device/dtype.js";
import { ArgumentError } from "../errors.js";
import type { Parameter } from "../tensor/parameter.js";
import type { Recorder } from "../tensor/recorder.js";
import { mapFields, type RowContribution, type RowGradient, sortIndices } from "../tensor/rows.js";
import type { Tensor } from "../tensor/tensor.js";
import type { GroupedTable } from "./tables.js";

type Place = Tensor | DeviceBuffer;
/** Takes an operation: enqueues it, or records it. */
type Emit<T extends Place> = (
  op: string,
  fields: Record<string, number | boolean | T | DeviceBuffer | undefined>,
) => void;

/** Positions of a list, and rows of values that they take. */
interface Extent {
  readonly rows: number;
  readonly valueRows: number;
}

/** Memory of a list, with the names that RowGradient has. */
interface Room extends Extent {
  readonly indices: DeviceBuffer<"i32">;
  readonly source: DeviceBuffer<"i32">;
  readonly weights: DeviceBuffer<"f32">;
  /** [valueRows, dim] */
  readonly values: DeviceBuffer<"f32">;
}

/** What lookups add to one table, one after another: a list that grows while a step goes on. */
class RowsOfParts {
  length: Extent = { rows: 0, valueRows: 0 };
  #room: Room | undefined;
  #rooms = 0;
  readonly #vocabulary: number;
  readonly #dim: number;

  constructor(
    readonly device: Device,
    { shape }: Parameter,
    /** Parts of a step: there is room for so many like the first. */
    readonly parts: number,
  ) {
    [this.#vocabulary, this.#dim] = shape as unknown as [number, number];
  }

  /** Equal for lists that one recorded step can end. */
  get key(): string {
    return `${this.length.rows} ${this.length.valueRows} ${this.#rooms}`;
  }

  /** Puts lookups of a part at the end of the list, and tells how long it is then. */
  append<T extends Place>(emit: Emit<T>, lookups: readonly RowContribution<T>[]): Extent {
    let { rows, valueRows } = this.length;
    const room = this.#reserve(extentOf(lookups, this.#dim));
    const copy = (x: T, y: DeviceBuffer): void => emit("copy", { bytes: y.byteLength, x, y });
    for (const lookup of lookups) {
      const own = extentOf([lookup], this.#dim);
      copy(lookup.indices, room.indices.view(rows, [own.rows]));
      copy(lookup.values, room.values.view(valueRows * this.#dim, [own.valueRows, this.#dim]));
      emit("bagMap", {
        ...mapFields(lookup, valueRows),
        bag: room.source.view(rows, [own.rows]),
        scale: room.weights.view(rows, [own.rows]),
      });
      rows += own.rows;
      valueRows += own.valueRows;
    }
    return { rows, valueRows };
  }

  /** Records the order of the whole list, the lookups of the last part at its end; undefined if it is empty. */
  end(recorder: Recorder, lookups: readonly RowContribution[]): RowGradient | undefined {
    const { rows, valueRows } = this.append<Tensor>((op, fields) => recorder.emit(op, fields), lookups);
    const room = this.#room;
    if (rows === 0 || !room) return undefined;
    const lift = (buffer: DeviceBuffer): Tensor => recorder.lift("minimize: the rows of all parts", buffer);
    return {
      ...sortIndices(lift(room.indices.view(0, [rows])), this.#vocabulary),
      ...{ dim: this.#dim, valueRows, values: lift(room.values.view(0, [valueRows, this.#dim])) },
      source: lift(room.source.view(0, [rows])),
      weights: lift(room.weights.view(0, [rows])),
    };
  }

  /** Room for more, with what the list holds; other memory if there was too little. */
  #reserve(more: Extent): Room {
    const old = this.#room;
    const { rows, valueRows } = this.length;
    const [all, allValues] = [rows + more.rows, valueRows + more.valueRows];
    if (old && all <= old.rows && allValues <= old.valueRows) return old;
    // Twice as much when it is too little: what was recorded for the old memory has to be recorded again.
    const grown = (needed: number, own: number, had = 0): number =>
      needed <= had ? had : Math.max(needed, own * this.parts, 2 * had);
    const size = {
      rows: grown(all, more.rows, old?.rows),
      valueRows: grown(allValues, more.valueRows, old?.valueRows),
    };
    const make = <D extends DType>(
      dtype: D,
      length: number,
      kept: DeviceBuffer<D> | undefined,
      used: number,
    ) => {
      const buffer = this.device.allocUninitialized(dtype, [length]);
      if (kept) buffer.view(0, [used]).copyFrom(kept.view(0, [used]));
      return buffer;
    };
    const room = {
      ...size,
      indices: make("i32", size.rows, old?.indices, rows),
      source: make("i32", size.rows, old?.source, rows),
      weights: make("f32", size.rows, old?.weights, rows),
      values: make("f32", size.valueRows * this.#dim, old?.values, valueRows * this.#dim),
    };
    this.dispose();
    this.#room = room;
    this.#rooms += 1;
    return room;
  }

  dispose(): void {
    const { indices, source, weights, values } = this.#room ?? {};
    for (const buffer of [indices, source, weights, values]) buffer?.dispose();
    this.#room = undefined;
  }
}

function extentOf(lookups: readonly RowContribution<Place>[], dim: number): Extent {
  const total = (of: (lookup: RowContribution<Place>) => number): number =>
    lookups.reduce((sum, lookup) => sum + of(lookup), 0);
  return {
    rows: total(({ indices }) => indices.length),
    valueRows: total(({ values }) => values.length / Math.max(1, dim)),
  };
}

/** Lookups that read something. */
function used(lookups: readonly RowContribution[] = []): RowContribution[] {
  return lookups.filter(({ indices }) => indices.length > 0);
}

/** Of one optimizer; made by its `parts`. */
export class StepParts {
  /** Sum of the losses so far, f32 [1]. */
  readonly loss: DeviceBuffer<"f32">;
  readonly #device: Device;
  readonly #lists: readonly RowsOfParts[];
  /** What parts leave in them is in the lists before the next part runs. */
  readonly #stages = new Map<string, DeviceBuffer>();

  /** Internal: use `optimizer.parts`. */
  constructor(owner: string, device: Device, tables: readonly GroupedTable[], count: number) {
    checkInteger(`${owner}: 'count'`, count, 1);
    this.#device = device;
    this.loss = device.alloc("f32", [1]);
    this.#lists = tables.map(({ table }) => new RowsOfParts(device, table.parameter, count));
  }

  /** Equal for parts after which one recorded step can come: it knows how many rows they have left. */
  get key(): string {
    return this.#lists.map(({ key }) => key).join();
  }

  /** Records what a part adds to each table; every run of it lengthens the lists, that of the `first` part from nothing. */
  record(recorder: Recorder, contributions: readonly (readonly RowContribution[])[], first: boolean): void {
    const staged = this.#lists.map((_, table) =>
      used(contributions[table]).map((lookup, i) => this.#stage(recorder, `${table} ${i}`, lookup)),
    );
    recorder.onRun.push(() =>
      this.#lists.forEach((list, table) => {
        if (first) list.length = { rows: 0, valueRows: 0 };
        list.length = list.append<DeviceBuffer>(
          (op, fields) => this.#device.run(op, fields),
          staged[table] ?? [],
        );
      }),
    );
  }

  /** Records copies of what a lookup adds, for commands after the program, which know where in the list they belong. */
  #stage(
    recorder: Recorder,
    name: string,
    { indices, values, bags }: RowContribution,
  ): RowContribution<DeviceBuffer> {
    const keep = (field: string, x: Tensor): DeviceBuffer => {
      const { dtype, length } = x;
      const key = `${name} ${field} ${length}`;
      const y = this.#stages.get(key) ?? this.#device.allocUninitialized(dtype, [length]);
      this.#stages.set(key, y);
      if (length > 0) recorder.emit("copy", { bytes: y.byteLength, x, y });
      return y;
    };
    const { offsets, weights } = bags ?? {};
    return {
      indices: keep("indices", indices),
      values: keep("values", values),
      bags: bags && {
        ...bags,
        offsets: offsets && keep("offsets", offsets),
        weights: weights && keep("weights", weights),
      },
    };
  }

  /** Records the gradients of the tables: of all parts before, and what the last one adds. */
  end(
    recorder: Recorder,
    contributions: readonly (readonly RowContribution[])[],
  ): (RowGradient | undefined)[] {
    return this.#lists.map((list, table) => list.end(recorder, used(contributions[table])));
  }

  /** Refuses to run a step after other parts than it was recorded after. */
  expect(key: string): void {
    if (this.key === key) return;
    throw new ArgumentError({
      argument: "minimize: 'onto'",
      got: "a step recorded after parts that left lists of rows of other lengths",
      accepted: "one that is recorded when such parts have run",
    });
  }

  /** Frees the memory. */
  dispose(): void {
    this.loss.dispose();
    for (const buffer of this.#stages.values()) buffer.dispose();
    for (const list of this.#lists) list.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
