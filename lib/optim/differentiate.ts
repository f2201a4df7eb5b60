// The gradients of a loss, into the memory that parameters have for them.

import type { DeviceBuffer } from "../device/buffer.js";
import { add } from "../tensor/elementwise.js";
import { rowGradients } from "../tensor/gradients.js";
import type { Parameter } from "../tensor/parameter.js";
import type { Recorder } from "../tensor/recorder.js";
import type { RowContribution } from "../tensor/rows.js";
import type { Tensor } from "../tensor/tensor.js";

/** What to differentiate by, and whether dense gradients come on top of those that are in memory. */
export interface Differentiation {
  readonly parameters: readonly Parameter[];
  readonly tables: readonly Parameter[];
  readonly adding: boolean;
}

/** Records the gradients of `loss`: of dense parameters into their `grad`; of tables what each lookup adds is returned. */
export function differentiate(
  recorder: Recorder,
  loss: Tensor,
  { parameters, tables, adding }: Differentiation,
): (readonly RowContribution[])[] {
  const { dense, sparse } = rowGradients(loss, parameters, tables);
  for (const [i, gradient] of dense.entries()) {
    const grad = parameters[i]?.grad as DeviceBuffer;
    if (!adding) {
      recorder.leaveIn(gradient, grad);
      continue;
    }
    const sum = add(recorder.lift("accumulate: a gradient", grad), gradient);
    recorder.emit("copy", { bytes: grad.byteLength, x: sum, y: grad });
  }
  return sparse;
}
