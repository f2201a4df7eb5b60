// The model, the optimizer and the schedule that a command asks for.

import type { Device } from "../device/device.js";
import { type Layer, Linear, Sequential } from "../nn/layers.js";
import { crossEntropy, type Loss, meanSquaredError } from "../nn/losses.js";
import type { Module } from "../nn/module.js";
import { AdaGrad } from "../optim/adagrad.js";
import { Adam, AdamW } from "../optim/adam.js";
import type { Optimizer } from "../optim/optimizer.js";
import { cosine } from "../optim/schedule/cosine.js";
import type { Schedule } from "../optim/schedule/schedule.js";
import { warmup } from "../optim/schedule/warmup.js";
import { SGD } from "../optim/sgd.js";
import { relu } from "../tensor/elementwise.js";
import type { Parameter } from "../tensor/parameter.js";
import type { Metrics, NoMetrics } from "../train/metrics.js";
import { Trainer } from "../train/trainer.js";
import { classesOf, type ModelSpec, type Perceptron } from "./model-file.js";
import type { OptimizerName } from "./training-flags.js";

/** A chain of affine layers with ReLU between them. */
export function multilayerPerceptron({ inputs, hidden, outputs }: Perceptron): Sequential {
  const layers: Layer[] = [];
  let width = inputs;
  for (const size of hidden) {
    layers.push(new Linear(width, size), relu);
    width = size;
  }
  return new Sequential(...layers, new Linear(width, outputs));
}

/** What an optimizer is made with. */
interface OptimizerValues {
  readonly optimizer: OptimizerName;
  readonly lr: number;
  readonly "weight-decay": number | undefined;
}

/** Options of an optimizer, the same for all. */
type Options = { readonly lr: number; readonly weightDecay?: number };

const OPTIMIZERS: Readonly<
  Record<OptimizerName, (params: readonly Parameter[], options: Options) => Optimizer>
> = {
  adam: (params, options) => new Adam(params, options),
  adamw: (params, options) => new AdamW(params, options),
  adagrad: (params, options) => new AdaGrad(params, options),
  sgd: (params, options) => new SGD(params, { ...options, momentum: 0.9 }),
};

export function makeOptimizer(model: Module, values: OptimizerValues): Optimizer {
  const { optimizer, lr, "weight-decay": weightDecay } = values;
  return makeOptimizerOf(optimizer, model.parameters(), {
    lr,
    ...(weightDecay !== undefined && { weightDecay }),
  });
}

export function makeOptimizerOf(
  name: OptimizerName,
  params: readonly Parameter[],
  options: Options,
): Optimizer {
  return OPTIMIZERS[name](params, options);
}

/** A warm-up over the first twentieth of the steps, then a cosine down to 0 at the last. */
export function makeSchedule(steps: number): Schedule {
  const rise = Math.ceil(steps / 20);
  return warmup(rise).then(cosine({ steps: Math.max(1, steps - rise) }));
}

export const lossOf = (spec: ModelSpec): Loss => (classesOf(spec) ? crossEntropy : meanSquaredError);

/**
 * Calls `use` with a trainer that evaluates and predicts; it takes no step.
 * @param load reads the parameters
 */
export async function withModel<T, M extends Metrics = NoMetrics>(
  device: Device,
  spec: ModelSpec,
  load: (model: Sequential) => Promise<unknown>,
  use: (trainer: Trainer<M>) => Promise<T>,
  metrics?: M,
): Promise<T> {
  using model = multilayerPerceptron(spec.network).to(device);
  await load(model);
  using optimizer = new SGD(model.parameters(), { lr: 1 });
  const options = { device, model, optimizer, loss: lossOf(spec), inputScale: spec.inputScale };
  await using trainer = new Trainer<M>({ ...options, ...(metrics && { metrics }) });
  return await use(trainer);
}
