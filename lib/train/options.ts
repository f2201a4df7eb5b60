// The options of a trainer and of its runs, checked at the edge.

import { checkInteger, checkKeys } from "../check.js";
import { Dataset } from "../data/dataset.js";
import { Device } from "../device/device.js";
import { ArgumentError, describe } from "../errors.js";
import type { Loss } from "../nn/losses.js";
import { Module } from "../nn/module.js";
import { type ClipOptions, checkClip } from "../optim/clip.js";
import { checkGuard, type GuardOptions } from "../optim/guard.js";
import { Optimizer } from "../optim/optimizer.js";
import type { Schedule } from "../optim/schedule/schedule.js";
import type { InputColumns } from "./feed.js";

/** What a trainer brings together. Model and optimizer stay the caller's: the trainer does not dispose them. */
export interface TrainerOptions {
  readonly device: Device;
  /** On `device`: after `model.to(device)`. */
  readonly model: Module;
  /** Of the model's output and the target. */
  readonly loss: Loss;
  /** Over the model's parameters. */
  readonly optimizer: Optimizer;
  /** Factor on the optimizer's `lr`, by the number of steps taken. Default: always 1. */
  readonly schedule?: Schedule;
  /** Limits on gradients and updates, such as `{ norm: 1 }`. Default: none. */
  readonly clip?: ClipOptions;
  /** Decides on the device whether a step is taken; its decisions are `guard` events. Default: every step is. */
  readonly guard?: GuardOptions;
  /** Seeds the order of the examples and dropout. Default 0. */
  readonly seed?: number;
  /** Which columns are input and target. Default `{ x: "x", y: "y" }`. */
  readonly inputs?: InputColumns;
  /** Factor on f32 and u8 inputs, on the device: 1 / 255 for pixels. Default 1. */
  readonly inputScale?: number;
}

/** How long a run is and what it tells. */
export interface RunOptions {
  /** Passes over the data, beyond those of earlier runs. */
  readonly epochs: number;
  /** Examples per step; the last step of an epoch takes what is left. */
  readonly batchSize: number;
  /** Evaluated for `eval` events. Default: none. */
  readonly validation?: Dataset;
  /** Steps between evaluations. Default: one at the end of each epoch. The end of the run always has one. */
  readonly evaluateEvery?: number;
  /** Steps between step events. Default 1. */
  readonly logEvery?: number;
  /** Ends the run between two steps. */
  readonly signal?: AbortSignal;
}

/** Options of `evaluate` and `predict`. */
export interface EvaluateOptions {
  /** Examples at a time: memory against speed, the result is the same but for rounding. Default 256. */
  readonly batchSize?: number;
}

/** A run's options with defaults filled in. */
export type CheckedRun = Required<Omit<RunOptions, "validation" | "signal" | "evaluateEvery">> &
  Pick<RunOptions, "validation" | "signal" | "evaluateEvery">;

/** Examples at a time where no step is taken. */
export const EVALUATION_BATCH = 256;

/** Throws for an option that is missing, unknown or wrong, or on another device. */
export function checkOptions(options: TrainerOptions): void {
  checkKeys("Trainer", options, [
    "device",
    "model",
    "loss",
    "optimizer",
    "schedule",
    "clip",
    "guard",
    "seed",
    "inputs",
    "inputScale",
  ]);
  const { device, model, loss, optimizer, schedule, clip, guard } = options;
  const require = (holds: boolean, name: keyof TrainerOptions, accepted: string): void => {
    if (!holds)
      throw new ArgumentError({ argument: `Trainer: '${name}'`, got: describe(options[name]), accepted });
  };
  require(device instanceof Device, "device", "a Device");
  require(model instanceof Module, "model", "a Module");
  require(typeof loss === "function", "loss", "a function of output and target, such as crossEntropy");
  require(optimizer instanceof Optimizer, "optimizer", "an Optimizer");
  require(schedule === undefined ||
    typeof schedule === "function", "schedule", "a Schedule, such as warmup(200)");
  if (clip !== undefined) checkClip("Trainer: 'clip'", clip);
  if (guard !== undefined) checkGuard("Trainer: 'guard'", guard);
  for (const { name, value } of [
    ...model.parameters(),
    ...optimizer.groups.flatMap((group) => group.params),
  ]) {
    device.own(`Trainer: parameter "${name}"`, value);
  }
}

/** A dataset that is not empty. */
export function checkDataset(argument: string, dataset: unknown): void {
  if (!(dataset instanceof Dataset))
    throw new ArgumentError({ argument, got: describe(dataset), accepted: "a Dataset" });
  if (dataset.size === 0) {
    throw new ArgumentError({ argument, got: "a dataset of 0 examples", accepted: "at least one example" });
  }
}

/** A run's options, with defaults. */
export function checkRun(options: RunOptions): CheckedRun {
  checkKeys("trainer.run", options, [
    "epochs",
    "batchSize",
    "validation",
    "evaluateEvery",
    "logEvery",
    "signal",
  ]);
  const { validation, evaluateEvery, signal } = options;
  if (validation !== undefined) checkDataset("trainer.run: 'validation'", validation);
  if (evaluateEvery !== undefined) checkInteger("trainer.run: 'evaluateEvery'", evaluateEvery, 1);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new ArgumentError({
      argument: "trainer.run: 'signal'",
      got: describe(signal),
      accepted: "an AbortSignal",
    });
  }
  return {
    ...options,
    epochs: checkInteger("trainer.run: 'epochs'", options.epochs, 0),
    batchSize: checkInteger("trainer.run: 'batchSize'", options.batchSize, 1),
    logEvery: checkInteger("trainer.run: 'logEvery'", options.logEvery ?? 1, 1),
  };
}

/** The batch size of an evaluation or a prediction. */
export function checkBatchSize(owner: string, options: EvaluateOptions): number {
  checkKeys(owner, options, ["batchSize"]);
  return checkInteger(`${owner}: 'batchSize'`, options.batchSize ?? EVALUATION_BATCH, 1);
}
