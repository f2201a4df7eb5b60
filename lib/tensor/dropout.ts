// Dropout.

import { checkNumber } from "../check.js";
import { liftF32 } from "./arguments.js";
import { type Node, output, recording, type Value } from "./recorder.js";
import type { Tensor } from "./tensor.js";

/**
 * Zeroes each element with probability p and scales the others by 1 / (1 - p) (Srivastava et al. 2014), in programs that
 * train; elsewhere it is the identity. A program trains if it minimises something, unless `training` says otherwise.
 */
export function dropout(value: Value, p: number): Tensor {
  checkNumber("dropout: 'p'", p, "0 <= p < 1", (v) => v >= 0 && v < 1);
  const recorder = recording("dropout");
  const x = liftF32("dropout", "x", value);
  const stream = recorder.stream++;
  const apply = (input: Tensor): Tensor => {
    const y = output(input.shape);
    recorder.emit("dropout", {
      n: x.length,
      seed: recorder.seed,
      stream,
      p,
      step: recorder.stepCounter(),
      x: input,
      y,
    });
    return y;
  };
  const y = apply(x);
  recorder.derive([y], [x], ([g]) => [[x, () => apply(g as Tensor)]]);
  return y;
}

/** Makes the dropout of a list the identity. */
export function disableDropout(nodes: readonly Node[]): void {
  for (const node of nodes) if (node.op.name === "dropout") node.fields.p = 0;
}
