// A column of a dataset: one typed array, and the shape of one example.

import { checkInteger } from "../check.js";
import { ArgumentError, DTypeError, describe, ShapeError } from "../errors.js";

/** The values of a column: f32, i32 or u8. */
export type ColumnData = Float32Array | Int32Array | Uint8Array;

/** One column: example i is `data[i * length ... (i + 1) * length)`, length being the product of `shape`. */
export interface Column {
  readonly data: ColumnData;
  /** The shape of ONE example, dimensions of 1 or more: `[64]`, or `[]` for a number each. */
  readonly shape: readonly number[];
}

/** Values per example. */
export const lengthOf = (shape: readonly number[]): number => shape.reduce((product, d) => product * d, 1);

/** Checks a column and counts its examples. */
export function examplesOf(name: string, column: Column): number {
  const argument = `Dataset: column '${name}'`;
  const { data, shape } = column ?? {};
  if (!(data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint8Array)) {
    const accepted = "{ data, shape } with a Float32Array, Int32Array or Uint8Array";
    throw new DTypeError({ argument, got: describe(data ?? column), accepted });
  }
  if (!Array.isArray(shape)) {
    throw new ArgumentError({ argument: `${argument}, shape`, got: describe(shape), accepted: "an array" });
  }
  for (const dimension of shape) checkInteger(`${argument}, shape`, dimension, 1);
  const length = lengthOf(shape);
  if (data.length % length !== 0) {
    throw new ShapeError({
      argument,
      got: `${data.length} values`,
      accepted: `a multiple of ${length}, for examples of shape [${shape.join(", ")}]`,
    });
  }
  return data.length / length;
}

/** The columns with other data, under their names and with their shapes. */
export function mapColumns<N extends string>(
  columns: Readonly<Record<N, Column>>,
  dataOf: (column: Column) => ColumnData,
): Record<N, Column> {
  const mapped = Object.entries<Column>(columns).map(([name, column]) => {
    return [name, { data: dataOf(column), shape: column.shape }] as const;
  });
  return Object.fromEntries(mapped) as Record<N, Column>;
}

/** Copies of examples of `length` values each, in the order of `indices`. */
function gather(data: ColumnData, length: number, indices: Uint32Array): ColumnData {
  const picked = emptyLike(data, indices.length * length);
  indices.forEach((index, i) => {
    if (length === 1) picked[i] = data[index] as number;
    else picked.set(data.subarray(index * length, (index + 1) * length), i * length);
  });
  return picked;
}

/** Copies of examples of all columns, in the order of `indices`. */
export function gatherColumns<N extends string>(
  columns: Readonly<Record<N, Column>>,
  indices: Uint32Array,
): Record<N, Column> {
  return mapColumns(columns, ({ data, shape }) => gather(data, lengthOf(shape), indices));
}

/** An array of the same type, filled with zeros. */
export function emptyLike(data: ColumnData, length: number): ColumnData {
  if (data instanceof Float32Array) return new Float32Array(length);
  return data instanceof Int32Array ? new Int32Array(length) : new Uint8Array(length);
}
