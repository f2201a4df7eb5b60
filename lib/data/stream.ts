// Datasets that come in parts, one after another, shuffled within a buffer of bounded size.

import { checkInteger } from "../check.js";
import { ArgumentError, DTypeError, describe, ShapeError } from "../errors.js";
import {
  type AsyncBatches,
  type Batch,
  type BatchOptions,
  type CheckedBatches,
  checkBatches,
} from "./batches.js";
import { type Column, type ColumnData, emptyLike, examplesOf, lengthOf } from "./column.js";
import { columnType } from "./convert.js";
import { Dataset } from "./dataset.js";
import { draw } from "./shuffle.js";
import { leavable, untilAborted } from "./waiting.js";

/** Where the parts of a dataset come from. */
export type Parts<N extends string> = Iterable<Dataset<N>> | AsyncIterable<Dataset<N>>;

/** What a stream is made of. */
export interface StreamOptions<N extends string = string> {
  /** Type and shape of the columns; their data may be empty. */
  readonly columns: Readonly<Record<N, Column>>;
  /**
   * Opens the stream from its beginning: called once for each epoch. The signal is aborted when the loop is left, which does not
   * wait for parts that are still to come: whatever waits for them should end then. A stream of Node's is destroyed.
   */
  readonly open: (signal: AbortSignal) => Parts<N>;
  /** Examples that wait in memory to be drawn from, where the order is shuffled: 1 or more, default 10,000. */
  readonly buffer?: number;
  /** How many examples an epoch has, if you know: a trainer needs it, and takes as many. Default: unknown. */
  readonly size?: number;
}

const BUFFER = 10_000;

/**
 * Examples that are read from their beginning in every epoch, part by part, and need not fit into memory: made by
 * `table.stream(columns)`, or of parts of your own.
 *
 * ```ts
 * const data = jsonlTable("mails.jsonl.gz").stream({ x: { from: "counts", shape: [100] }, y: { from: "spam", type: "i32" } });
 * for await (const { columns } of data.batches({ batchSize: 128, shuffle: 1, epoch })) use(columns.x, columns.y);
 * ```
 *
 * The order is a pure function of seed, epoch and index. A shuffled one draws each example from a buffer that the stream
 * refills, so that an example comes at most `buffer` - 1 places early, and late by a geometric law: one near the end of
 * the stream is not the first of its epoch, so shuffle once before you write a file whose order means something.
 */
export class StreamDataset<N extends string = string> {
  /** Type and shape of the columns, without their values. */
  readonly columns: Readonly<Record<N, Column>>;
  /** How many examples, as far as that was told. */
  readonly size: number | undefined;
  readonly #open: (signal: AbortSignal) => Parts<N>;
  readonly #buffer: number;

  /** @throws ArgumentError, DTypeError or ShapeError for an option that is missing or wrong. */
  constructor({ columns, open, buffer = BUFFER, size }: StreamOptions<N>) {
    const names = Object.keys(columns ?? {}) as N[];
    if (names.length === 0) {
      const accepted = "an object with a column at least";
      throw new ArgumentError({ argument: "StreamDataset: 'columns'", got: describe(columns), accepted });
    }
    if (typeof open !== "function") {
      const accepted = "a function that opens the stream";
      throw new ArgumentError({ argument: "StreamDataset: 'open'", got: describe(open), accepted });
    }
    this.#buffer = checkInteger("StreamDataset: 'buffer'", buffer, 1);
    this.size = size === undefined ? undefined : checkInteger("StreamDataset: 'size'", size, 0);
    this.#open = open;
    const empty = names.map((name) => {
      examplesOf(name, columns[name]);
      const { data, shape } = columns[name];
      return [name, Object.freeze({ data: emptyLike(data, 0), shape: Object.freeze([...shape]) })] as const;
    });
    this.columns = Object.freeze(Object.fromEntries(empty) as Record<N, Column>);
  }

  /** Names of the columns, in the order given. */
  get names(): N[] {
    return Object.keys(this.columns) as N[];
  }

  /**
   * The stream with something done to each part, such as `(part) => scaled(part, { x: scaling })`. It is tried on a part
   * without examples first, which tells the columns that it makes.
   */
  map<M extends string>(change: (part: Dataset<N>) => Dataset<M>): StreamDataset<M> {
    const open = this.#open;
    return new StreamDataset<M>({
      columns: change(new Dataset(this.columns)).columns,
      open: async function* (signal) {
        for await (const part of untilAborted("StreamDataset", open(signal), signal)) yield change(part);
      },
      buffer: this.#buffer,
      ...(this.size !== undefined && { size: this.size }),
    });
  }

