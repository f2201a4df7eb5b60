// A trial of a sweep that trains a new model with a Trainer.

import { checkInteger, checkKeys } from "../check.js";
import { ArgumentError, describe } from "../errors.js";
import type { Module } from "../nn/module.js";
import { Optimizer } from "../optim/optimizer.js";
import { checkDataset, type MemoryDataset, type TrainerOptions } from "./options.js";
import type { Figures, Trial } from "./sweep.js";
import { Trainer } from "./trainer.js";

/** What each trial has of its own, or nobody sees of it. */
type LeftOut =
  | "model"
  | "optimizer"
  | "seed"
  | "plateau"
  | "checkpoints"
  | "metrics"
  | "watch"
  | "evaluateAverage";

/** Options of `trainingTrial`: those of a Trainer that all trials share. */
export interface TrainingTrialOptions extends Omit<TrainerOptions, LeftOut> {
  /** Makes a model that is not on a device yet; the seed of the trial sets its parameters. */
  readonly model: () => Module;
  readonly train: MemoryDataset;
  /** What the figures are of. */
  readonly validation: MemoryDataset;
  readonly epochs: number;
  readonly batchSize: number;
}

const OPTIONS = [
  ...["model", "train", "validation", "epochs", "batchSize"],
  ...["device", "loss", "schedule", "clip", "guard", "lossScale", "accumulate", "inputs", "inputScale"],
];

/**
 * The `run` of a sweep: trains a new model from the seed of the trial, which sets its parameters, the order of the examples, and
 * dropout, and gives loss and accuracy on `validation`. Everything is freed afterwards.
 * @throws ArgumentError for an option that is missing, unknown or wrong; at the first trial for one of the Trainer's
 */
export function trainingTrial(options: TrainingTrialOptions): (trial: Trial) => Promise<Figures> {
  const owner = "trainingTrial";
  checkKeys(owner, options, OPTIONS);
  const { model: makeModel, train, validation, epochs, batchSize, ...parts } = options;
  if (typeof makeModel !== "function") {
    const accepted = "a function that makes a model";
    throw new ArgumentError({ argument: `${owner}: 'model'`, got: describe(makeModel), accepted });
  }
  checkDataset(`${owner}: 'train'`, train);
  checkDataset(`${owner}: 'validation'`, validation);
  checkInteger(`${owner}: 'epochs'`, epochs, 0);
  checkInteger(`${owner}: 'batchSize'`, batchSize, 1);
  return async ({ seed, make, signal }) => {
    using model = makeModel().to(parts.device, { seed });
    const made: unknown = make(model.parameters());
    if (!(made instanceof Optimizer)) {
      const argument = `${owner}: what the trial's 'make' gave`;
      throw new ArgumentError({ argument, got: describe(made), accepted: "an optimizer" });
    }
    using optimizer = made;
    await using trainer = new Trainer({ ...parts, model, optimizer, seed });
    await trainer.fit(train, { epochs, batchSize, ...(signal && { signal }) });
    signal?.throwIfAborted(); // no figures of a training that was cut short
    const { loss, accuracy } = await trainer.evaluate(validation);
    return { loss, ...(accuracy !== undefined && { accuracy }) };
  };
}
