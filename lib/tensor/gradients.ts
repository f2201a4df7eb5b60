// Reverse mode: the gradient of a scalar, recorded as further operations on the same list.

import { DTypeError, ShapeError } from "../errors.js";
import { add } from "./elementwise.js";
import { recording, type Value } from "./recorder.js";
import type { Tensor } from "./tensor.js";

/**
 * Gradients of `loss` (f32, shape `[]`) with respect to each of `targets`; zeros for one that the loss does not depend on.
 * Recorded inside `device.program(...)`.
 */
export function gradients(loss: Tensor, targets: readonly Value[]): Tensor[] {
  const recorder = recording("gradients");
  if (loss.dtype !== "f32")
    throw new DTypeError({ argument: "gradients: 'loss'", got: loss.dtype, accepted: "f32" });
  if (loss.rank !== 0) {
    throw new ShapeError({ argument: "gradients: 'loss'", got: `${loss}`, accepted: "a scalar, shape []" });
  }
  const wanted = targets.map((target) => recorder.lift("gradients: 'targets'", target));
  const derived = recorder.derived.slice(); // what the gradients record is not differentiated

  const relevant = new Set<Tensor>(wanted);
  for (const { results, args } of derived) {
    if (args.some((arg) => relevant.has(arg))) for (const result of results) relevant.add(result);
  }

  const sums = new Map<Tensor, Tensor>([[loss, recorder.full([], 1)]]);
  const accumulate = (target: Tensor, gradient: Tensor): void => {
    const sum = sums.get(target);
    sums.set(target, sum ? add(sum, gradient) : gradient);
  };
  for (const { results, args, gradient } of derived.reverse()) {
    if (!results.some((result) => sums.has(result)) || !args.some((arg) => relevant.has(arg))) continue;
    const incoming = results.map((result) => sums.get(result) ?? recorder.full(result.shape, 0));
    for (const [arg, record] of gradient(incoming)) {
      if (relevant.has(arg)) accumulate(arg, record());
    }
  }
  return wanted.map((target) => sums.get(target) ?? recorder.full(target.shape, 0));
}
