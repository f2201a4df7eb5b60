// A dataset in memory: columns of equal length, cut into parts and into batches.

import { checkBoolean, checkInteger, checkKeys, checkNumber } from "../check.js";
import { ArgumentError, describe, ShapeError } from "../errors.js";
import { type Column, type ColumnData, examplesOf, gather, lengthOf } from "./column.js";
import { permutation } from "./shuffle.js";
import { splitIndices } from "./split.js";

/** Some examples, column by column. */
export interface Batch<N extends string = string> {
  /** How many examples: the batch size, or what is left for the last batch. */
  readonly size: number;
  /** Per column, size * (product of shape) values. Views of the dataset's own memory unless shuffled: do not write. */
  readonly columns: Readonly<Record<N, ColumnData>>;
}

/** The batches of one epoch; iterating again gives the same ones again. */
export interface Batches<N extends string = string> extends Iterable<Batch<N>> {
  /** Batches in the whole epoch, those before `start` included. */
  readonly count: number;
}

/** How to cut an epoch into batches. */
export interface BatchOptions {
  /** Examples per batch, 1 or more. */
  readonly batchSize: number;
  /** Seed of the order, an integer from 0 below 2^53. Without it examples come in their own order. */
  readonly shuffle?: number | { readonly seed: number };
  /** Each epoch of a seed has its own order. Integer from 0 below 2^32, default 0. */
  readonly epoch?: number;
  /** Leaves a last batch of fewer than `batchSize` examples out. Default false. */
  readonly dropLast?: boolean;
  /** The first batch to give, default 0: where an interrupted epoch goes on. */
  readonly start?: number;
}

/** How to hold examples out. */
export interface SplitOptions<N extends string = string> {
  /** The share held out, between 0 and 1: round(size * validation) examples. */
  readonly validation: number;
  /** Integer from 0 below 2^53. Default 0. */
  readonly seed?: number;
  /** A column of class numbers (i32 or u8, shape []): each class is held out in that share. */
  readonly stratify?: N;
}

/**
 * Examples in memory, as named columns of equal length.
 *
 * ```ts
 * const data = new Dataset({ x: { data: pixels, shape: [64] }, y: { data: labels, shape: [] } });
 * const [train, validation] = data.split({ validation: 0.2, seed: 1, stratify: "y" });
 * for (const { size, columns } of train.batches({ batchSize: 32, shuffle: 1, epoch })) use(columns.x, columns.y);
 * ```
 */
export class Dataset<N extends string = string> {
  /** How many examples. */
  readonly size: number;
  /** The columns, by name. Their arrays are not copied: the dataset is as constant as they are. */
  readonly columns: Readonly<Record<N, Column>>;

  /**
   * @throws DTypeError for data that is no Float32Array, Int32Array or Uint8Array.
   * @throws ShapeError for a length that is no multiple of the shape's, or differs from that of another column.
   * @throws ArgumentError for no columns at all, or a dimension that is no integer of 1 or more.
   */
  constructor(columns: Readonly<Record<N, Column>>) {
    if (typeof columns !== "object" || columns === null) {
      throw new ArgumentError({
        argument: "Dataset: 'columns'",
        got: describe(columns),
        accepted: "an object",
      });
    }
    const [first, ...others] = Object.keys(columns) as N[];
    if (first === undefined) {
      throw new ArgumentError({ argument: "Dataset: 'columns'", got: "no column", accepted: "at least one" });
    }
    this.size = examplesOf(first, columns[first]);
    for (const name of others) {
      const size = examplesOf(name, columns[name]);
      if (size !== this.size) {
        throw new ShapeError({
          argument: `Dataset: column '${name}'`,
          got: `${size} examples`,
          accepted: `${this.size} examples, as column '${first}' has`,
        });
      }
    }
    const copies = ([first, ...others] as N[]).map((name) => {
      const { data, shape } = columns[name];
      return [name, Object.freeze({ data, shape: Object.freeze([...shape]) })] as const;
    });
    this.columns = Object.freeze(Object.fromEntries(copies) as Record<N, Column>);
  }

  /** Names of the columns, in the order given. */
  get names(): N[] {
    return Object.keys(this.columns) as N[];
  }