  /**
   * The batches of one epoch. One that starts at a later batch reads what lies before it, too, and gives the same ones.
   * @throws ArgumentError for an option out of range, or one that does not exist. The loop throws what the stream throws,
   *   and DTypeError or ShapeError for a part whose columns are others. Leaving it closes the stream, also while it waits for a part.
   */
  batches(options: BatchOptions): AsyncBatches<N> {
    const checked = checkBatches("StreamDataset.batches", options);
    return {
      count: undefined,
      [Symbol.asyncIterator]: () => leavable((signal) => this.#batches(checked, signal)),
    };
  }

  async *#batches(options: CheckedBatches, signal: AbortSignal): AsyncGenerator<Batch<N>, void, void> {
    const { batchSize, seed, dropLast, start } = options;
    const places = new Places(this.columns, seed === undefined ? 1 : this.#buffer);
    const skipped = start * batchSize;
    let batch = new Places(this.columns, batchSize);
    let [drawn, filled] = [0, 0];
    /** Draws one of the first `held` places into the batch. */
    const take = (held: number): number => {
      const place = seed === undefined ? 0 : draw(drawn, held, { seed, epoch: options.epoch });
      if (drawn++ >= skipped) batch.copy(filled++, places.columns, place);
      return place;
    };
    let held = 0;
    for await (const part of untilAborted("StreamDataset", this.#open(signal), signal)) {
      checkPart(part, this.columns);
      for (let row = 0; row < part.size; row++) {
        places.copy(held < places.count ? held++ : take(held), part.columns, row);
        if (filled === batchSize) {
          yield batch.first(filled);
          [batch, filled] = [new Places(this.columns, batchSize), 0];
        }
      }
    }
    for (; held > 0; held--) {
      places.copy(take(held), places.columns, held - 1); // the last one fills the gap
      if (filled === batchSize) {
        yield batch.first(filled);
        [batch, filled] = [new Places(this.columns, batchSize), 0];
      }
    }
    if (filled > 0 && !dropLast) yield batch.first(filled);
  }
}

/** A fixed number of places for examples. */
class Places<N extends string> {
  readonly columns: Readonly<Record<N, Column>>;
  readonly #lengths: readonly (readonly [name: N, length: number])[];

  constructor(
    like: Readonly<Record<N, Column>>,
    readonly count: number,
  ) {
    const names = Object.keys(like) as N[];
    this.#lengths = names.map((name) => [name, lengthOf(like[name].shape)] as const);
    const columns = this.#lengths.map(([name, length]) => {
      return [name, { data: emptyLike(like[name].data, count * length), shape: like[name].shape }] as const;
    });
    this.columns = Object.fromEntries(columns) as Record<N, Column>;
  }

  /** Puts example `row` of other columns into a place. */
  copy(place: number, from: Readonly<Record<N, Column>>, row: number): void {
    for (const [name, length] of this.#lengths) {
      const [source, target] = [from[name].data, this.columns[name].data];
      if (length === 1) target[place] = source[row] as number;
      else target.set(source.subarray(row * length, (row + 1) * length), place * length);
    }
  }

  /** The first examples, as a batch that owns them. */
  first(size: number): Batch<N> {
    const columns = this.#lengths.map(([name, length]) => {
      const { data } = this.columns[name];
      return [name, size === this.count ? data : data.slice(0, size * length)] as const;
    });
    return { size, columns: Object.fromEntries(columns) as Record<N, ColumnData> };
  }
}

function checkPart<N extends string>({ columns }: Dataset<N>, expected: Readonly<Record<N, Column>>): void {
  for (const name of Object.keys(expected) as N[]) {
    const [own, like] = [columns[name], expected[name]];
    const argument = `StreamDataset: column '${name}' of a part`;
    const type = columnType(like.data);
    if (!own || columnType(own.data) !== type) {
      throw new DTypeError({ argument, got: own ? columnType(own.data) : "none", accepted: type });
    }
    if (own.shape.join() !== like.shape.join()) {
      const [got, accepted] = [`the shape [${own.shape.join(", ")}]`, `[${like.shape.join(", ")}]`];
      throw new ShapeError({ argument, got, accepted });
    }
  }
}
