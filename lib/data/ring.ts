// A ring of slots in shared memory: one thread writes a batch into a free slot, another lends it, and it comes back.

import { DisposedError } from "../errors.js";
import { LentMemory, Loan, lend } from "../lent.js";
import type { Batch } from "./batches.js";
import type { ColumnData } from "./column.js";
import { COLUMN_ARRAYS, type ColumnType, columnType } from "./convert.js";

/** What both threads know of a ring. */
export interface RingMemory {
  readonly bytes: SharedArrayBuffer;
  /** Per slot FREE or TAKEN. The one that writes takes it, the one that reads gives it back. */
  readonly states: SharedArrayBuffer;
  readonly slotBytes: number;
}

/** A column in its slot. */
export interface PlacedColumn {
  readonly name: string;
  readonly type: ColumnType;
  /** In bytes, in the ring. */
  readonly offset: number;
  readonly length: number;
}

const [FREE, TAKEN] = [0, 1];
/** A column begins at a multiple, for vector loads. */
const ALIGNMENT = 64;
/** Before the first slot and behind the last: no page of a slot belongs to anyone else, so that it can be locked. */
const MARGIN = 65_536;

type Sharing = new (memory: SharedArrayBuffer, offset: number, length: number) => ColumnData;
const view = ({ bytes }: RingMemory, { type, offset, length }: PlacedColumn): ColumnData =>
  new (COLUMN_ARRAYS[type] as Sharing)(bytes, offset, length);

const aligned = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

function bytesOf({ columns }: Batch): number {
  return Object.values<ColumnData>(columns).reduce((sum, data) => sum + aligned(data.byteLength), 0);
}

/** The side that fills slots. */
export class RingWriter {
  readonly memory: RingMemory;
  readonly #states: Int32Array;

  private constructor(memory: RingMemory) {
    this.memory = memory;
    this.#states = new Int32Array(memory.states);
  }

  /** A ring for batches of the size of this one; undefined where there is no memory for it. */
  static for(batch: Batch, slots: number): RingWriter | undefined {
    const slotBytes = bytesOf(batch);
    const states = new SharedArrayBuffer(slots * Int32Array.BYTES_PER_ELEMENT);
    try {
      return new RingWriter({
        bytes: new SharedArrayBuffer(slots * slotBytes + 2 * MARGIN),
        states,
        slotBytes,
      });
    } catch (error) {
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  fits(batch: Batch): boolean {
    return bytesOf(batch) <= this.memory.slotBytes;
  }

  /** Copies a batch that fits into a free slot; undefined if there is none. */
  put({ columns }: Batch): { slot: number; columns: PlacedColumn[] } | undefined {
    const slot = this.#states.findIndex((_, i) => Atomics.load(this.#states, i) === FREE);
    if (slot < 0) return undefined;
    let offset = MARGIN + slot * this.memory.slotBytes;
    const placed = Object.entries<ColumnData>(columns).map(([name, data]) => {
      const column = { name, type: columnType(data), offset, length: data.length };
      view(this.memory, column).set(data);
      offset += aligned(data.byteLength);
      return column;
    });
    Atomics.store(this.#states, slot, TAKEN);
    return { slot, columns: placed };
  }
}

/** The side that lends them. */
export class RingReader {
  readonly #memory: RingMemory;
  readonly #lent: LentMemory;
  readonly #states: Int32Array;
  readonly #loans: (Loan | undefined)[] = [];

  constructor(memory: RingMemory) {
    const { bytes, states, slotBytes } = memory;
    this.#memory = memory;
    this.#states = new Int32Array(states);
    this.#lent = new LentMemory(bytes, (offset) => this.#loans[Math.floor((offset - MARGIN) / slotBytes)]);
  }

  /** The batch in a slot. */
  lend(size: number, slot: number, columns: readonly PlacedColumn[]): LentBatch {
    const loan = new Loan(this.#lent, () => {
      this.#loans[slot] = undefined;
      Atomics.store(this.#states, slot, FREE);
    });
    this.#loans[slot] = loan;
    const arrays = columns.map((column) => [column.name, lend(view(this.#memory, column), loan)] as const);
    return new LentBatch(size, Object.fromEntries(arrays), loan);
  }

  /** No more is lent; what is lent stays so until it comes back. */
  end(): void {
    this.#lent.end();
  }
}

/** A batch that has to be given back. */
export class LentBatch implements Batch {
  readonly size: number;
  readonly #columns: Readonly<Record<string, ColumnData>>;
  readonly #loan: Loan;

  constructor(size: number, columns: Readonly<Record<string, ColumnData>>, loan: Loan) {
    this.size = size;
    this.#columns = columns;
    this.#loan = loan;
  }

  /** @throws DisposedError once it went back */
  get columns(): Readonly<Record<string, ColumnData>> {
    if (!this.#loan.over) return this.#columns;
    const accepted = "it before the next batch is asked for, or a copy";
    throw new DisposedError({
      argument: "PrefetchedDataset.staged: a batch",
      got: "one that went back",
      accepted,
    });
  }

  giveBack(): void {
    this.#loan.end();
  }
}
