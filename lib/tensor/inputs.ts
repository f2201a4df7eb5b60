// The inputs of a program: their types and shapes, and the batches that fit them.

import { checkKeys } from "../check.js";
import {
  type ArrayOf,
  checkDType,
  checkShape,
  countOf,
  type DType,
  dtypeOf,
  type Shape,
  shapeText,
} from "../device/dtype.js";
import { ArgumentError, DTypeError, describe, ShapeError } from "../errors.js";
import type { TypedArray } from "../native/native.js";
import type { Tensor } from "./tensor.js";

/** The type and shape of an input. */
export interface InputSpec<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: Shape;
}

function spec<D extends DType>(dtype: D, shape: Shape): InputSpec<D> {
  return { dtype, shape: checkShape(`${dtype}: 'shape'`, shape) };
}

/** An f32 input of the shape: `f32(128, 784)`. */
export const f32 = (...shape: number[]): InputSpec<"f32"> => spec("f32", shape);
/** An i32 input of the shape. */
export const i32 = (...shape: number[]): InputSpec<"i32"> => spec("i32", shape);
/** A u8 input of the shape. */
export const u8 = (...shape: number[]): InputSpec<"u8"> => spec("u8", shape);

export type Inputs = Readonly<Record<string, InputSpec>>;
export type TensorsOf<I extends Inputs> = { readonly [K in keyof I]: Tensor };
/** What a run takes: a typed array per input. */
export type BatchOf<I extends Inputs> = { readonly [K in keyof I]: ArrayOf[I[K]["dtype"]] };
/** The inputs, if each has a type and a shape. */
export function checkInputs<I extends Inputs>(inputs: I): I {
  if (typeof inputs !== "object" || inputs === null) {
    throw new ArgumentError({
      argument: "device.program: 'inputs'",
      got: describe(inputs),
      accepted: "an object of f32(...), i32(...), u8(...)",
    });
  }
  for (const [name, input] of Object.entries(inputs)) {
    const dtype = checkDType(`device.program: input '${name}'`, input?.dtype);
    if (dtype === "bf16")
      throw new DTypeError({
        argument: `device.program: input '${name}'`,
        got: dtype,
        accepted: "f32, i32 or u8",
      });
    checkShape(`device.program: input '${name}'`, input.shape);
  }
  return inputs;
}

/** The arrays of a batch in the order of the inputs, if it fits them exactly. */
export function checkBatch(inputs: Inputs, batch: unknown): TypedArray[] {
  checkKeys("program.run", batch as object, Object.keys(inputs));
  return Object.entries(inputs).map(([name, { dtype, shape }]) => {
    const data = (batch as Record<string, unknown>)[name];
    if (dtypeOf(data) !== dtype) {
      throw new DTypeError({
        argument: `program.run: '${name}'`,
        got: describe(data),
        accepted: `a typed array of ${dtype}`,
      });
    }
    const array = data as TypedArray;
    if (array.length !== countOf(shape)) {
      throw new ShapeError({
        argument: `program.run: '${name}'`,
        got: `${array.length} elements`,
        accepted: `${countOf(shape)} elements, shape ${shapeText(shape)}`,
      });
    }
    return array;
  });
}
