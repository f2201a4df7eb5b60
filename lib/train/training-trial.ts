// A trial of a sweep that trains a new model with a Trainer.

import { checkInteger, checkKeys } from "../check.js";
import type { Dataset } from "../data/dataset.js";
import { ArgumentError, describe } from "../errors.js";
import type { Module } from "../nn/module.js";
import { checkDataset, type TrainerOptions } from "./options.js";
import type { Figures, Trial } from "./sweep.js";
import { Trainer } from "./trainer.js";

/** Options of `trainingTrial`: those of a Trainer, but for what each trial has of its own. */
export interface TrainingTrialOptions extends Omit<TrainerOptions, "model" | "optimizer" | "seed"> {
  /** Makes a model that is not on a device yet; the seed of the trial sets its parameters. */
  readonly model: () => Module;
  readonly train: Dataset;
  /** What the figures are of. */
  readonly validation: Dataset;
  readonly epochs: number;
  readonly batchSize: number;
}

const OPTIONS = [
  ...["model", "train", "validation", "epochs", "batchSize"],
  ...["device", "loss", "schedule", "clip", "guard", "inputs", "inputScale"],
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
    using optimizer = make(model.parameters());
    await using trainer = new Trainer({ ...parts, model, optimizer, seed });
    await trainer.fit(train, { epochs, batchSize, ...(signal && { signal }) });
    signal?.throwIfAborted(); // no figures of a training that was cut short
    const { loss, accuracy } = await trainer.evaluate(validation);
    return { loss, ...(accuracy !== undefined && { accuracy }) };
  };
}
