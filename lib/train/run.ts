// One run of a trainer: epochs of steps, evaluations and checkpoints between them, and events about all of it.

import type { ComputePrecision } from "../native/native.js";
import type { Module } from "../nn/module.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { Plateau } from "../optim/schedule/plateau.js";
import type { Schedule } from "../optim/schedule/schedule.js";
import type { CheckpointWriter } from "./checkpoints.js";
import { describeModel } from "./describe.js";
import { EarlyStopping } from "./early-stopping.js";
import type { EndReason, Evaluation, GuardStepEvent, TrainerEvent } from "./events.js";
import type { Feed } from "./feed.js";
import type { Gate } from "./gate.js";
import { scalarsOf } from "./goal.js";
import type { Metrics } from "./metrics.js";
import type { CheckedRun, TrainingData } from "./options.js";
import { inOrder, type Started } from "./pipeline.js";
import type { Position } from "./position.js";
import { Profile } from "./profile.js";
import type { Recordings } from "./recordings.js";
import { checkAlike, type Resumed } from "./resume.js";
import { type StepResult, startSteps } from "./steps.js";

/** What the runs of a trainer share. */
export interface RunParts {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly schedule: Schedule | undefined;
  readonly plateau: Plateau | undefined;
  readonly guarded: boolean;
  readonly seed: number;
  /** Of matrix products. */
  readonly precision: ComputePrecision;
  /** Snapshots that the guard keeps. */
  readonly slots: number;
  /** Batches per step. */
  readonly accumulate: number;
  /** Whether evaluations are of the running mean of the parameters. */
  readonly averaged: boolean;
  /** Steps between those that are told about; 0: none is. */
  readonly watch: number;
  /** Closed while the run is to be held. */
  readonly gate: Gate;
  readonly feed: Feed;
  readonly recordings: Recordings;
  readonly position: Position;
  readonly checkpoints: CheckpointWriter | undefined;
  /** Evaluates on a validation set; undefined if it was stopped. */
  readonly evaluate: (
    dataset: TrainingData,
    stopping: AbortSignal,
  ) => Promise<Evaluation<Metrics> | undefined>;
  /** Sees all work that is started. */
  readonly track: <T>(work: Promise<T>) => Promise<T>;
  /** Aborted when the trainer ends. */
  readonly ending: AbortSignal;
}

/** A run, from its first event to its last. */
export class Run {
  readonly #parts: RunParts;
  readonly #train: TrainingData;
  readonly #options: CheckedRun;
  readonly #early: EarlyStopping | undefined;
  readonly #profile: Profile;
  /** Aborted when the trainer ends or the user's signal is: nothing is waited for any longer. */
  readonly #stopping: AbortSignal;

  /** `resumed` is the checkpoint that it goes on from; the position is then that of the checkpoint. */
  constructor(parts: RunParts, train: TrainingData, options: CheckedRun, resumed: Resumed | undefined) {
    this.#parts = parts;
    this.#train = train;
    this.#options = options;
    this.#profile = new Profile(options.profile);
    this.#stopping = AbortSignal.any([parts.ending, ...(options.signal ? [options.signal] : [])]);
    const { position, model } = parts;
    this.#early = options.earlyStopping && new EarlyStopping(options.earlyStopping, model);
    if (!resumed) {
      position.startRun();
      return;
    }
    const { state, path, kept } = resumed;
    if (position.open) checkAlike(path, state.config, this.#config);
    if (state.earlyStopping) this.#early?.load(state.earlyStopping, kept);
  }

  get #step(): number {
    return this.#parts.optimizer.stepCount;
  }

