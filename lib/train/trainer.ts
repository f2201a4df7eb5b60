// The trainer: what a training is made of, and what can be asked of it.

import { checkInteger } from "../check.js";
import type { ExampleSource } from "../data/batches.js";
import type { Column } from "../data/column.js";
import type { SparseDataset } from "../data/sparse.js";
import type { Device } from "../device/device.js";
import { ArgumentError } from "../errors.js";
import type { Module } from "../nn/module.js";
import { checkGuard, slotsOf } from "../optim/guard.js";
import type { Optimizer } from "../optim/optimizer.js";
import { CheckpointWriter, checkCheckpoints } from "./checkpoints.js";
import { evaluateDataset } from "./evaluate.js";
import type { EndEvent, EndReason, Evaluation, TrainerEvent } from "./events.js";
import { Feed } from "./feed.js";
import { Gate } from "./gate.js";
import type { Metrics, NoMetrics } from "./metrics.js";
import {
  type CheckedRun,
  checkBatchSize,
  checkOptions,
  checkRun,
  checkTraining,
  EVALUATION_BATCH,
  type EvaluateOptions,
  type RunOptions,
  rehearsal,
  type TrainerOptions,
  type TrainingData,
} from "./options.js";
import { Position } from "./position.js";
import { type Prediction, predictRows } from "./predict.js";
import { disposedError, Recordings } from "./recordings.js";
import { type Resumed, readCheckpoint } from "./resume.js";
import { Run, type RunParts } from "./run.js";
import { saveModel } from "./save.js";
import { statisticsOf } from "./statistics.js";

/** The figures that a run ended with. */
export interface FitResult<M extends Metrics = NoMetrics> {
  readonly reason: EndReason;
  /** Steps and epochs, over all runs of the trainer. */
  readonly step: number;
  readonly epoch: number;
  /** Training loss of the last epoch that was completed; NaN if none was. */
  readonly loss: number;
  /** Of the last evaluation, if there was one. */
  readonly validation: Evaluation<M> | undefined;
  /** Of early stopping: the best value of its metric, and the step of that evaluation. */
  readonly best?: EndEvent["best"];
  /** Of a run with `profile`: how often and how long each phase was. */
  readonly profile?: EndEvent["profile"];
}

/**
 * Trains a model:
 *
 * ```ts
 * await using trainer = new Trainer({ device, model, loss: crossEntropy, optimizer: new Adam(model.parameters()) });
 * for await (const event of trainer.run(train, { epochs: 5, batchSize: 128, validation })) {
 *   if (event.type === "eval") console.log(event.epoch, event.loss, event.accuracy);
 * }
 * ```
 */
export class Trainer<M extends Metrics = NoMetrics> {
  readonly device: Device;
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly #parts: RunParts;
  readonly #recordings: Recordings;
  readonly #position = new Position();
  /** The checkpoint that the next run goes on from. */
  #resumed: Resumed | undefined;
  readonly #gate = new Gate();
  readonly #metrics: Metrics;
  /** The evaluation before: the next one adds up in the same memory. */
  #evaluated: Promise<unknown> = Promise.resolve();
  #running = false;
  readonly #ending = new AbortController();
  /** What was enqueued last: work ends in order, so when it has ended, all has. */
  #last: Promise<unknown> = Promise.resolve();

