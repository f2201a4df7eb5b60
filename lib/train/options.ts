// The options of a trainer and of its runs, checked at the edge.

import { checkBoolean, checkInteger, checkKeys, given } from "../check.js";
import type { ExampleSource } from "../data/batches.js";
import type { Column } from "../data/column.js";
import { Dataset } from "../data/dataset.js";
import { SparseDataset } from "../data/sparse.js";
import { Device } from "../device/device.js";
import { checkPrecision } from "../device/gemm.js";
import { ArgumentError, describe } from "../errors.js";
import type { ComputePrecision } from "../native/native.js";
import type { Loss } from "../nn/losses.js";
import { Module } from "../nn/module.js";
import { type ClipOptions, checkClip } from "../optim/clip.js";
import { checkGuard, checkLossScale, type GuardOptions, type LossScaleOptions } from "../optim/guard.js";
import { Optimizer } from "../optim/optimizer.js";
import type { Plateau } from "../optim/schedule/plateau.js";
import type { Schedule } from "../optim/schedule/schedule.js";
import { type CheckpointOptions, checkCheckpoints } from "./checkpoints.js";
import {
  type CheckedEarlyStopping,
  checkEarlyStopping,
  type EarlyStoppingOptions,
} from "./early-stopping.js";
import type { InputColumns } from "./feed.js";
import { checkMetrics, type Metrics, type NoMetrics } from "./metrics.js";

/** What a trainer brings together. Model and optimizer stay the caller's: the trainer does not dispose them. */
export interface TrainerOptions<M extends Metrics = NoMetrics> {
  readonly device: Device;
  /** On `device`: after `model.to(device)`. */
  readonly model: Module;
  /** Of the model's output and the target. */
  readonly loss: Loss;
  /** Over the model's parameters. */
  readonly optimizer: Optimizer;
  /** Factor on the optimizer's `lr`, by the number of steps tried (`optimizer.stepCount`). Default: always 1. */
  readonly schedule?: Schedule;
  /** A plateau in `schedule`: the loss of each evaluation of a run is reported to it, and checkpoints hold its state. */
  readonly plateau?: Plateau;
  /** Limits on gradients and updates, such as `{ norm: 1 }`. Default: none. */
  readonly clip?: ClipOptions;
  /** Decides on the device whether a step is taken; its decisions are `guard` events. Default: every step is. */
  readonly guard?: GuardOptions;
  /** Scales the loss, and skips steps whose gradients are not finite. Default: no. */
  readonly lossScale?: LossScaleOptions;
  /**
   * Batches per step: their gradients are summed up, each example with the same weight, as if they were one batch. Saves memory where
   * that would be too large. Default 1.
   */
  readonly accumulate?: number;
  /** Whether evaluations of a run are of the average of the parameters (the optimizer's `withAverage`). Default false. */
  readonly evaluateAverage?: boolean;
  /** Figures of evaluations beside loss and accuracy, by names of your own: `{ top5: topK(5) }`. Default: none. */
  readonly metrics?: M;
  /** Steps between those that `telemetry` events tell about. Default 0: none. */
  readonly watch?: number;
  /**
   * What operands of matrix products are rounded to in training, evaluation and prediction (see `ProgramOptions`): "bf16" is for tensor
   * cores. Parameters, gradients and optimizer state stay f32, and bf16 has their range: it needs no `lossScale`. Default "f32".
   */
  readonly precision?: ComputePrecision;
  /** Seeds the order of the examples and dropout. Default 0. */
  readonly seed?: number;
  /** Which columns are input and target. Default `{ x: "x", y: "y" }`. */
  readonly inputs?: InputColumns;
  /** Factor on f32 and u8 inputs and on the values of sparse rows, on the device: 1 / 255 for pixels. Default 1. */
  readonly inputScale?: number;
  /** Where and when runs write checkpoints, which `Trainer.resume` continues. Default: none. */
  readonly checkpoints?: CheckpointOptions;
}

