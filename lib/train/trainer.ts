// The training loop: epochs of seeded batches, one native call per step, and events for whoever iterates.

import { checkInteger } from "../check.js";
import type { Column } from "../data/column.js";
import type { Dataset } from "../data/dataset.js";
import type { Device } from "../device/device.js";
import { ArgumentError } from "../errors.js";
import type { Module } from "../nn/module.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { Schedule } from "../optim/schedule/schedule.js";
import { evaluateDataset } from "./evaluate.js";
import type { Evaluation, GuardStepEvent, TrainerEvent } from "./events.js";
import { Feed } from "./feed.js";
import { Mean } from "./mean.js";
import {
  type CheckedRun,
  checkBatchSize,
  checkDataset,
  checkOptions,
  checkRun,
  EVALUATION_BATCH,
  type EvaluateOptions,
  type RunOptions,
  type TrainerOptions,
} from "./options.js";
import { inOrder, type Started } from "./pipeline.js";
import { type Prediction, predictRows } from "./predict.js";
import { disposedError, Recordings } from "./recordings.js";
import { saveModel } from "./save.js";

/** The figures that a run ended with. */
export interface FitResult {
  readonly reason: "completed" | "aborted";
  /** Steps and epochs, over all runs of the trainer. */
  readonly step: number;
  readonly epoch: number;
  /** Training loss of the last epoch that was completed; NaN if none was. */
  readonly loss: number;
  /** Of the last evaluation, if there was one. */
  readonly validation: Evaluation | undefined;
}

/** A step that has run. */
interface StepResult {
  readonly step: number;
  readonly size: number;
  readonly lr: number;
  readonly loss: number;
  readonly gradNorm: number;
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
export class Trainer {
  readonly device: Device;
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly #schedule: Schedule | undefined;
  readonly #seed: number;
  readonly #guarded: boolean;
  readonly #feed: Feed;
  readonly #recordings: Recordings;
  #epoch = 0;
  #running = false;
  #disposed = false;
  /** What was enqueued last: work ends in order, so when it has ended, all has. */
  #last: Promise<unknown> = Promise.resolve();

