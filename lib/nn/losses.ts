// Losses: the mean over all examples, as a scalar to minimise.

import { sameShape } from "../device/dtype.js";
import { ShapeError } from "../errors.js";
import { bceLogits, squaredError } from "../tensor/elementwise.js";
import { recording, type Value } from "../tensor/recorder.js";
import { mean } from "../tensor/reduce.js";
import { crossEntropyRows } from "../tensor/softmax.js";
import type { Scalar, Tensor } from "../tensor/tensor.js";

/** A loss of predictions and targets. */
export type Loss = (predictions: Value, targets: Value) => Scalar;

/** Both as tensors of one shape: a loss that broadcast silently would train the wrong thing. */
function pair(loss: string, predictions: Value, targets: Value): [Tensor, Tensor] {
  const recorder = recording(loss);
  const [p, t] = [
    recorder.lift(`${loss}: 'predictions'`, predictions),
    recorder.lift(`${loss}: 'targets'`, targets),
  ];
  if (!sameShape(p.shape, t.shape)) {
    throw new ShapeError({
      argument: `${loss}: 'targets'`,
      got: `${t}`,
      accepted: `the shape of the predictions, ${p}`,
    });
  }
  return [p, t];
}

/** Mean softmax cross-entropy of logits f32 [..., classes] for labels i32 [...]. */
export const crossEntropy: Loss = (logits, labels) => mean(crossEntropyRows(logits, labels));

/** Mean of (prediction - target)^2; equal shapes. */
export const meanSquaredError: Loss = (predictions, targets) =>
  mean(squaredError(...pair("meanSquaredError", predictions, targets)));

/** Mean binary cross-entropy of logits for targets in [0, 1]; equal shapes. */
export const binaryCrossEntropy: Loss = (logits, targets) =>
  mean(bceLogits(...pair("binaryCrossEntropy", logits, targets)));
