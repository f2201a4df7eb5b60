// What a training run tells while it goes on. Steps and epochs are counted from 1, over all runs of a trainer.

import type { GuardEvent } from "../optim/guard.js";
import type { Telemetry } from "../optim/telemetry.js";
import type { Metrics, MetricValues, NoMetrics } from "./metrics.js";
import type { PhaseTimes } from "./profile.js";

/** Figures of a dataset under the model as it is. */
export interface Evaluation<M extends Metrics = NoMetrics> {
  /** Mean over all examples. */
  readonly loss: number;
  /** Share of examples whose largest logit is their label; only for labels (integers, one per row of the output). */
  readonly accuracy?: number;
  readonly examples: number;
  /** What the trainer's `metrics` give, by name. */
  readonly metrics: MetricValues<M>;
}

/** Every `logEvery` steps. While it is handled, one further step may be under way. */
export interface StepEvent {
  readonly type: "step";
  readonly step: number;
  readonly epoch: number;
  /** Mean over the examples since the step event before, or since the epoch began. */
  readonly loss: number;
  /** Global norm of this step's gradient, before clipping. */
  readonly gradNorm: number;
  /** Learning rate of this step, with the schedule. */
  readonly lr: number;
  /** Over the same examples as the loss. */
  readonly examplesPerSecond: number;
}

/** At the end of an epoch, when all its steps have run. */
export interface EpochEvent {
  readonly type: "epoch";
  readonly step: number;
  readonly epoch: number;
  /** Mean over the examples of the epoch, each as the model was when it came. */
  readonly loss: number;
  readonly examples: number;
  readonly seconds: number;
  readonly examplesPerSecond: number;
}

/** After an evaluation on the validation set; no step is under way. */
export interface EvalEvent<M extends Metrics = NoMetrics> extends Evaluation<M> {
  readonly type: "eval";
  readonly step: number;
  readonly epoch: number;
}

/** After a checkpoint was written; no step is under way. */
export interface CheckpointEvent {
  readonly type: "checkpoint";
  readonly step: number;
  readonly epoch: number;
  /** The folder of the checkpoint. */
  readonly path: string;
  readonly bytes: number;
  /** That reading from the device and writing took. */
  readonly seconds: number;
  /** Whether its evaluation is the best so far, by `keepBest`. */
  readonly best: boolean;
}

/** When a run is held by `trainer.pause()`, and when it goes on; while it is held, no step is started. */
export interface PauseEvent {
  readonly type: "pause" | "resume";
  readonly step: number;
  readonly epoch: number;
}

/** Every `watch` steps: what the step did to each dense parameter; no step is under way. */
export interface TelemetryEvent {
  readonly type: "telemetry";
  readonly step: number;
  readonly epoch: number;
  readonly parameters: readonly Telemetry[];
}

/** How a run ended. */
export type EndReason = "completed" | "aborted" | "stoppedEarly";

/** The last event of a run that was not left early by its consumer. */
export interface EndEvent {
  readonly type: "end";
  readonly reason: EndReason;
  readonly step: number;
  readonly epoch: number;
  /** Of early stopping: the best value of its metric, and the step of that evaluation. */
  readonly best?: { readonly value: number; readonly step: number };
  /** Of a run with `profile`: how often and how long each phase was. */
  readonly profile?: PhaseTimes;
}

/** A decision of the guard; `step` is the attempt that it was about. */
export interface GuardStepEvent extends GuardEvent {
  readonly step: number;
  readonly epoch: number;
}

/** `guard` events come with the step events, and at the end of the run. `M` are the trainer's metrics. */
export type TrainerEvent<M extends Metrics = NoMetrics> =
  | StepEvent
  | EpochEvent
  | EvalEvent<M>
  | GuardStepEvent
  | TelemetryEvent
  | CheckpointEvent
  | PauseEvent
  | EndEvent;
