// A small dataset for tests of metrics, and figures of outputs that are given.

import {
  Dataset,
  type Device,
  Linear,
  type Metric,
  Sequential,
  SGD,
  sum,
  type Tensor,
  Trainer,
  type Value,
} from "../../lib/index.js";
import { random } from "../support/numbers.js";

export const SIZE = 101;

export const labelsOf = (classes: number, seed = 3): Int32Array => {
  const next = random(seed);
  return Int32Array.from({ length: SIZE }, () => Math.floor(next() * classes));
};

/** Gives what it gets. */
class Through extends Sequential {
  override forward(x: Value): Tensor {
    return x as Tensor;
  }
}

/** A figure of outputs that are given, in batches of two. */
export async function figureOf<T>(
  device: Device,
  metric: Metric<T>,
  width: number,
  scores: readonly number[],
  targets: Int32Array | Float32Array,
): Promise<T> {
  using model = new Through(new Linear(1, 1)).to(device);
  using optimizer = new SGD(model.parameters());
  const metrics = { figure: metric };
  await using trainer = new Trainer({ device, model, optimizer, loss: (output) => sum(output), metrics });
  const data = new Dataset({
    x: { data: Float32Array.from(scores), shape: [width] },
    y: { data: targets, shape: [] },
  });
  return (await trainer.evaluate(data, { batchSize: 2 })).metrics.figure as T;
}