/** How long a run is and what it tells. */
export interface RunOptions {
  /** Passes over the data, beyond those of earlier runs. */
  readonly epochs: number;
  /** Examples per batch; the last of an epoch takes what is left. */
  readonly batchSize: number;
  /** Evaluated for `eval` events. Default: none. */
  readonly validation?: ExampleSource;
  /** Steps between evaluations. Default: one at the end of each epoch. The end of the run always has one. */
  readonly evaluateEvery?: number;
  /** Steps between step events. Default 1. */
  readonly logEvery?: number;
  /** Whether each epoch has an order of its own; if not, examples come as they are. Default true. */
  readonly shuffle?: boolean;
  /** Ends the run when a figure of the evaluations no longer improves. Needs `validation`. Default: no. */
  readonly earlyStopping?: EarlyStoppingOptions;
  /**
   * A rehearsal before a long run: one epoch of two steps, each evaluated, on no more examples than that takes; no checkpoints are
   * written. It does train: parameters change. Default false.
   */
  readonly fastDevRun?: boolean;
  /**
   * A file for the times of all phases, step by step, in the format of Chrome's traces (open it at ui.perfetto.dev); the `end` event
   * has the totals. Some 500 bytes a step. Default: none.
   */
  readonly profile?: string;
  /** Ends the run between two steps. */
  readonly signal?: AbortSignal;
}

/** Options of `evaluate` and `predict`. */
export interface EvaluateOptions {
  /** Examples at a time: memory against speed, the result is the same but for rounding. Default 256. */
  readonly batchSize?: number;
}

/** A run's options with defaults filled in. */
export type CheckedRun = Required<
  Pick<RunOptions, "epochs" | "batchSize" | "logEvery" | "shuffle" | "fastDevRun">
> &
  Pick<RunOptions, "signal" | "evaluateEvery" | "profile"> & {
    readonly validation: TrainingData | undefined;
    readonly earlyStopping: CheckedEarlyStopping | undefined;
  };

/** Examples at a time where no step is taken. */
export const EVALUATION_BATCH = 256;

/** Throws for an option that is missing, unknown or wrong, or on another device; `more` are options of the owner's own. */
export function checkOptions(
  options: TrainerOptions<Metrics>,
  owner = "Trainer",
  more: readonly string[] = [],
): void {
  checkKeys(owner, options, [
    ...more,
    "device",
    "model",
    "loss",
    "optimizer",
    "schedule",
    "plateau",
    "clip",
    "guard",
    "lossScale",
    "accumulate",
    "evaluateAverage",
    "metrics",
    "watch",
    "precision",
    "seed",
    "inputs",
    "inputScale",
    "checkpoints",
  ]);
  const { device, model, loss, optimizer, schedule, plateau, clip, guard, checkpoints } = options;
  const require = (holds: boolean, name: keyof TrainerOptions<Metrics>, accepted: string): void => {
    if (!holds)
      throw new ArgumentError({ argument: `${owner}: '${name}'`, got: describe(options[name]), accepted });
  };
  require(device instanceof Device, "device", "a Device");
  require(model instanceof Module, "model", "a Module");
  require(typeof loss === "function", "loss", "a function of output and target, such as crossEntropy");
  require(optimizer instanceof Optimizer, "optimizer", "an Optimizer");
  require(schedule === undefined ||
    typeof schedule === "function", "schedule", "a Schedule, such as warmup(200)");
  require(plateau === undefined ||
    typeof plateau?.report === "function", "plateau", "a Plateau, which 'schedule' holds");
  if (checkpoints !== undefined) checkCheckpoints(`${owner}: 'checkpoints'`, checkpoints);
  if (clip !== undefined) checkClip(`${owner}: 'clip'`, clip);
  if (guard !== undefined) checkGuard(`${owner}: 'guard'`, guard);
  if (options.lossScale !== undefined) checkLossScale(`${owner}: 'lossScale'`, options.lossScale);
  checkInteger(`${owner}: 'accumulate'`, given(options.accumulate, 1), 1);
  checkInteger(`${owner}: 'watch'`, given(options.watch, 0), 0);
  checkPrecision(`${owner}: 'precision'`, given(options.precision, "f32"), device);
  if (options.metrics !== undefined) checkMetrics(`${owner}: 'metrics'`, options.metrics);
  const averaged = checkBoolean(`${owner}: 'evaluateAverage'`, given(options.evaluateAverage, false));
  if (averaged && !optimizer.hasAverage) {
    const accepted = "it with an optimizer that has the option 'average', or ScheduleFreeAdamW";
    throw new ArgumentError({ argument: `${owner}: 'evaluateAverage'`, got: "true", accepted });
  }
  for (const { name, value } of [
    ...model.parameters(),
    ...optimizer.groups.flatMap((group) => group.params),
  ]) {
    device.own(`${owner}: parameter "${name}"`, value);
  }
}

/** Examples in memory; sparse ones are for models that begin with an EmbeddingBag. */
export type MemoryDataset = Dataset | SparseDataset<string>;

const isInMemory = (data: unknown): data is MemoryDataset =>
  data instanceof Dataset || data instanceof SparseDataset;

