// The output of a model for many examples, batch by batch.

import type { Column } from "../data/column.js";
import { countOf, dtypeOf, type Shape } from "../device/dtype.js";
import { describe, ShapeError } from "../errors.js";
import { specOf } from "./feed.js";
import { inOrder, type Started } from "./pipeline.js";
import type { Recordings } from "./recordings.js";

/** What `predict` gives: the model's output for each example, one after the other. */
export interface Prediction {
  readonly data: Float32Array;
  /** Of ONE example's output, as in a Column. */
  readonly shape: Shape;
}

/** Runs all examples of `x` through the model, `batchSize` at a time. `track` sees all work that is started. */
export async function predictRows(
  recordings: Recordings,
  x: Column,
  batchSize: number,
  track: (work: Promise<unknown>) => void,
): Promise<Prediction> {
  const examples = checkColumn(x);
  const width = countOf(x.shape);
  let outputShape: Shape = [];
  function* start(): Generator<Started<Float32Array>> {
    for (let from = 0; from < examples; from += batchSize) {
      const size = Math.min(batchSize, examples - from);
      const { program, shape } = recordings.prediction(specOf(x, size));
      outputShape = shape.slice(1);
      const result = program.run({ x: x.data.subarray(from * width, (from + size) * width) });
      track(result);
      yield { result: result.then(({ y }) => y as Float32Array), barrier: false };
    }
  }
  const parts: Float32Array[] = [];
  for await (const part of inOrder(start())) parts.push(part);
  const data = new Float32Array(examples * countOf(outputShape));
  let at = 0;
  for (const part of parts) {
    data.set(part, at);
    at += part.length;
  }
  return { data, shape: outputShape };
}

function checkColumn(x: Column): number {
  const length = Array.isArray(x?.shape) ? countOf(x.shape) : 0;
  if (!(length > 0) || dtypeOf(x.data) === undefined || x.data.length % length !== 0 || x.data.length === 0) {
    throw new ShapeError({
      argument: "trainer.predict: 'x'",
      got: describe(x),
      accepted:
        "{ data, shape } with the shape of one example, and as many elements as one or more examples have",
    });
  }
  return x.data.length / length;
}
