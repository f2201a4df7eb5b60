// The model and the optimizer that a command asks for.

import type { Layer } from "../nn/layers.js";
import { Linear, Sequential } from "../nn/layers.js";
import type { Module } from "../nn/module.js";
import { AdaGrad } from "../optim/adagrad.js";
import { Adam, AdamW } from "../optim/adam.js";
import type { Optimizer } from "../optim/optimizer.js";
import { cosine } from "../optim/schedule/cosine.js";
import type { Schedule } from "../optim/schedule/schedule.js";
import { warmup } from "../optim/schedule/warmup.js";
import { SGD } from "../optim/sgd.js";
import { relu } from "../tensor/elementwise.js";
import type { TrainCommand } from "./options.js";

/** A chain of affine layers with ReLU between them. */
export function multilayerPerceptron(inputs: number, hidden: readonly number[], outputs: number): Sequential {
  const layers: Layer[] = [];
  let width = inputs;
  for (const size of hidden) {
    layers.push(new Linear(width, size), relu);
    width = size;
  }
  return new Sequential(...layers, new Linear(width, outputs));
}

export function makeOptimizer(model: Module, { optimizer, lr, weightDecay }: TrainCommand): Optimizer {
  const options = { lr, ...(weightDecay !== undefined && { weightDecay }) };
  switch (optimizer) {
    case "adam":
      return new Adam(model.parameters(), options);
    case "adamw":
      return new AdamW(model.parameters(), options);
    case "adagrad":
      return new AdaGrad(model.parameters(), options);
    case "sgd":
      return new SGD(model.parameters(), { ...options, momentum: 0.9 });
  }
}

/** A warm-up over the first twentieth of the steps, then a cosine down to 0 at the last. */
export function makeSchedule(steps: number): Schedule {
  const rise = Math.ceil(steps / 20);
  return warmup(rise).then(cosine({ steps: Math.max(1, steps - rise) }));
}
