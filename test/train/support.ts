// A small task for tests of the trainer: which of two clouds a point belongs to.

import {
  Adam,
  crossEntropy,
  Dataset,
  type Device,
  Dropout,
  Linear,
  relu,
  Sequential,
  Trainer,
} from "../../lib/index.js";
import type { TrainerOptions } from "../../lib/train/options.js";
import { random } from "../support/numbers.js";

/** `size` points of 4 numbers around +-0.5 with labels 0 and 1. */
export function clouds(size: number, seed = 1): Dataset<"x" | "y"> {
  const next = random(seed);
  const labels = Int32Array.from({ length: size }, () => (next() < 0.5 ? 0 : 1));
  const x = new Float32Array(size * 4).map((_, i) => (labels[i >> 2] ? 0.5 : -0.5) + 2 * next() - 1);
  return new Dataset({ x: { data: x, shape: [4] }, y: { data: labels, shape: [] } });
}

/** A model with dropout, its optimizer and its trainer; everything is seeded. */
export function makeTrainer(device: Device, more: Partial<TrainerOptions> = {}) {
  const model = new Sequential(new Linear(4, 16), relu, new Dropout(0.2), new Linear(16, 2)).to(device, {
    seed: 5,
  });
  const optimizer = new Adam(model.parameters(), { lr: 1e-2 });
  const trainer = new Trainer({ device, model, loss: crossEntropy, optimizer, seed: 9, ...more });
  return { model, optimizer, trainer };
}

/** The parameters of a model, all in one. */
export async function parametersOf(model: Sequential): Promise<number[]> {
  return Object.values(await model.state()).flatMap(({ data }) => [...data]);
}