  /** @throws ArgumentError for an option that is missing, unknown or wrong */
  constructor(options: TrainerOptions) {
    checkOptions(options);
    this.device = options.device;
    this.model = options.model;
    this.optimizer = options.optimizer;
    this.#schedule = options.schedule;
    this.#guarded = options.guard !== undefined;
    this.#seed = checkInteger("Trainer: 'seed'", options.seed ?? 0, 0);
    this.#feed = new Feed(options.inputs, options.inputScale);
    this.#recordings = new Recordings({
      device: options.device,
      model: options.model,
      loss: options.loss,
      optimizer: options.optimizer,
      minimize: {
        ...(options.clip && { clip: options.clip }),
        ...(options.guard && { guard: options.guard }),
        ...(options.schedule && { schedule: options.schedule }),
      },
      feed: this.#feed,
      seed: this.#seed,
    });
  }

  /** Steps taken: those of the optimizer. */
  get step(): number {
    return this.optimizer.stepCount;
  }

  /** Epochs begun; the order of the examples is a function of the seed and of this. */
  get epoch(): number {
    return this.#epoch;
  }

  /**
   * Trains, and tells about it; nothing happens before the first event is asked for. Leaving the loop (`break`, `throw`,
   * `return()`, abort) stops the work and frees the memory of the programs.
   * @throws ArgumentError at the call for a bad option; the loop throws DeviceError for what the device finds
   */
  run(train: Dataset, options: RunOptions): AsyncGenerator<TrainerEvent, void, void> {
    checkDataset("trainer.run: 'train'", train);
    return this.#run(train, checkRun(options));
  }

  /** Trains to the end and gives the last figures: `run` for those who do not look at events. */
  async fit(train: Dataset, options: RunOptions): Promise<FitResult> {
    let loss = Number.NaN;
    let validation: Evaluation | undefined;
    let reason: FitResult["reason"] = "completed";
    for await (const event of this.run(train, options)) {
      if (event.type === "epoch") loss = event.loss;
      else if (event.type === "eval") validation = evaluationOf(event);
      else if (event.type === "end") reason = event.reason;
    }
    return { reason, step: this.step, epoch: this.#epoch, loss, validation };
  }

  /** Loss and, for labels, accuracy of the model on a dataset, accumulated in double. Dropout is off. */
  async evaluate(dataset: Dataset, options: EvaluateOptions = {}): Promise<Evaluation> {
    checkDataset("trainer.evaluate: 'dataset'", dataset);
    const batchSize = checkBatchSize("trainer.evaluate", options);
    const figures = await this.#evaluate("trainer.evaluate", dataset, batchSize, () => this.#disposed);
    if (!figures) throw disposedError("trainer.evaluate");
    return figures;
  }

  /** Output of the model for all examples of a column, such as `dataset.columns.x`. Dropout is off. */
  async predict(x: Column, options: EvaluateOptions = {}): Promise<Prediction> {
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

  async *#run(train: Dataset, run: CheckedRun): AsyncGenerator<TrainerEvent, void, void> {
    this.#checkAlive("trainer.run");
    if (this.#running) {
      throw new ArgumentError({
        argument: "trainer.run",
        got: "a call while a run goes on",
        accepted: "one run at a time",
      });
    }
    this.#running = true;
    try {
      let evaluated = -1;
      for (let left = run.epochs; left > 0 && !this.#stopped(run); left--) {
        this.#epoch += 1;
        for await (const event of this.#runEpoch(train, run)) {
          if (event.type === "eval") evaluated = event.step;
          yield event;
        }
        const due =
          run.validation && (run.evaluateEvery === undefined || left === 1) && evaluated !== this.step;
        if (due && !this.#stopped(run)) yield* this.#evaluation(run);
      }
      yield* await this.#decisions();
      const reason = this.#stopped(run) ? "aborted" : "completed";
      yield { type: "end", reason, step: this.step, epoch: this.#epoch };
    } finally {
      this.#running = false;
      this.#recordings.clear();
    }
  }

  /** One pass over the data; a run that is aborted ends it early, without an epoch event. */
  async *#runEpoch(train: Dataset, run: CheckedRun): AsyncGenerator<TrainerEvent, void, void> {
    const began = performance.now();
    const whole = new Mean();
    let [recent, since] = [new Mean(), began];
    for await (const { step, size, lr, loss, gradNorm } of inOrder(this.#steps(train, run))) {
      whole.add(loss, size);
      recent.add(loss, size);
      if (step % run.logEvery === 0) {
        const now = performance.now();
        const examplesPerSecond = (recent.examples / (now - since)) * 1000;
        yield { type: "step", step, epoch: this.#epoch, loss: recent.value, gradNorm, lr, examplesPerSecond };
        yield* await this.#decisions();
        [recent, since] = [new Mean(), now];
      }
      if (isEvaluation(step, run) && !this.#stopped(run)) yield* this.#evaluation(run);
    }
    if (whole.examples < train.size) return;
    const seconds = (performance.now() - began) / 1000;
    const { value: loss, examples } = whole;
    yield {
      type: "epoch",
      step: this.step,
      epoch: this.#epoch,
      loss,
      examples,
      seconds,
      examplesPerSecond: examples / seconds,
    };
  }

  /** Enqueues the steps of one epoch, one each time it is asked. */
  *#steps(train: Dataset, run: CheckedRun): Generator<Started<StepResult>> {
    const { batchSize } = run;
    for (const batch of train.batches({ batchSize, shuffle: { seed: this.#seed }, epoch: this.#epoch })) {
      if (this.#stopped(run)) return;
      const { size } = batch;
      const program = this.#recordings.step(this.#feed.inputs("trainer.run", train, size));
      const taken = this.step;
      const lr = (this.optimizer.groups[0]?.lr ?? 0) * (this.#schedule?.(taken) ?? 1);
      program.step = taken; // dropout draws by it: the full and the smaller last batch must not draw the same numbers
      const result = this.#track(program.run(this.#feed.arrays(batch.columns)));
      const step = taken + 1;
      yield {
        result: result.then(({ loss, gradNorm }) => ({ step, size, lr, loss, gradNorm })),
        barrier: isEvaluation(step, run),
      };
    }
  }

  /** What the guard has decided since the last time. */
  async #decisions(): Promise<GuardStepEvent[]> {
    if (!this.#guarded || this.#disposed) return [];
    const events = await this.optimizer.events();
    return events.map((event) => ({ ...event, step: event.attempt, epoch: this.#epoch }));
  }

  async *#evaluation(run: CheckedRun): AsyncGenerator<TrainerEvent, void, void> {
    if (!run.validation) return;
    const owner = "trainer.run: 'validation'";
    const figures = await this.#evaluate(owner, run.validation, EVALUATION_BATCH, () => this.#stopped(run));
    if (figures) yield { type: "eval", step: this.step, epoch: this.#epoch, ...figures };
  }

  #evaluate(
    owner: string,
    dataset: Dataset,
    batchSize: number,
    stopped: () => boolean,
  ): Promise<Evaluation | undefined> {
    const [recordings, feed, track] = [this.#recordings, this.#feed, this.#track];
    return evaluateDataset(dataset, { owner, recordings, feed, batchSize, stopped, track });
  }

  readonly #track = <T>(work: Promise<T>): Promise<T> => {
    this.#last = work;
    return work;
  };

  #stopped(run: CheckedRun): boolean {
    return this.#disposed || (run.signal?.aborted ?? false);
  }

  #checkAlive(owner: string): void {
    if (this.#disposed) throw disposedError(owner);
  }

  /** Ends a run that goes on, frees the programs, and waits for work that was started. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    this.#recordings.close();
    await Promise.allSettled([this.#last]); // whoever started it gets its error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }
}

function isEvaluation(step: number, { validation, evaluateEvery }: CheckedRun): boolean {
  return validation !== undefined && evaluateEvery !== undefined && step % evaluateEvery === 0;
}

function evaluationOf({ loss, accuracy, examples }: Evaluation): Evaluation {
  return { loss, ...(accuracy !== undefined && { accuracy }), examples };
}