  /** @throws ArgumentError for an option that is missing, unknown or wrong */
  constructor(options: TrainerOptions<M>) {
    checkOptions(options);
    const { device, model, loss, optimizer, schedule, plateau, checkpoints } = options;
    const { clip, guard, lossScale, accumulate = 1, evaluateAverage: averaged = false, watch = 0 } = options;
    const { precision = "f32" } = options;
    [this.device, this.model, this.optimizer] = [device, model, optimizer];
    const seed = checkInteger("Trainer: 'seed'", options.seed ?? 0, 0);
    // A checkpoint's snapshots are read before a step is recorded.
    optimizer.snapshots.hold(statisticsOf(model));
    const feed = new Feed(options.inputs, options.inputScale);
    const slots = slotsOf(guard && checkGuard("Trainer: 'guard'", guard));
    const minimize = {
      ...(clip && { clip }),
      ...(guard && { guard }),
      ...(lossScale && { lossScale }),
      ...(schedule && { schedule }),
      ...(watch > 0 && { watch }),
    };
    this.#metrics = options.metrics ?? {};
    this.#recordings = new Recordings({
      ...{ device, model, loss, optimizer, minimize, feed, seed, precision, accumulate },
    });
    this.#parts = {
      ...{ model, optimizer, schedule, plateau, seed, precision, feed, accumulate, averaged, watch, slots },
      gate: this.#gate,
      guarded: guard !== undefined,
      recordings: this.#recordings,
      position: this.#position,
      checkpoints:
        checkpoints &&
        new CheckpointWriter(
          checkCheckpoints("Trainer: 'checkpoints'", checkpoints),
          model,
          optimizer,
          slots,
        ),
      evaluate: (dataset, stopping) =>
        this.#evaluate("trainer.run: 'validation'", dataset, EVALUATION_BATCH, stopping),
      track: this.#track,
      ending: this.#ending.signal,
    };
  }

  /**
   * A trainer that goes on from a checkpoint: the newest in the folder `directory`, or the one that it is. Options, model and
   * optimizer are those of the training that wrote it, made anew. The first run then continues the one that was interrupted, to
   * the bit, in the middle of an epoch too: call it as that one was called; `epochs` counts from where that one began. A guard that
   * keeps another number of snapshots than the checkpoint has takes new ones.
   * @throws DataError (rejects) that names the file, if there is no checkpoint, or one that is damaged or of another training; model
   *   and optimizer are then as they were. ArgumentError for options, as the constructor
   */
  static async resume<M extends Metrics = NoMetrics>(
    directory: string,
    options: TrainerOptions<M>,
  ): Promise<Trainer<M>> {
    const trainer = new Trainer<M>(options);
    const resumed = await readCheckpoint(directory, trainer.#parts);
    trainer.#resumed = resumed;
    trainer.#parts.checkpoints?.continue(resumed.path, resumed.state);
    return trainer;
  }

  /** Steps taken: those of the optimizer. */
  get step(): number {
    return this.optimizer.stepCount;
  }

  /** Epochs begun; the order of the examples is a function of the seed and of this. */
  get epoch(): number {
    return this.#position.epoch;
  }

  /**
   * Trains, and tells about it; nothing happens before the first event is asked for. Leaving the loop (`break`, `throw`,
   * `return()`, abort) stops the work and frees the memory of the programs.
   * @param data a Dataset, a SparseDataset for a model that begins with an EmbeddingBag (mode `"sum"`), or another one that tells its
   *   size and whose batches may have to be waited for: a FileDataset, TokenWindows, a PrefetchedDataset, a stream with the option `size`
   * @throws ArgumentError at the call for a bad option; the loop throws what the data throw, DeviceError for what the device finds, DataError for a
   *   checkpoint that cannot be written
   */
  run(data: ExampleSource, options: RunOptions): AsyncGenerator<TrainerEvent<M>, void, void> {
    const train = checkTraining("trainer.run: 'train'", data);
    const checked = checkRun(options);
    if (!checked.fastDevRun) return this.#run(train, checked, this.#parts);
    const { accumulate } = this.#parts;
    return this.#run(...rehearsal(train, checked, accumulate), { ...this.#parts, checkpoints: undefined });
  }

  /**
   * Holds a run between two steps until `resume()`, with a `pause` event; one that is under way still ends. Its memory stays. A run
   * that is begun later is held, too. Abort and dispose end it all the same.
   */
  pause(): void {
    this.#gate.close();
  }

  /** Lets a run go on that `pause()` holds. */
  resume(): void {
    this.#gate.open();
  }

  /** Trains to the end and gives the last figures: `run` for those who do not look at events. */
  async fit(train: ExampleSource, options: RunOptions): Promise<FitResult<M>> {
    let loss = Number.NaN;
    let validation: Evaluation<M> | undefined;
    let end: EndEvent | undefined;
    for await (const event of this.run(train, options)) {
      if (event.type === "epoch") loss = event.loss;
      else if (event.type === "eval") validation = evaluationOf(event);
      else if (event.type === "end") end = event;
    }
    const { reason = "completed", best, profile } = end ?? {};
    const more = { ...(best && { best }), ...(profile && { profile }) };
    return { reason, step: this.step, epoch: this.epoch, loss, validation, ...more };
  }

  /** Loss, for labels accuracy, and the trainer's metrics of the model on a dataset, added up in double on the device and read once. Dropout is off. */
  async evaluate(data: ExampleSource, options: EvaluateOptions = {}): Promise<Evaluation<M>> {
    const dataset = checkTraining("trainer.evaluate: 'dataset'", data);
    const batchSize = checkBatchSize("trainer.evaluate", options);
    const figures = await this.#evaluate("trainer.evaluate", dataset, batchSize, this.#ending.signal);
    if (!figures) throw disposedError("trainer.evaluate");
    return figures;
  }

  /** Output of the model for all examples of a column, such as `dataset.columns.x`, or of a SparseDataset. Dropout is off. */
  async predict(x: Column | SparseDataset<string>, options: EvaluateOptions = {}): Promise<Prediction> {
    const batchSize = checkBatchSize("trainer.predict", options);
    this.#checkAlive("trainer.predict");
    return predictRows(this.#recordings, x, batchSize, this.#track);
  }

  /** Writes the model's parameters as safetensors, atomically. */
  async save(path: string): Promise<void> {
    this.#checkAlive("trainer.save");
    this.optimizer.flush();
    await saveModel(this.model, path);
  }

  async *#run(
    train: TrainingData,
    options: CheckedRun,
    parts: RunParts,
  ): AsyncGenerator<TrainerEvent<M>, void, void> {
    this.#checkAlive("trainer.run");
    if (this.#running) {
      throw new ArgumentError({
        argument: "trainer.run",
        got: "a call while a run goes on",
        accepted: "one run at a time",
      });
    }
    const run = new Run(parts, train, options, this.#resumed);
    this.#resumed = undefined;
    this.#running = true;
    try {
      yield* run.events() as AsyncGenerator<TrainerEvent<M>, void, void>;
    } finally {
      this.#running = false;
      this.#recordings.clear();
    }
  }

  #evaluate(
    owner: string,
    dataset: TrainingData,
    batchSize: number,
    stopping: AbortSignal,
  ): Promise<Evaluation<M> | undefined> {
    const [recordings, track, metrics] = [this.#recordings, this.#track, this.#metrics];
    const parts = { owner, recordings, feed: this.#parts.feed, batchSize, stopping, track, metrics };
    const evaluated = this.#evaluated.then(() => evaluateDataset(dataset, parts));
    this.#evaluated = evaluated.catch(() => undefined); // whoever asked for it gets its error
    return evaluated as Promise<Evaluation<M> | undefined>;
  }

  readonly #track = <T>(work: Promise<T>): Promise<T> => {
    this.#last = work;
    return work;
  };

  #checkAlive(owner: string): void {
    if (this.#ending.signal.aborted) throw disposedError(owner);
  }

  /** Ends a run that goes on, frees the programs, and waits for work that was started. */
  async dispose(): Promise<void> {
    this.#ending.abort();
    this.#gate.open();
    this.#recordings.close();
    await Promise.allSettled([this.#last]); // whoever started it gets its error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}

function evaluationOf<M extends Metrics>({
  loss,
  accuracy,
  examples,
  metrics,
}: Evaluation<M>): Evaluation<M> {
  return { loss, ...(accuracy !== undefined && { accuracy }), examples, metrics };
}
