// How the columns of a dataset become the input and the target of a model.

import { checkKeys, checkNumber } from "../check.js";
import type { Batch } from "../data/batches.js";
import type { Column, ColumnData } from "../data/column.js";
import { SparseDataset, type SparseName } from "../data/sparse.js";
import { type DType, dtypeOf } from "../device/dtype.js";
import { ArgumentError, DTypeError } from "../errors.js";
import type { Bags } from "../tensor/bag.js";
import { affine } from "../tensor/elementwise.js";
import { f32, type InputSpec, i32 } from "../tensor/inputs.js";
import { cast } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";

/** Which columns of a dataset are the model's input and its target. */
export interface InputColumns {
  /**
   * Default `"x"`. f32; u8 is cast to f32 on the device; i32 goes to the model as it is (for an Embedding). Of a SparseDataset the
   * rows are the input, as bags for an EmbeddingBag.
   */
  readonly x?: string;
  /** Default `"y"`. i32 or u8 for labels, f32 for numbers. */
  readonly y?: string;
}

/** Whatever has columns; their data may be empty. */
type Columns = { readonly columns: Readonly<Record<string, Column>> };

/** What a program takes for the model's input: a column, or the rows of a SparseDataset. */
export type ModelInputs<T = InputSpec> =
  | { readonly x: T }
  | { readonly indices: T; readonly offsets: T; readonly values: T };

/** The inputs of a program that trains or evaluates. */
export type Inputs<T = InputSpec> = ModelInputs<T> & { readonly y: T };

/** A batch as programs take it. */
export interface Fed<I> {
  readonly inputs: I;
  readonly arrays: { readonly [K in keyof I]: ColumnData };
}

/** Feeds programs from datasets: the same way in training, evaluation and prediction. */
export class Feed {
  readonly #x: string;
  readonly #y: string;
  readonly #scale: number;

  constructor(columns: InputColumns = {}, scale = 1) {
    checkKeys("Trainer: 'inputs'", columns, ["x", "y"]);
    this.#x = columns.x ?? "x";
    this.#y = columns.y ?? "y";
    this.#scale = checkNumber("Trainer: 'inputScale'", scale, "a finite number, not 0", (v) => v !== 0);
  }

  /** What programs that train or evaluate take for a batch of this dataset. */
  batch(owner: string, dataset: Columns, batch: Batch): Fed<Inputs> {
    const { inputs, arrays } = inputOf(owner, dataset, batch, this.#x);
    const y = specOf(columnOf(owner, dataset, this.#y), batch.size);
    return { inputs: { ...inputs, y }, arrays: { ...arrays, y: batch.columns[this.#y] as ColumnData } };
  }

  /** Records how the inputs become what the model takes. */
  modelInput(tensors: ModelInputs<Tensor>): Tensor | Bags {
    if (!("x" in tensors)) {
      const { indices, offsets, values } = tensors;
      return { indices, offsets, weights: affine(values, this.#scale) };
    }
    const { x } = tensors;
    if (x.dtype === "i32") {
      if (this.#scale === 1) return x;
      throw new DTypeError({
        argument: "Trainer: 'inputScale'",
        got: `${this.#scale} for an input ${x}`,
        accepted: "f32 or u8 inputs",
      });
    }
    return affine(cast(x, "f32"), this.#scale);
  }

  /** Records how a target becomes what the loss takes: u8 holds labels. */
  target(y: Tensor): Tensor {
    return y.dtype === "u8" ? cast(y, "i32") : y;
  }
}

/** What programs take for the model's input of a batch, which is the column `x` or the rows of a SparseDataset. */
export function inputOf(
  owner: string,
  dataset: Columns,
  { size, columns }: Batch,
  x: string,
): Fed<ModelInputs> {
  if (!(dataset instanceof SparseDataset)) {
    const spec = specOf(columnOf(owner, dataset, x), size);
    return { inputs: { x: spec }, arrays: { x: columns[x] as ColumnData } };
  }
  const { indices, offsets, values } = columns as Readonly<Record<SparseName, ColumnData>>;
  const inputs = { indices: i32(indices.length), offsets: i32(size), values: f32(values.length) };
  return { inputs, arrays: { indices, offsets, values } };
}

function columnOf(owner: string, dataset: Columns, name: string): Column {
  const column = dataset.columns[name];
  if (column) return column;
  const known = Object.keys(dataset.columns).join(", ");
  throw new ArgumentError({
    argument: `${owner}: column`,
    got: `"${name}"`,
    accepted: `one that the dataset has: ${known}`,
  });
}

/** The input of `size` examples of a column. */
function specOf({ data, shape }: Column, size: number): InputSpec {
  return { dtype: dtypeOf(data) as DType, shape: [size, ...shape] };
}
