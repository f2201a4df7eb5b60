// Numbers of any kind as the values of a column, none of them changed beyond rounding to f32.

import { DataError, describe } from "../errors.js";
import type { ColumnData } from "./column.js";

/** Element types of columns. */
export const COLUMN_TYPES = ["f32", "i32", "u8"] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];

/** The typed array of each type. */
export const COLUMN_ARRAYS = { f32: Float32Array, i32: Int32Array, u8: Uint8Array } as const;

/** The element type of a column's values. */
export function columnType(data: ColumnData): ColumnType {
  return data instanceof Float32Array ? "f32" : data instanceof Int32Array ? "i32" : "u8";
}

const RULES: Readonly<Record<ColumnType, { holds: (value: number) => boolean; accepted: string }>> = {
  f32: {
    holds: (value) => Number.isFinite(Math.fround(value)),
    accepted: "a finite number within the range of f32",
  },
  i32: { holds: (value) => (value | 0) === value, accepted: "an integer from -2^31 to 2^31 - 1" },
  u8: { holds: (value) => (value & 255) === value, accepted: "an integer from 0 to 255, or a boolean" },
};

/**
 * One number, checked against the type of its column. Booleans are 0 and 1 in a column of u8.
 * @throws DataError naming the place, for anything else.
 */
export function numberOf(type: ColumnType, value: unknown, place: () => string): number {
  const { holds, accepted } = RULES[type];
  const number =
    typeof value === "bigint" ? Number(value) : type === "u8" && typeof value === "boolean" ? +value : value;
  if (typeof number === "number" && holds(number)) return number;
  throw new DataError({ argument: place(), got: describe(value), accepted });
}

/**
 * Many numbers as the values of a column; an array that is of that type already is returned itself.
 * @param place Names the value of an index, for messages.
 * @throws DataError for a value that the type cannot hold, and for one that is no number.
 */
export function numbersOf(
  type: ColumnType,
  values: ArrayLike<unknown>,
  place: (index: number) => string,
): ColumnData {
  const own = values instanceof COLUMN_ARRAYS[type];
  if (own && type !== "f32") return values as ColumnData;
  const data = own ? (values as ColumnData) : new COLUMN_ARRAYS[type](values.length);
  putNumbers(data, 0, type, values, place);
  return data;
}

/** Writes numbers into a column, from index `at` on. @throws DataError as `numbersOf` */
export function putNumbers(
  data: ColumnData,
  at: number,
  type: ColumnType,
  values: ArrayLike<unknown>,
  place: (index: number) => string,
): void {
  const { holds } = RULES[type];
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    data[at + i] = typeof value === "number" && holds(value) ? value : numberOf(type, value, () => place(i));
  }
}
