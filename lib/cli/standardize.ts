// The way back from standardized columns: the numbers are folded into the first and the last layer, so that the model that
// is saved takes and gives the numbers of the file itself.

import type { ColumnData } from "../data/column.js";
import type { Scaling } from "../data/scaling.js";
import type { Module } from "../nn/module.js";

/**
 * Changes a chain of affine layers that was trained on scaled numbers into one for the numbers themselves:
 * W ((x - shift) / scale) + b = (W / scale) x + (b - W (shift / scale)) in the first, and for a scaled target
 * scale (W h + b) + shift in the last.
 */
export async function unstandardize(model: Module, x: Scaling, y: Scaling | undefined): Promise<void> {
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
  const inputs = x.shift.length;
  for (let o = 0; o < first.outputs; o++) {
    let shift = 0;
    for (let i = 0; i < inputs; i++) {
      const scaled = at(first.weight, o * inputs + i) / at(x.scale, i);
      shift += scaled * at(x.shift, i);
      first.weight[o * inputs + i] = scaled;
    }
    first.bias[o] = at(first.bias, o) - shift;
  }
  if (y) {
    const last = partsOf(layers.at(-1));
    const width = last.weight.length / last.outputs;
    last.weight.forEach((w, i) => {
      last.weight[i] = w * at(y.scale, Math.floor(i / width));
    });
    last.bias.forEach((b, o) => {
      last.bias[o] = b * at(y.scale, o) + at(y.shift, o);
    });
  }
  model.load(state);
}

function at(values: ColumnData | Float64Array, index: number): number {
  return values[index] as number;
}