  get #stopped(): boolean {
    return this.#stopping.aborted || (this.#early?.due ?? false);
  }

  get #config() {
    const { model, optimizer, seed, precision, accumulate } = this.#parts;
    const { batchSize, shuffle } = this.#options;
    return {
      model: describeModel(model),
      optimizer: optimizer.constructor.name,
      ...{ seed, precision, examples: this.#train.size, batchSize, accumulate, shuffle },
    };
  }

  async *events(): AsyncGenerator<TrainerEvent<Metrics>, void, void> {
    const { recordings } = this.#parts;
    const profile = this.#profile;
    try {
      await profile.open();
      recordings.profile = profile;
      for await (const event of this.#told()) {
        const consumed = profile.begin("consumer");
        yield event;
        consumed();
      }
    } finally {
      recordings.profile = undefined;
      this.#early?.dispose();
      await profile.close();
    }
  }

  async *#told(): AsyncGenerator<TrainerEvent<Metrics>, void, void> {
    const { position, checkpoints } = this.#parts;
    await checkpoints?.open();
    const last = position.before + this.#options.epochs;
    while ((position.open || position.epoch < last) && !this.#stopped) {
      position.startEpoch();
      yield* this.#epoch();
      if (position.whole.examples < this.#train.size) break; // it was stopped
      yield* this.#endEpoch(position.epoch === last);
    }
    yield* await this.#decisions();
    const reason = this.#reason;
    if (checkpoints && checkpoints.written !== this.#step && !this.#parts.ending.aborted)
      yield* this.#checkpoint();
    if (reason !== "aborted") this.#early?.restore();
    const [best, profile] = [this.#early?.best, this.#profile.times];
    const more = { ...(best && { best }), ...(profile && { profile }) };
    yield { type: "end", reason, step: this.#step, epoch: position.epoch, ...more };
  }

  get #reason(): EndReason {
    if (this.#early?.due) return "stoppedEarly";
    return this.#stopped ? "aborted" : "completed";
  }

  /** The steps of an epoch from where the position is; a run that is stopped ends them early. */
  async *#epoch(): AsyncGenerator<TrainerEvent<Metrics>, void, void> {
    const { position } = this.#parts;
    const began = performance.now() - 1000 * position.seconds;
    yield* this.#hold();
    let [since, examples] = [performance.now(), 0];
    // A run that was stopped here owes the evaluation.
    if (position.taken > 0 && this.#isEvaluation(this.#step)) yield* this.#evaluation();
    for await (const result of inOrder(this.#steps())) {
      const { step, size, gradNorm, lr } = result;
      position.take(result);
      examples += size;
      const now = performance.now();
      position.seconds = (now - began) / 1000;
      if (step % this.#options.logEvery === 0) {
        const examplesPerSecond = (examples / (now - since)) * 1000;
        const mean = position.recent.value;
        position.log();
        yield { type: "step", step, epoch: position.epoch, loss: mean, gradNorm, lr, examplesPerSecond };
        yield* await this.#decisions();
        [since, examples] = [now, 0];
      }
      if (this.#isWatched(step) && !this.#parts.ending.aborted) {
        const parameters = await this.#parts.optimizer.telemetry();
        yield { type: "telemetry", step, epoch: position.epoch, parameters };
      }
      if (this.#isEvaluation(step) && !this.#stopped) yield* this.#evaluation();
      if (this.#isCheckpoint(step) && !this.#parts.ending.aborted) yield* this.#checkpoint();
      yield* this.#hold();
    }
  }

  /** Waits while the gate is closed. */
  async *#hold(): AsyncGenerator<TrainerEvent<Metrics>, void, void> {
    const { gate, position } = this.#parts;
    if (!gate.closed || this.#stopped) return;
    yield { type: "pause", step: this.#step, epoch: position.epoch };
    while (gate.closed && !this.#stopped) await gate.passed(this.#options.signal);
    yield { type: "resume", step: this.#step, epoch: position.epoch };
  }

  #steps(): AsyncIterable<Started<StepResult>> {
    const stopped = (): boolean => this.#stopped;
    const gates = { stopped, stopping: this.#stopping, pauses: this.#pauses };
    return startSteps(this.#parts, this.#train, this.#options, gates, this.#profile);
  }

  /** After all steps of an epoch. It stays open until its evaluation is done: a run that is stopped before owes that. */
  async *#endEpoch(isLast: boolean): AsyncGenerator<TrainerEvent<Metrics>, void, void> {
    const { position, checkpoints } = this.#parts;
    const { validation, evaluateEvery } = this.#options;
    const { epoch, seconds } = position;
    const { value: loss, examples } = position.whole;
    const examplesPerSecond = examples / seconds;
    yield { type: "epoch", step: this.#step, epoch, loss, examples, seconds, examplesPerSecond };
    if (validation && (evaluateEvery === undefined || isLast) && position.evaluated !== this.#step) {
      if (!this.#stopped) yield* this.#evaluation();
      if (position.evaluated !== this.#step) return;
    }
    position.open = false;
    const due = checkpoints?.isDueAfterEpoch(epoch) || checkpoints?.isBest(this.#figures);
    if (due && !this.#parts.ending.aborted) yield* this.#checkpoint();
  }

  /** Whether nothing is started after a step before it has been dealt with. */
  readonly #pauses = (step: number): boolean =>
    this.#isEvaluation(step) ||
    this.#isWatched(step) ||
    (this.#parts.checkpoints?.isDueAfterStep(step) ?? false);

  #isWatched(step: number): boolean {
    const { watch } = this.#parts;
    return watch > 0 && step % watch === 0;
  }

  #isEvaluation(step: number): boolean {
    const { validation, evaluateEvery } = this.#options;
    const due = validation !== undefined && evaluateEvery !== undefined && step % evaluateEvery === 0;
    return due && this.#parts.position.evaluated !== step;
  }

  #isCheckpoint(step: number): boolean {
    const { checkpoints, position } = this.#parts;
    if (!checkpoints) return false;
    return (
      checkpoints.isDueAfterStep(step) || (position.evaluated === step && checkpoints.isBest(this.#figures))
    );
  }

  /** Figures of an evaluation of the parameters as they are. */
  get #figures(): Record<string, number> | undefined {
    const { figures, evaluated } = this.#parts.position;
    return figures && evaluated === this.#step ? scalarsOf(figures) : undefined;
  }

  async *#evaluation(): AsyncGenerator<TrainerEvent<Metrics>, void, void> {
    const { position, plateau, evaluate, averaged, optimizer } = this.#parts;
    const { validation } = this.#options;
    if (!validation) return;
    const evaluating = async (): Promise<Evaluation<Metrics> | undefined> => {
      const figures = await evaluate(validation, this.#stopping);
      if (figures) this.#early?.report(figures, this.#step); // which may keep the parameters that were evaluated
      return figures;
    };
    const figures = await this.#profile.wait("evaluation", () =>
      averaged ? optimizer.withAverage(evaluating) : evaluating(),
    );
    if (!figures) return;
    position.evaluated = this.#step;
    position.figures = figures;
    plateau?.report(figures.loss);
    yield { type: "eval", step: this.#step, epoch: position.epoch, ...figures };
  }

  async *#checkpoint(): AsyncGenerator<TrainerEvent<Metrics>, void, void> {
    const { checkpoints, position, plateau } = this.#parts;
    if (!checkpoints) return;
    yield* await this.#decisions(); // a run that goes on from here tells later ones alone
    const early = this.#early;
    const figures = this.#figures;
    const write = async () =>
      checkpoints.write({
        config: this.#config,
        position: position.state(),
        ...(figures && { figures }),
        ...(plateau && { plateau: plateau.state() }),
        ...(early && { earlyStopping: early.state() }),
        kept: await early?.kept(),
      });
    const written = await this.#profile.wait("checkpoint", write);
    yield { type: "checkpoint", step: this.#step, epoch: position.epoch, ...written };
  }

  /** What the guard has decided since the last time. */
  async #decisions(): Promise<GuardStepEvent[]> {
    const { guarded, ending, optimizer, position } = this.#parts;
    if (!guarded || ending.aborted) return [];
    const events = await optimizer.events();
    return events.map((event) => ({ ...event, step: event.attempt, epoch: position.epoch }));
  }
}
