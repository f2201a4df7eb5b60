// Embedding lookup; the gradient of the table is dense.

import { DTypeError, ShapeError } from "../errors.js";
import { liftF32 } from "./arguments.js";
import { output, recording, type Value } from "./recorder.js";
import { Tensor } from "./tensor.js";

/**
 * Rows of `table` (f32 [vocabulary, dim]) by index (i32 [...]): f32 [..., dim]. An index out of range rejects the run
 * with a DeviceError. Gradients of repeated indices add up in the order of the indices, on every device.
 */
export function embedding(rowsOf: Value, which: Value): Tensor {
  const recorder = recording("embedding");
  const table = liftF32("embedding", "table", rowsOf);
  const indices = recorder.lift("embedding: 'indices'", which);
  const [vocabulary, dim] = table.shape;
  if (indices.dtype !== "i32") {
    throw new DTypeError({ argument: "embedding: 'indices'", got: `${indices}`, accepted: "i32" });
  }
  if (table.rank !== 2 || vocabulary === undefined || dim === undefined) {
    throw new ShapeError({ argument: "embedding: 'table'", got: `${table}`, accepted: "[vocabulary, dim]" });
  }
  const rows = indices.length;
  const y = output([...indices.shape, dim]);
  recorder.emit("embedding", { rows, vocabulary, dim, table, indices, y });
  recorder.derive([y], [table], ([gy]) => [
    [
      table,
      () => {
        const zeros = recorder.full(table.shape, 0);
        const gtable = new Tensor("f32", table.shape, zeros.memory);
        recorder.emit("embeddingGrad", { rows, vocabulary, dim, indices, gy, gtable });
        return gtable;
      },
    ],
  ]);
  return y;
}
