// Element types and shapes.

import { ArgumentError, describe, ShapeError } from "../errors.js";

/**
 * Element types of buffers. Tensors take f32, i32 and u8; f64 holds step scalars; bf16, the upper half of an f32, is for
 * parameters and gradients that direct commands and `optimizer.step()` work on.
 */
export type DType = "f32" | "i32" | "u8" | "f64" | "bf16";

/** The typed array of each element type; of bf16 the bit patterns (`toBF16` and `fromBF16` convert). */
export interface ArrayOf {
  f32: Float32Array;
  i32: Int32Array;
  u8: Uint8Array;
  f64: Float64Array;
  bf16: Uint16Array;
}

export type Shape = readonly number[];

const ARRAYS = {
  f32: Float32Array,
  i32: Int32Array,
  u8: Uint8Array,
  f64: Float64Array,
  bf16: Uint16Array,
} as const;

/** Bytes of an element. */
export function sizeOf(dtype: DType): number {
  return ARRAYS[dtype].BYTES_PER_ELEMENT;
}

/** A view of bytes as elements of a type. */
export function viewAs<D extends DType>(
  dtype: D,
  bytes: ArrayBuffer,
  offset = 0,
  length?: number,
): ArrayOf[D] {
  const View = ARRAYS[dtype] as unknown as new (b: ArrayBuffer, o: number, n?: number) => ArrayOf[D];
  return new View(bytes, offset, length);
}

/** The element type of a typed array, or undefined if it has none of ours. */
export function dtypeOf(data: unknown): DType | undefined {
  return (Object.keys(ARRAYS) as DType[]).find((dtype) => data instanceof ARRAYS[dtype]);
}

/** The known element type of that name; throws otherwise. */
export function checkDType(argument: string, value: unknown): DType {
  if (typeof value !== "string" || !Object.hasOwn(ARRAYS, value)) {
    throw new ArgumentError({ argument, got: describe(value), accepted: Object.keys(ARRAYS).join(", ") });
  }
  return value as DType;
}

/** Elements of a shape. */
export function countOf(shape: Shape): number {
  return shape.reduce((product, d) => product * d, 1);
}

export const MAX_RANK = 6;

/** A copy of a valid shape: at most 6 dimensions, whole numbers, fewer than 2^53 elements. */
export function checkShape(argument: string, shape: unknown): Shape {
  const accepted = `up to ${MAX_RANK} whole numbers, 0 or more, with a product below 2^53`;
  const dims = Array.isArray(shape) ? Array.from(shape as unknown[]) : []; // a hole becomes undefined, and is refused
  const valid =
    Array.isArray(shape) &&
    dims.length <= MAX_RANK &&
    dims.every((d) => Number.isSafeInteger(d) && (d as number) >= 0) &&
    Number.isSafeInteger(countOf(dims as number[]));
  if (!valid) throw new ShapeError({ argument, got: describe(shape), accepted });
  return Object.freeze([...(shape as number[])]);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

/** `[2, 3]` */
export function shapeText(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}
