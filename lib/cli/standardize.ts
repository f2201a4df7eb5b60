// Columns of a table brought to mean 0 and deviation 1 for training, and the way back: the numbers are folded into the
// first and the last layer, so that the model that is saved takes and gives the numbers of the file itself.

import { type Column, type ColumnData, lengthOf } from "../data/column.js";
import { Dataset } from "../data/dataset.js";
import type { Module } from "../nn/module.js";

/** Mean and deviation of each value of an example; a value that never changes has the deviation 1. */
export interface Moments {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/** Moments of a column, in double. */
export function momentsOf({ data, shape }: Column): Moments {
  const width = lengthOf(shape);
  const count = data.length / width;
  const mean = new Float64Array(width);
  for (let i = 0; i < data.length; i++) mean[i % width] = at(mean, i % width) + at(data, i) / count;
  const variance = new Float64Array(width);
  for (let i = 0; i < data.length; i++) {
    variance[i % width] = at(variance, i % width) + (at(data, i) - at(mean, i % width)) ** 2 / count;
  }
  return { mean, deviation: variance.map((v) => (v > 0 ? Math.sqrt(v) : 1)) };
}

/** The column with (value - mean) / deviation. */
export function standardized({ data, shape }: Column, { mean, deviation }: Moments): Column {
  const width = mean.length;
  return {
    data: Float32Array.from(data, (v, i) => (v - at(mean, i % width)) / at(deviation, i % width)),
    shape,
  };
}

/** A dataset with some of its columns standardized. */
export function standardizedDataset<N extends string>(
  dataset: Dataset<N>,
  moments: Readonly<Partial<Record<N, Moments>>>,
): Dataset<N> {
  const columns = dataset.names.map((name) => {
    const own = moments[name];
    return [name, own ? standardized(dataset.columns[name], own) : dataset.columns[name]] as const;
  });
  return new Dataset(Object.fromEntries(columns) as Record<N, Column>);
}

/**
 * Changes a chain of affine layers that was trained on standardized numbers into one for the numbers themselves:
 * W ((x - mean) / deviation) + b = (W / deviation) x + (b - W (mean / deviation)) in the first, and for a standardized
 * target deviation (W h + b) + mean in the last.
 */
export async function unstandardize(model: Module, x: Moments, y: Moments | undefined): Promise<void> {
  const state = await model.state();
  const layers = Object.keys(state).flatMap((name) =>
    name.endsWith("weight") ? [name.slice(0, -"weight".length)] : [],
  );
  const partsOf = (layer: string | undefined) => {
    const [weight, bias] = [state[`${layer}weight`], state[`${layer}bias`]];
    if (!weight || !bias) throw new Error(`the model has no affine layer "${layer}"`);
    return { weight: weight.data, bias: bias.data, outputs: bias.data.length };
  };

  const first = partsOf(layers[0]);
  const inputs = x.mean.length;
  for (let o = 0; o < first.outputs; o++) {
    let shift = 0;
    for (let i = 0; i < inputs; i++) {
      const scaled = at(first.weight, o * inputs + i) / at(x.deviation, i);
      shift += scaled * at(x.mean, i);
      first.weight[o * inputs + i] = scaled;
    }
    first.bias[o] = at(first.bias, o) - shift;
  }
  if (y) {
    const last = partsOf(layers.at(-1));
    const width = last.weight.length / last.outputs;
    last.weight.forEach((w, i) => {
      last.weight[i] = w * at(y.deviation, Math.floor(i / width));
    });
    last.bias.forEach((b, o) => {
      last.bias[o] = b * at(y.deviation, o) + at(y.mean, o);
    });
  }
  model.load(state);
}

function at(values: ColumnData | Float64Array, index: number): number {
  return values[index] as number;
}
