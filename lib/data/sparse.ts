// Examples of which most features are 0: rows of (index, value), batched in the form that EmbeddingBag takes.

import { checkInteger, checkKeys } from "../check.js";
import { ArgumentError, DTypeError, describe, ShapeError } from "../errors.js";
import { type Batches, type BatchOptions, planBatches } from "./batches.js";
import { type Column, examplesOf, gatherColumns, lengthOf, mapColumns } from "./column.js";
import { type SplitOptions, splitExamples } from "./split.js";

/** Compressed sparse rows: row i has the entries `offsets[i]` to, not including, `offsets[i + 1]`. */
export interface SparseRows {
  /** i32 [rows + 1], from 0, ascending. */
  readonly offsets: Int32Array;
  /** i32 [entries]: which feature, from 0 below `features`. */
  readonly indices: Int32Array;
  /** f32 [entries]: its value. */
  readonly values: Float32Array;
  /** How many features there are: the vocabulary of the table that they look up. */
  readonly features: number;
}

/** How to cut an epoch of sparse rows into batches. */
export interface SparseBatchOptions extends BatchOptions {
  /**
   * Entries of a batch are filled up to a multiple of this, so that few shapes, and so few recordings, serve all batches. 1 or more;
   * by default to a length of which there are two per doubling: 256, 384, 512, 768 and so on. What is filled in repeats the last
   * index with the value 0: no sum and no gradient changes, and no row is used that was not. A batch without entries stays so.
   */
  readonly padTo?: number;
  /** So many batches after each other are filled up alike, such as those of a step on several batches. 1 or more, default 1. */
  readonly alike?: number;
}

/** What a batch holds of the rows, beside the columns: EmbeddingBag's `indices`, `offsets` and, as `values`, `weights`. */
export type SparseName = "indices" | "offsets" | "values";
const NAMES: readonly string[] = ["indices", "offsets", "values"];

/**
 * Sparse examples in memory, with dense columns beside them, such as a target. A Trainer takes them for a model that begins with an
 * EmbeddingBag; in a loop of your own:
 *
 * ```ts
 * const { dataset, classes } = await libsvm("spam.svm");
 * const bag = new EmbeddingBag(dataset.rows.features, 1, { mode: "sum", sparse: true });   // a linear model
 * for (const { size, columns } of dataset.batches({ batchSize: 32, shuffle: 1, epoch })) {
 *   const { indices, offsets, values, y } = columns;       // i32 [n], i32 [size], f32 [n], and of the column
 *   await programFor(size, indices.length).run({ indices, offsets, values, y });   // bag.forward(indices, offsets, values)
 * }
 * ```
 */
export class SparseDataset<N extends string = never> {
  /** How many examples. */
  readonly size: number;
  readonly rows: SparseRows;
  /** Columns beside the rows. Their arrays are not copied. */
  readonly columns: Readonly<Record<N, Column>>;

  /**
   * @throws DTypeError, ShapeError or ArgumentError for rows that are none: offsets that do not ascend from 0 to the number
   *   of entries, an index that is no feature; or for columns of another size, or of a name that the rows have.
   */
  constructor(rows: SparseRows, columns: Readonly<Record<N, Column>> = {} as Record<N, Column>) {
    checkRows(rows);
    this.rows = Object.freeze({ ...rows });
    this.size = rows.offsets.length - 1;
    for (const name of Object.keys(columns) as N[]) {
      if (NAMES.includes(name)) {
        const [argument, accepted] = [
          "SparseDataset: 'columns'",
          "other names than indices, offsets and values",
        ];
        throw new ArgumentError({ argument, got: describe(name), accepted });
      }
      const size = examplesOf(name, columns[name]);
      if (size !== this.size) {
        const accepted = `${this.size} examples, as there are rows`;
        throw new ShapeError({
          argument: `SparseDataset: column '${name}'`,
          got: `${size} examples`,
          accepted,
        });
      }
    }
    this.columns = Object.freeze({ ...columns });
  }

  /** Names of the columns beside the rows. */
  get names(): N[] {
    return Object.keys(this.columns) as N[];
  }

  /**
   * The first `count` examples, or all if there are fewer; shares memory.
   * @throws ArgumentError for a count that is no integer of 0 or more.
   */
  take(count: number): SparseDataset<N> {
    const size = Math.min(checkInteger("SparseDataset.take: 'count'", count, 0), this.size);
    const { offsets, indices, values, features } = this.rows;
    const columns = mapColumns(this.columns, ({ data, shape }) => data.subarray(0, size * lengthOf(shape)));
    const entries = offsets[size] as number;
    const rows = {
      offsets: offsets.subarray(0, size + 1),
      indices: indices.subarray(0, entries),
      values: values.subarray(0, entries),
      features,
    };
    return new SparseDataset(rows, columns);
  }

