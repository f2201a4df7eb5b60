// What a training run tells while it goes on. Steps and epochs are counted from 1, over all runs of a trainer.

import type { GuardEvent } from "../optim/guard.js";

/** Figures of a dataset under the model as it is. */
export interface Evaluation {
  /** Mean over all examples. */
  readonly loss: number;
  /** Share of examples whose largest logit is their label; only for labels (integers, one per row of the output). */
  readonly accuracy?: number;
  readonly examples: number;
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
export interface EvalEvent extends Evaluation {
  readonly type: "eval";
  readonly step: number;
  readonly epoch: number;
}

/** The last event of a run that was not left early by its consumer. */
export interface EndEvent {
  readonly type: "end";
  readonly reason: "completed" | "aborted";
  readonly step: number;
  readonly epoch: number;
}

/** A decision of the guard; `step` is the attempt that it was about. */
export interface GuardStepEvent extends GuardEvent {
  readonly step: number;
  readonly epoch: number;
}

/** `guard` events come with the step events, and at the end of the run. */
export type TrainerEvent = StepEvent | EpochEvent | EvalEvent | GuardStepEvent | EndEvent;
