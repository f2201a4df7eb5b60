// How the columns of a dataset become the input and the target of a model.

import { checkKeys, checkNumber } from "../check.js";
import type { Column, ColumnData } from "../data/column.js";
import type { Dataset } from "../data/dataset.js";
import { type DType, dtypeOf } from "../device/dtype.js";
import { ArgumentError, DTypeError } from "../errors.js";
import { affine } from "../tensor/elementwise.js";
import type { InputSpec } from "../tensor/inputs.js";
import { cast } from "../tensor/shape.js";
import type { Tensor } from "../tensor/tensor.js";

/** Which columns of a dataset are the model's input and its target. */
export interface InputColumns {
  /** Default `"x"`. f32; u8 is cast to f32 on the device; i32 goes to the model as it is (for an Embedding). */
  readonly x?: string;
  /** Default `"y"`. i32 or u8 for labels, f32 for numbers. */
  readonly y?: string;
}

/** The inputs of a program that trains or evaluates. */
export type Inputs = { readonly x: InputSpec; readonly y: InputSpec };

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

  /** What a program for batches of `size` examples of this dataset takes. */
  inputs(owner: string, dataset: Dataset, size: number): Inputs {
    return {
      x: specOf(this.#column(owner, dataset, this.#x), size),
      y: specOf(this.#column(owner, dataset, this.#y), size),
    };
  }

  /** The arrays of a batch, by the names of the program's inputs. */
  arrays(columns: Readonly<Record<string, ColumnData>>): { x: ColumnData; y: ColumnData } {
    return { x: columns[this.#x] as ColumnData, y: columns[this.#y] as ColumnData };
  }

  /** Records how an input becomes what the model takes. */
  modelInput(x: Tensor): Tensor {
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

  #column(owner: string, dataset: Dataset, name: string): Column {
    const column = dataset.columns[name];
    if (!column) {
      const known = Object.keys(dataset.columns).join(", ");
      throw new ArgumentError({
        argument: `${owner}: column`,
        got: `"${name}"`,
        accepted: `one that the dataset has: ${known}`,
      });
    }
    return column;
  }
}

/** The input of `size` examples of a column. */
export function specOf({ data, shape }: Column, size: number): InputSpec {
  return { dtype: dtypeOf(data) as DType, shape: [size, ...shape] };
}
