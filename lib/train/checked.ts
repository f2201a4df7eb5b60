// What model and loss give, if it is what a trainer needs.

import type { Shape } from "../device/dtype.js";
import { describe, ShapeError } from "../errors.js";
import type { Loss } from "../nn/losses.js";
import { asScalar, type Scalar, Tensor } from "../tensor/tensor.js";

/** The loss of a batch, if it is one number: a mean over the examples. */
export function checkedLoss(loss: Loss, output: Tensor, target: Tensor): Scalar {
  const value: unknown = loss(output, target);
  if (!(value instanceof Tensor) || value.rank !== 0) {
    const got = value instanceof Tensor ? `a loss that gives ${value}` : describe(value);
    throw new ShapeError({
      argument: "Trainer: 'loss'",
      got,
      accepted: "a function that gives a scalar, shape []",
    });
  }
  return asScalar(value);
}

/** The shape of the output of one example, if there is one for each. */
export function rowsOf(argument: string, output: Tensor, { shape: [examples] }: Tensor): Shape {
  if (output.dtype === "f32" && output.rank > 0 && output.shape[0] === examples) return output.shape.slice(1);
  throw new ShapeError({
    argument,
    got: `${output} for ${examples} examples`,
    accepted: "f32 with a row for each example",
  });
}
