// Softmax, log-softmax, and the fused cross-entropy of logits, over the last axis.

import { sameShape } from "../device/dtype.js";
import { DTypeError, ShapeError } from "../errors.js";
import { liftF32, rowsOf } from "./arguments.js";
import { output, recording, type Value } from "./recorder.js";
import type { Tensor } from "./tensor.js";

function normalized(operation: string, log: boolean): (x: Value) => Tensor {
  return (value) => {
    const x = liftF32(operation, "x", value);
    const { rows, cols } = rowsOf(operation, x);
    const y = output(x.shape);
    const recorder = recording(operation);
    recorder.emit("softmax", { log, rows, cols, x, y });
    recorder.derive([y], [x], ([gy]) => [
      [
        x,
        () => {
          const gx = output(x.shape);
          recorder.emit("softmaxGrad", { log, rows, cols, y, gy, gx });
          return gx;
        },
      ],
    ]);
    return y;
  };
}

/** exp(x) / sum(exp(x)) along the last axis, without overflow. */
export const softmax = normalized("softmax", false);
/** log(softmax(x)) along the last axis, without loss of precision. */
export const logSoftmax = normalized("logSoftmax", true);

/**
 * Cross-entropy of each row: log(sum(exp(logits))) - logits[label]. logits f32 [..., classes], labels i32 [...] in
 * [0, classes); gives f32 [...]. A label out of range rejects the run with a DeviceError.
 */
export function crossEntropyRows(values: Value, targets: Value): Tensor {
  const recorder = recording("crossEntropy");
  const logits = liftF32("crossEntropy", "x", values);
  const { rows, cols } = rowsOf("crossEntropy", logits);
  const labels = recorder.lift("crossEntropy: 'labels'", targets);
  if (labels.dtype !== "i32") {
    throw new DTypeError({ argument: "crossEntropy: 'labels'", got: `${labels}`, accepted: "i32" });
  }
  if (!sameShape(labels.shape, logits.shape.slice(0, -1))) {
    throw new ShapeError({
      argument: "crossEntropy: 'labels'",
      got: `${labels} for logits ${logits}`,
      accepted: "the shape of the logits without the last dimension",
    });
  }
  const loss = output(labels.shape);
  const lse = output(labels.shape);
  recorder.emit("crossEntropy", { rows, cols, logits, labels, loss, lse });
  recorder.derive([loss], [logits], ([gloss]) => [
    [
      logits,
      () => {
        const gx = output(logits.shape);
        recorder.emit("crossEntropyGrad", { rows, cols, logits, labels, lse, gloss, gx });
        return gx;
      },
    ],
  ]);
  return loss;
}