  /**
   * The batches of one epoch, in the order that `Dataset.batches` has.
   * @throws ArgumentError for an option out of range, or one that does not exist.
   */
  batches({ padTo, alike = 1, ...options }: SparseBatchOptions): Batches<N | SparseName> {
    if (padTo !== undefined) checkInteger("SparseDataset.batches: 'padTo'", padTo, 1, 2 ** 30);
    checkInteger("SparseDataset.batches: 'alike'", alike, 1);
    const plan = planBatches("SparseDataset.batches", this.size, options);
    const batch = (index: number) => {
      const examples = plan.indices(index);
      const first = index - (index % alike);
      const group = Array.from({ length: Math.min(alike, plan.count - first) }, (_, i) => first + i);
      const most = Math.max(
        ...group.map((other) => entriesOf(this.rows, other === index ? examples : plan.indices(other))),
      );
      const { rows, columns } = this.#gather(examples, paddedLength(most, padTo));
      const dense = this.names.map((name) => [name, columns[name].data] as const);
      const { indices, offsets, values } = rows;
      const all = { ...Object.fromEntries(dense), indices, offsets: offsets.subarray(0, -1), values };
      return { size: examples.length, columns: all as Record<N, Column["data"]> & typeof all };
    };
    return {
      count: plan.count,
      *[Symbol.iterator]() {
        for (let index = plan.start; index < plan.count; index++) yield batch(index);
      },
    };
  }

  /**
   * Two datasets, [train, validation], each in the order of this one: round(size * validation) examples are held out.
   * @throws ArgumentError for a share that leaves a part empty, an unknown column, or one that holds no class numbers
   */
  split(options: SplitOptions<N>): [SparseDataset<N>, SparseDataset<N>] {
    const { train, validation } = splitExamples("SparseDataset.split", this.size, this.columns, options);
    const part = (examples: Uint32Array): SparseDataset<N> => {
      const { rows, columns } = this.#gather(examples, 0);
      return new SparseDataset(rows, columns);
    };
    return [part(train), part(validation)];
  }

  #gather(examples: Uint32Array, padded: number): { rows: SparseRows; columns: Record<N, Column> } {
    return {
      rows: gatherRows(this.rows, examples, padded),
      columns: gatherColumns(this.columns, examples),
    };
  }
}

/** How many entries rows have together. */
function entriesOf({ offsets }: SparseRows, examples: Uint32Array): number {
  return examples.reduce(
    (sum, example) => sum + (offsets[example + 1] as number) - (offsets[example] as number),
    0,
  );
}

/** The least length that entries may be filled up to. */
const LEAST = 256;

/** A multiple of `padTo`; without it a power of 2, or one and a half of one, that leaves no more than a third unused. */
function paddedLength(entries: number, padTo: number | undefined): number {
  if (entries === 0) return 0;
  if (padTo !== undefined) return Math.ceil(entries / padTo) * padTo;
  const power = 2 ** Math.ceil(Math.log2(Math.max(LEAST, entries)));
  return power > LEAST && entries <= 0.75 * power ? 0.75 * power : power;
}

/** Rows, with their entries filled up to `padded`, if they are fewer but some. */
function gatherRows(
  { offsets, indices, values, features }: SparseRows,
  examples: Uint32Array,
  padded: number,
): SparseRows {
  const starts = new Int32Array(examples.length + 1);
  examples.forEach((example, i) => {
    const length = (offsets[example + 1] as number) - (offsets[example] as number);
    starts[i + 1] = (starts[i] as number) + length;
  });
  const entries = starts[examples.length] as number;
  const length = entries === 0 ? 0 : Math.max(entries, padded);
  const [pickedIndices, pickedValues] = [new Int32Array(length), new Float32Array(length)];
  examples.forEach((example, i) => {
    const [from, to] = [offsets[example], offsets[example + 1]];
    pickedIndices.set(indices.subarray(from, to), starts[i]);
    pickedValues.set(values.subarray(from, to), starts[i]);
  });
  if (entries > 0) pickedIndices.fill(pickedIndices[entries - 1] as number, entries);
  return { offsets: starts, indices: pickedIndices, values: pickedValues, features };
}

function checkRows(rows: SparseRows): void {
  checkKeys("SparseDataset", rows, ["offsets", "indices", "values", "features"]);
  const { offsets, indices, values, features } = rows;
  const types = [
    ["offsets", offsets, Int32Array],
    ["indices", indices, Int32Array],
    ["values", values, Float32Array],
  ] as const;
  for (const [name, data, type] of types) {
    if (data instanceof type) continue;
    const accepted = `a ${type.name}`;
    throw new DTypeError({ argument: `SparseDataset: '${name}'`, got: describe(data), accepted });
  }
  checkInteger("SparseDataset: 'features'", features, 1, 2 ** 31 - 1);
  if (values.length !== indices.length) {
    const accepted = `${indices.length}, one per index`;
    throw new ShapeError({ argument: "SparseDataset: 'values'", got: `${values.length} values`, accepted });
  }
  const descent = offsets.findIndex((offset, i) => offset < (i === 0 ? 0 : (offsets[i - 1] as number)));
  if (offsets[0] !== 0 || descent >= 0 || offsets.at(-1) !== indices.length) {
    const got = descent >= 0 ? `offset ${descent}, which descends` : `${offsets[0]} to ${offsets.at(-1)}`;
    const accepted = `offsets that ascend from 0 to ${indices.length}, the number of indices`;
    throw new ArgumentError({ argument: "SparseDataset: 'offsets'", got, accepted });
  }
  const outside = indices.findIndex((index) => index < 0 || index >= features);
  if (outside >= 0) {
    const accepted = `from 0 to ${features - 1}`;
    throw new ArgumentError({
      argument: `SparseDataset: index ${outside}`,
      got: `${indices[outside]}`,
      accepted,
    });
  }
}
