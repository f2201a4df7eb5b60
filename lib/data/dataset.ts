// A dataset in memory: columns of equal length, cut into parts and into batches.

import { checkInteger } from "../check.js";
import { ArgumentError, describe, ShapeError } from "../errors.js";
import { type Batch, type Batches, type BatchOptions, planBatches } from "./batches.js";
import { type Column, type ColumnData, examplesOf, gatherColumns, lengthOf, mapColumns } from "./column.js";
import { type SplitOptions, splitExamples } from "./split.js";

export type { Batch, Batches, BatchOptions, SplitOptions };

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
    const part = mapColumns(this.columns, ({ data, shape }) => {
      const length = lengthOf(shape);
      return data.subarray(start * length, end * length);
    });
    return new Dataset<N>(part);
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
    const { train, validation } = splitExamples("Dataset.split", this.size, this.columns, options);
    return [this.#gather(train), this.#gather(validation)];
  }

  /**
   * The batches of one epoch. The order is a pure function of seed, epoch and index, so that a run that goes on at
   * batch `start` sees what the uninterrupted one sees.
   * @throws ArgumentError for an option out of range, or one that does not exist.
   */
  batches(options: BatchOptions): Batches<N> {
    const plan = planBatches("Dataset.batches", this.size, options);
    const batch = (index: number): Batch<N> => {
      const { from, to, picked } = plan.batch(index);
      const part = picked ? this.#gather(picked) : this.slice(from, to);
      return { size: part.size, columns: dataOf(part.columns) };
    };
    return {
      count: plan.count,
      *[Symbol.iterator]() {
        for (let index = plan.start; index < plan.count; index++) yield batch(index);
      },
    };
  }

  #gather(indices: Uint32Array): Dataset<N> {
    return new Dataset<N>(gatherColumns(this.columns, indices));
  }
}

function dataOf<N extends string>(columns: Readonly<Record<N, Column>>): Record<N, ColumnData> {
  const pairs = Object.entries<Column>(columns).map(([name, { data }]) => [name, data] as const);
  return Object.fromEntries(pairs) as Record<N, ColumnData>;
}