/** A dataset that is not empty. */
export function checkDataset(argument: string, dataset: unknown): void {
  if (!isInMemory(dataset))
    throw new ArgumentError({ argument, got: describe(dataset), accepted: "a Dataset or a SparseDataset" });
  if (dataset.size === 0) {
    throw new ArgumentError({ argument, got: "a dataset of 0 examples", accepted: "at least one example" });
  }
}

/** What a run trains on: examples of a known number, in memory or not. */
export type TrainingData = ExampleSource & {
  readonly size: number;
  readonly columns: Readonly<Record<string, Column>>;
};

/** Data for training that are not empty. */
export function checkTraining(argument: string, data: ExampleSource): TrainingData {
  if (isInMemory(data)) checkDataset(argument, data);
  else {
    const { size, columns, batches } = data ?? {};
    if (typeof batches !== "function" || typeof columns !== "object" || columns === null) {
      const accepted = "a Dataset, or another one that has columns and batches";
      throw new ArgumentError({ argument, got: describe(data), accepted });
    }
    if (size === undefined) {
      const accepted = "data that tell their size; a stream does with the option 'size'";
      throw new ArgumentError({ argument, got: `a ${data.constructor.name} of unknown size`, accepted });
    }
    checkInteger(`${argument}, size`, size, 1);
  }
  return data as TrainingData;
}

export function checkSignal(argument: string, signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return;
  throw new ArgumentError({ argument, got: describe(signal), accepted: "an AbortSignal" });
}

/** A run's options, with defaults. */
export function checkRun(options: RunOptions): CheckedRun {
  checkKeys("trainer.run", options, [
    "epochs",
    "batchSize",
    "validation",
    "evaluateEvery",
    "logEvery",
    "shuffle",
    "earlyStopping",
    "fastDevRun",
    "profile",
    "signal",
  ]);
  const { evaluateEvery, earlyStopping, profile } = options;
  const validation =
    options.validation === undefined
      ? undefined
      : checkTraining("trainer.run: 'validation'", options.validation);
  if (profile !== undefined && (typeof profile !== "string" || profile === "")) {
    const accepted = "the path of a file";
    throw new ArgumentError({ argument: "trainer.run: 'profile'", got: describe(profile), accepted });
  }
  if (evaluateEvery !== undefined) checkInteger("trainer.run: 'evaluateEvery'", evaluateEvery, 1);
  if (earlyStopping !== undefined && validation === undefined) {
    const accepted = "it with 'validation', whose evaluations it watches";
    throw new ArgumentError({ argument: "trainer.run: 'earlyStopping'", got: "no 'validation'", accepted });
  }
  checkSignal("trainer.run: 'signal'", options.signal);
  return {
    ...options,
    validation,
    fastDevRun: checkBoolean("trainer.run: 'fastDevRun'", options.fastDevRun ?? false),
    shuffle: checkBoolean("trainer.run: 'shuffle'", options.shuffle ?? true),
    earlyStopping: earlyStopping && checkEarlyStopping("trainer.run: 'earlyStopping'", earlyStopping),
    epochs: checkInteger("trainer.run: 'epochs'", options.epochs, 0),
    batchSize: checkInteger("trainer.run: 'batchSize'", options.batchSize, 1),
    logEvery: checkInteger("trainer.run: 'logEvery'", options.logEvery ?? 1, 1),
  };
}

/** What a rehearsal trains on, and its options. */
export function rehearsal(
  train: TrainingData,
  run: CheckedRun,
  accumulate: number,
): [TrainingData, CheckedRun] {
  const { batchSize, validation } = run;
  const short = {
    epochs: 1,
    logEvery: 1,
    validation: validation && partOf(validation, batchSize, EVALUATION_BATCH),
  };
  const evaluateEvery = validation && { evaluateEvery: 1 };
  return [partOf(train, 2 * batchSize * accumulate), { ...run, ...short, ...evaluateEvery }];
}

/** The first examples; of what is not in memory those of whole batches, since no more are drawn than it tells to have. */
function partOf(data: TrainingData, count: number, whole = count): TrainingData {
  if (isInMemory(data)) return data.take(count);
  return { size: Math.min(whole, data.size), columns: data.columns, batches: data.batches.bind(data) };
}

/** The batch size of an evaluation or a prediction. */
export function checkBatchSize(owner: string, options: EvaluateOptions): number {
  checkKeys(owner, options, ["batchSize"]);
  return checkInteger(`${owner}: 'batchSize'`, options.batchSize ?? EVALUATION_BATCH, 1);
}
