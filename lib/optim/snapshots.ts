// The snapshots of a guard that rolls back: rings in memory, one slot after the other, and how they are saved.

import type { DeviceBuffer } from "../device/buffer.js";
import { ArgumentError, describe } from "../errors.js";
import { ROOM } from "./compose.js";
import { GUARD } from "./guard.js";
import type { OptimizerMemory, RunMemory } from "./memory.js";

/** What a ring holds copies of. */
export interface Ring {
  readonly data: DeviceBuffer;
  readonly ring: DeviceBuffer<"u8">;
}

/** The ring of the rule's running scalars, made when it is first asked for. */
export function runningRing(memory: OptimizerMemory, slots: number): DeviceBuffer<"f64"> {
  const make = (): DeviceBuffer<"f64"> => memory.device.alloc("f64", [slots * memory.running.length]);
  return memory.shared(`${slots} running`, make, "snapshots");
}

/** What a step changes of a run and reads at the next, but for the running scalars. */
function changed({ run, states, average, copy, kept: beside }: RunMemory): DeviceBuffer[] {
  const lasting = states.filter(({ name }) => name !== ROOM);
  const kept = lasting.flatMap(({ data, largest }) => (largest ? [data, largest] : [data]));
  const composed = [...beside.values()].flatMap((buffers) => Object.values(buffers));
  const made = [average, copy, ...composed].filter((buffer) => buffer !== undefined);
  return [run.value, ...kept, ...made];
}

/** The rings of everything else that a step changes, by run, table or statistics and buffer, made when they are first asked for. */
export function ringsOf(memory: OptimizerMemory, slots: number): [name: string, Ring][] {
  const of = (prefix: string, buffers: readonly DeviceBuffer[]): [string, Ring][] =>
    buffers.map((data, i) => {
      const name = `${prefix}.${i}`;
      // Zeros: what is saved may hold slots that have not been written yet.
      const make = (): DeviceBuffer<"u8"> => memory.device.alloc("u8", [slots * data.byteLength]);
      return [name, { data, ring: memory.shared(`${slots} of ${name}`, make, "snapshots") }];
    });
  return [
    ...memory.runs.flatMap((run, r) => of(`${r}`, changed(run))),
    ...memory.tables.flatMap(({ buffers }, t) => of(`table ${t}`, buffers)),
    ...of("statistics", memory.beside),
  ];
}

/** What is saved of a guard's snapshots: they fit the same parameters in the same groups and options. */
export interface Snapshots {
  /** Of the slots, those that can be restored; good steps until the next snapshot. */
  readonly guard: Float64Array;
  readonly running: Float64Array;
  /** By run, table or statistics, and buffer. */
  readonly rings: Readonly<Record<string, Uint8Array>>;
}

/** The snapshots of an optimizer, to be saved beside its state. */
export class SnapshotRings {
  readonly #memory: OptimizerMemory;

  constructor(memory: OptimizerMemory) {
    this.#memory = memory;
  }

  /** Says before the first step which running statistics they hold; a step that is recorded finds its own. */
  hold(statistics: readonly DeviceBuffer[]): void {
    this.#memory.holdBeside(statistics);
  }

  /** Of a guard with so many slots; undefined before the first step that it guards. Enqueued before the first wait. */
  async read(slots: number): Promise<Snapshots | undefined> {
    const memory = this.#memory;
    if (slots === 0 || !memory.has(`${slots} running`)) return undefined;
    const [guard, running, ...rings] = await Promise.all([
      memory.guard.view(GUARD.kept, [2]).read(),
      runningRing(memory, slots).read(),
      ...this.#rings(slots).map(async ([name, ring]) => [name, await ring.read()] as const),
    ]);
    return { guard, running, rings: Object.fromEntries(rings) };
  }

  /** Enqueues that they are there again, after the state that they were saved beside was loaded. @throws ArgumentError */
  write(slots: number, { guard, running, rings }: Snapshots): void {
    const memory = this.#memory;
    const writes = this.#rings(slots).map(([name, ring]) => {
      const data: unknown = Object.hasOwn(rings, name) ? rings[name] : undefined;
      if (data instanceof Uint8Array && data.length === ring.length) return () => ring.write(data);
      const accepted = `a Uint8Array of ${ring.length} bytes`;
      throw new ArgumentError({ argument: `snapshots: "${name}"`, got: describe(data), accepted });
    });
    const [words, scalars] = [memory.guard.view(GUARD.kept, [2]), runningRing(memory, slots)];
    for (const [name, data, length] of [
      ["guard", guard, words.length],
      ["running", running, scalars.length],
    ] as const) {
      if (data instanceof Float64Array && data.length === length) continue;
      const accepted = `a Float64Array of ${length}`;
      throw new ArgumentError({ argument: `snapshots: "${name}"`, got: describe(data), accepted });
    }
    for (const write of writes) write();
    scalars.write(running);
    words.write(guard);
  }

  #rings(slots: number): [name: string, ring: DeviceBuffer<"u8">][] {
    return ringsOf(this.#memory, slots).map(([name, { ring }]) => [name, ring]);
  }
}
