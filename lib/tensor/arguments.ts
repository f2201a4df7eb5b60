// Arguments of operations as tensors: lifted into the recording, of the type and shape that the operation takes.

import { DTypeError, ShapeError } from "../errors.js";
import { recording } from "./recorder.js";
import type { Tensor } from "./tensor.js";

/** The tensor of an f32 argument; `accepted` says so in words, with a hint where there is one. */
export function liftF32(operation: string, name: string, value: unknown, accepted = "f32"): Tensor {
  const argument = `${operation}: '${name}'`;
  const tensor = recording(operation).lift(argument, value);
  if (tensor.dtype !== "f32") throw new DTypeError({ argument, got: `${tensor}`, accepted });
  return tensor;
}

/** Rows along the last axis, which must not be empty. */
export function rowsOf(operation: string, x: Tensor): { rows: number; cols: number } {
  const cols = x.shape[x.rank - 1];
  if (cols === undefined || cols === 0) {
    throw new ShapeError({
      argument: `${operation}: 'x'`,
      got: `${x}`,
      accepted: "at least one element along the last axis",
    });
  }
  return { rows: x.length / cols, cols };
}
