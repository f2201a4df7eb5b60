// Embedding lookup. The gradient of the table is dense, or for `rowGradients` a list of rows.

import { output, recording, type Value } from "./recorder.js";
import { liftI32, liftTable, prepareLookup } from "./rows.js";
import { Tensor } from "./tensor.js";

/**
 * Rows of `table` (f32 [vocabulary, dim]) by index (i32 [...]): f32 [..., dim]. An index out of range rejects the run
 * with a DeviceError. Gradients of repeated indices add up in the order of the indices, on every device.
 */
export function embedding(rowsOf: Value, which: Value): Tensor {
  const recorder = recording("embedding");
  const { table, vocabulary, dim } = liftTable("embedding", rowsOf);
  const indices = liftI32("embedding", "indices", which);
  const rows = indices.length;
  const y = output([...indices.shape, dim]);
  prepareLookup(rowsOf, indices);
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
      () => ({ indices, values: gy as Tensor }),
    ],
  ]);
  return y;
}
