// How an epoch is cut into batches: which examples are in which batch, as a pure function of seed, epoch and index.

import { checkBoolean, checkInteger, checkKeys } from "../check.js";
import type { Column, ColumnData } from "./column.js";
import { permutation } from "./shuffle.js";

/** Some examples, column by column. */
export interface Batch<N extends string = string> {
  /** How many examples: the batch size, or what is left for the last batch. */
  readonly size: number;
  /** Per column, size * (product of shape) values. They may be the dataset's own memory: do not write. */
  readonly columns: Readonly<Record<N, ColumnData>>;
}

/** The batches of one epoch; iterating again gives the same ones again. */
export interface Batches<N extends string = string> extends Iterable<Batch<N>> {
  /** Batches in the whole epoch, those before `start` included. */
  readonly count: number;
}

/** The batches of one epoch, from a dataset that has to be waited for; iterating again gives the same ones again. */
export interface AsyncBatches<N extends string = string> extends AsyncIterable<Batch<N>> {
  /** Batches in the whole epoch, those before `start` included; undefined where it is not known how many there are. */
  readonly count: number | undefined;
}

/** Examples, whose batches may have to be waited for: what every dataset is. */
export interface ExampleSource {
  /** How many examples; undefined where that is not known. */
  readonly size: number | undefined;
  /** Type and shape of the columns; their data may be empty. */
  readonly columns: Readonly<Record<string, Column>> | undefined;
  batches(options: BatchOptions): Batches | AsyncBatches;
  /**
   * The same, for one who passes each on to a device before asking for the next: batches may lie in memory that is used again.
   * Default: `batches`.
   */
  staged?(options: BatchOptions): AsyncBatches;
}

/** Batches that need not outlast the next one. */
export function stagedBatches(source: ExampleSource, options: BatchOptions): Batches | AsyncBatches {
  return source.staged?.(options) ?? source.batches(options);
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

/** Batch options with defaults filled in. */
export interface CheckedBatches {
  readonly batchSize: number;
  readonly seed: number | undefined;
  readonly epoch: number;
  readonly dropLast: boolean;
  readonly start: number;
}

/** @throws ArgumentError for an option out of range, or one that does not exist. */
export function checkBatches(owner: string, options: BatchOptions): CheckedBatches {
  checkKeys(owner, options, ["batchSize", "shuffle", "epoch", "dropLast", "start"]);
  const { shuffle } = options;
  return {
    dropLast: checkBoolean(`${owner}: 'dropLast'`, options.dropLast ?? false),
    batchSize: checkInteger(`${owner}: 'batchSize'`, options.batchSize, 1),
    epoch: checkInteger(`${owner}: 'epoch'`, options.epoch ?? 0, 0, 2 ** 32 - 1),
    start: checkInteger(`${owner}: 'start'`, options.start ?? 0, 0),
    seed: shuffle === undefined ? undefined : seedOf(owner, shuffle),
  };
}

function seedOf(owner: string, shuffle: number | { readonly seed: number }): number {
  if (typeof shuffle === "object" && shuffle !== null) {
    checkKeys(`${owner}: 'shuffle'`, shuffle, ["seed"]);
    return checkInteger(`${owner}: 'shuffle.seed'`, shuffle.seed, 0);
  }
  return checkInteger(`${owner}: 'shuffle'`, shuffle, 0);
}

/** Which of `size` examples are in which batch. */
export interface BatchPlan {
  readonly count: number;
  readonly start: number;
  /** The examples of a batch: indices if shuffled, else from where to where. */
  batch(index: number): {
    readonly from: number;
    readonly to: number;
    readonly picked: Uint32Array | undefined;
  };
  /** The same as indices in any case. */
  indices(index: number): Uint32Array;
}

/** @throws ArgumentError as `checkBatches`, and for a start behind the last batch. */
export function planBatches(owner: string, size: number, options: BatchOptions): BatchPlan {
  const { batchSize, seed, epoch, dropLast } = checkBatches(owner, options);
  const count = (dropLast ? Math.floor : Math.ceil)(size / batchSize);
  const start = checkInteger(`${owner}: 'start'`, options.start ?? 0, 0, count);
  const order = seed === undefined ? undefined : permutation(size, { seed, epoch });
  const batch = (index: number): ReturnType<BatchPlan["batch"]> => {
    const [from, to] = [index * batchSize, Math.min((index + 1) * batchSize, size)];
    return { from, to, picked: order?.subarray(from, to) };
  };
  const indices = (index: number): Uint32Array => {
    const { from, to, picked } = batch(index);
    return picked ?? Uint32Array.from({ length: to - from }, (_, i) => from + i);
  };
  return { count, start, batch, indices };
}
