// What the batches of an evaluation add up, in device memory: read once, at its end.

import type { DeviceBuffer } from "../device/buffer.js";
import type { Device } from "../device/device.js";
import { ShapeError } from "../errors.js";
import { liftF32 } from "../tensor/arguments.js";
import { recording, type Value } from "../tensor/recorder.js";
import { Tensor } from "../tensor/tensor.js";
import { accumulate, Total, total } from "../tensor/total.js";

/** The rows of all batches, kept in device memory until the evaluation ends. Made by `collect`. */
export class Collected {
  /** Internal: use `collect`. */
  constructor(readonly x: Tensor) {}

  /** Numbers of a row. */
  get length(): number {
    return this.x.length / (this.x.shape[0] as number);
  }
}

/** Keeps x, f32 with a row for each example, of all batches: 4 bytes a number. For figures that are no sums, such as ranks. */
export function collect(x: Value): Collected {
  return new Collected(liftF32("collect", "x", x, "f32 (use cast)"));
}

/** What a batch contributes to a figure: a tensor counts as `total(tensor)`. */
export type Contribution = Tensor | Total | Collected;

export function isContribution(value: unknown): value is Contribution {
  return value instanceof Tensor || value instanceof Total || value instanceof Collected;
}

/** What a figure is made of. */
export type Contributed = readonly [figure: string, name: string, contribution: Contribution];

/** The rows of a batch that are collected, where its program leaves them. */
export type Windows = readonly DeviceBuffer<"f32">[];

/** Of each contribution, in their order: what kind it is, how long, and where in the memory of its kind. */
interface Place {
  readonly name: string;
  readonly kind: "total" | "collected";
  readonly length: number;
  readonly start: number;
}

interface Layout {
  readonly places: readonly Place[];
  readonly sums: DeviceBuffer<"f64">;
}

/** The memory of evaluations, one at a time. The programs of batches add to it. */
export class Totals implements Disposable {
  readonly #device: Device;
  #layout: Layout | undefined;
  /** While an evaluation goes on, the rows of all its examples, for each that is collected. */
  #stores: DeviceBuffer<"f32">[] = [];
  #size = 0;
  #examples = 0;
  #busy = false;
  #disposed = false;

  constructor(device: Device) {
    this.#device = device;
  }

  /** Whether an evaluation goes on. */
  get busy(): boolean {
    return this.#busy;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  /** Begins an evaluation of `size` examples. */
  begin(size: number): void {
    [this.#busy, this.#size, this.#examples] = [true, size, 0];
    this.#layout?.sums.fill(0);
  }

  /** Records adding up; gives the memory, the caller's, where each run leaves what is collected. */
  record(contributed: readonly Contributed[], examples: number): Windows {
    const each = contributed.map(([figure, name, given]) => {
      return [`${figure}.${name}`, given instanceof Tensor ? total(given) : given] as const;
    });
    const { places, sums } = this.#laidOut(each);
    const windows: DeviceBuffer<"f32">[] = [];
    each.forEach(([, contribution], i) => {
      const { start, length } = places[i] as Place;
      if (contribution instanceof Total) {
        accumulate(contribution, sums.view(start, [length]));
        return;
      }
      const window = this.#device.allocUninitialized("f32", [examples, length]);
      recording("collect").emit("copy", { bytes: window.byteLength, x: contribution.x, y: window });
      windows.push(window);
    });
    return windows;
  }

  /** The places that the first program gives, with which all later ones have to agree. */
  #laidOut(contributions: readonly (readonly [string, Total | Collected])[]): Layout {
    const next = { total: 0, collected: 0 };
    const places = contributions.map(([name, contribution]): Place => {
      const kind = contribution instanceof Total ? "total" : "collected";
      const start = next[kind];
      next[kind] += kind === "total" ? contribution.length : 1;
      return { name, kind, length: contribution.length, start };
    });
    this.#layout ??= { places, sums: this.#device.alloc("f64", [next.total]) };
    const [got, accepted] = [textOf(places), textOf(this.#layout.places)];
    if (got === accepted) return this.#layout;
    throw new ShapeError({
      argument: "metrics: what a batch contributes",
      got,
      accepted: `${accepted}, as the batch before`,
    });
  }

  /** Enqueues keeping what a run has left in its windows. */
  collect(windows: Windows, size: number): void {
    windows.forEach((window, i) => {
      const width = window.length / size;
      this.#stores[i] ??= this.#device.allocUninitialized("f32", [this.#size * width]);
      this.#stores[i].view(this.#examples * width, window.shape).copyFrom(window);
    });
    this.#examples += size;
  }

  /** What all batches contributed, in the order of the contributions. */
  async read(): Promise<readonly Float64Array[]> {
    const reading = [this.#layout?.sums.read(), ...this.#stores.map((store) => store.read())] as const;
    const [sums, ...stores] = await Promise.all(reading);
    return (this.#layout?.places ?? []).map(({ kind, start, length }) =>
      kind === "total"
        ? (sums as Float64Array).subarray(start, start + length)
        : Float64Array.from(stores[start] as Float32Array),
    );
  }

  /** Ends an evaluation. */
  end(): void {
    this.#busy = false;
    for (const store of this.#stores) store.dispose();
    this.#stores = [];
  }

  dispose(): void {
    this.#disposed = true;
    this.end();
    this.#layout?.sums.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function textOf(places: readonly Place[]): string {
  return places.map(({ name, kind, length }) => `${name}: ${kind} of ${length}`).join(", ");
}