  /**
   * The examples from `start` up to, not including, `end`; shares memory.
   * @throws ArgumentError unless 0 <= start <= end <= size, in integers.
   */
  slice(start: number, end: number = this.size): Dataset<N> {
    checkInteger("Dataset.slice: 'start'", start, 0, this.size);
    checkInteger("Dataset.slice: 'end'", end, start, this.size);
    return this.#map(({ data, shape }) => {
      const length = lengthOf(shape);
      return data.subarray(start * length, end * length);
    });
  }

  /**
   * The first `count` examples, or all if there are fewer; shares memory.
   * @throws ArgumentError for a count that is no integer of 0 or more.
   */
  take(count: number): Dataset<N> {
    return this.slice(0, Math.min(checkInteger("Dataset.take: 'count'", count, 0), this.size));
  }

  /**
   * Two datasets, [train, validation], whose examples are copies of this one's, each part in the order of this one.
   * @throws ArgumentError for a share that leaves a part empty, an unknown column, or one that holds no class numbers.
   */
  split(options: SplitOptions<N>): [Dataset<N>, Dataset<N>] {
    checkKeys("Dataset.split", options, ["validation", "seed", "stratify"]);
    const share = checkNumber(
      "Dataset.split: 'validation'",
      options.validation,
      "a number between 0 and 1",
      (v) => v > 0 && v < 1,
    );
    const seed = checkInteger("Dataset.split: 'seed'", options.seed ?? 0, 0);
    const labels = options.stratify === undefined ? undefined : this.#classNumbers(options.stratify);
    const held = Math.round(this.size * share);
    if (held === 0 || held === this.size) {
      throw new ArgumentError({
        argument: "Dataset.split: 'validation'",
        got: `${share}, which is ${held} of ${this.size} examples`,
        accepted: "a share that leaves an example in each part",
      });
    }
    const { train, validation } = splitIndices(this.size, share, seed, labels);
    return [this.#gather(train), this.#gather(validation)];
  }

  /**
   * The batches of one epoch. The order is a pure function of seed, epoch and index, so that a run that goes on at
   * batch `start` sees what the uninterrupted one sees.
   * @throws ArgumentError for an option out of range, or one that does not exist.
   */
  batches(options: BatchOptions): Batches<N> {
    checkKeys("Dataset.batches", options, ["batchSize", "shuffle", "epoch", "dropLast", "start"]);
    const { shuffle } = options;
    const dropLast = checkBoolean("Dataset.batches: 'dropLast'", options.dropLast ?? false);
    const batchSize = checkInteger("Dataset.batches: 'batchSize'", options.batchSize, 1);
    const epoch = checkInteger("Dataset.batches: 'epoch'", options.epoch ?? 0, 0, 2 ** 32 - 1);
    const count = (dropLast ? Math.floor : Math.ceil)(this.size / batchSize);
    const start = checkInteger("Dataset.batches: 'start'", options.start ?? 0, 0, count);
    const order =
      shuffle === undefined ? undefined : permutation(this.size, { seed: seedOf(shuffle), epoch });
    const batch = (index: number): Batch<N> => {
      const [from, to] = [index * batchSize, Math.min((index + 1) * batchSize, this.size)];
      const part = order ? this.#gather(order.subarray(from, to)) : this.slice(from, to);
      return { size: part.size, columns: dataOf(part.columns) };
    };
    return {
      count,
      *[Symbol.iterator]() {
        for (let index = start; index < count; index++) yield batch(index);
      },
    };
  }

  #gather(indices: Uint32Array): Dataset<N> {
    return this.#map(({ data, shape }) => gather(data, lengthOf(shape), indices));
  }

  #map(data: (column: Column) => ColumnData): Dataset<N> {
    const columns = this.names.map((name) => {
      const column = this.columns[name];
      return [name, { data: data(column), shape: column.shape }] as const;
    });
    return new Dataset<N>(Object.fromEntries(columns) as Record<N, Column>);
  }

  #classNumbers(name: N): ColumnData {
    const column = Object.hasOwn(this.columns, name) ? this.columns[name] : undefined;
    if (column && column.shape.length === 0 && !(column.data instanceof Float32Array)) return column.data;
    throw new ArgumentError({
      argument: "Dataset.split: 'stratify'",
      got: describe(name),
      accepted: `a column of class numbers (i32 or u8, shape []); the columns are ${this.names.join(", ")}`,
    });
  }
}

function seedOf(shuffle: number | { readonly seed: number }): number {
  if (typeof shuffle === "object" && shuffle !== null) {
    checkKeys("Dataset.batches: 'shuffle'", shuffle, ["seed"]);
    return checkInteger("Dataset.batches: 'shuffle.seed'", shuffle.seed, 0);
  }
  return checkInteger("Dataset.batches: 'shuffle'", shuffle, 0);
}

function dataOf<N extends string>(columns: Readonly<Record<N, Column>>): Record<N, ColumnData> {
  const pairs = Object.entries<Column>(columns).map(([name, { data }]) => [name, data] as const);
  return Object.fromEntries(pairs) as Record<N, ColumnData>;
}
