// Softmax, log-softmax, and the fused cross-entropy of logits, over the last axis.

import { checkBoolean, checkKeys, given } from "../check.js";
import { sameShape } from "../device/dtype.js";
import { DTypeError, ShapeError } from "../errors.js";
import { liftF32, rowsOf } from "./arguments.js";
import { output, recording, type Value } from "./recorder.js";
import type { Tensor } from "./tensor.js";

/** Options of `softmax`. */
export interface SoftmaxOptions {
  /** x is [..., t, t], and position i sees the first i + 1 columns only; the others get 0. Default false. */
  readonly causal?: boolean;
}

function normalized(operation: string, value: Value, log: boolean, causal = false): Tensor {
  const x = liftF32(operation, "x", value);
  const { rows, cols } = rowsOf(operation, x);
  if (causal && x.shape[x.rank - 2] !== cols) {
    throw new ShapeError({
      argument: `${operation}: 'x'`,
      got: `${x}`,
      accepted: "[..., t, t] with 'causal'",
    });
  }
  const y = output(x.shape);
  const recorder = recording(operation);
  recorder.emit("softmax", { log, causal, rows, cols, x, y });
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
}

/** exp(x) / sum(exp(x)) along the last axis, without overflow. */
export function softmax(x: Value, options: SoftmaxOptions = {}): Tensor {
  checkKeys("softmax", options, ["causal"]);
  return normalized("softmax", x, false, checkBoolean("softmax: 'causal'", given(options.causal, false)));
}

/** log(softmax(x)) along the last axis, without loss of precision. */
export function logSoftmax(x: Value): Tensor {
  return normalized("logSoftmax", x, true);
}

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
