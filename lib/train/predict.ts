// The output of a model for many examples, batch by batch.

import type { Column } from "../data/column.js";
import { Dataset } from "../data/dataset.js";
import { SparseDataset } from "../data/sparse.js";
import { countOf, dtypeOf, type Shape } from "../device/dtype.js";
import { describe, ShapeError } from "../errors.js";
import { inputOf } from "./feed.js";
import { checkDataset, type MemoryDataset } from "./options.js";
import { inOrder, type Started } from "./pipeline.js";
import type { Recordings } from "./recordings.js";

/** What `predict` gives: the model's output for each example, one after the other. */
export interface Prediction {
  readonly data: Float32Array;
  /** Of ONE example's output, as in a Column. */
  readonly shape: Shape;
}

/** Runs all examples of `x`, a column or sparse rows, through the model, `batchSize` at a time. `track` sees all work that is started. */
export async function predictRows(
  recordings: Recordings,
  x: Column | SparseDataset<string>,
  batchSize: number,
  track: (work: Promise<unknown>) => void,
): Promise<Prediction> {
  const dataset = checkExamples(x);
  let outputShape: Shape = [];
  function* start(): Generator<Started<Float32Array>> {
    for (const batch of dataset.batches({ batchSize })) {
      const { inputs, arrays } = inputOf("trainer.predict", dataset, batch, "x");
      const { program, shape } = recordings.prediction(inputs);
      outputShape = shape;
      const result = program.run(arrays);
      track(result);
      yield { result: result.then(({ y }) => y as Float32Array), barrier: false };
    }
  }
  const parts: Float32Array[] = [];
  for await (const part of inOrder(start())) parts.push(part);
  const data = new Float32Array(dataset.size * countOf(outputShape));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return { data, shape: outputShape };
}

/** The examples as a dataset. */
function checkExamples(x: Column | SparseDataset<string>): MemoryDataset {
  if (x instanceof SparseDataset) {
    checkDataset("trainer.predict: 'x'", x);
    return x;
  }
  const length = Array.isArray(x?.shape) ? countOf(x.shape) : 0;
  if (!(length > 0) || dtypeOf(x.data) === undefined || x.data.length % length !== 0 || x.data.length === 0) {
    throw new ShapeError({
      argument: "trainer.predict: 'x'",
      got: describe(x),
      accepted:
        "a SparseDataset, or { data, shape } with the shape of one example, and as many elements as one or more examples have",
    });
  }
  return new Dataset({ x });
}
