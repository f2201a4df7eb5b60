// One training of the comparison, and what is recorded of it.

import type { Device } from "../device/device.js";
import type { Evaluation } from "../train/events.js";
import type { Trial } from "../train/sweep.js";
import { Trainer } from "../train/trainer.js";
import type { OptimizerName } from "./names.js";
import type { Task } from "./tasks.js";

/** An evaluation during a training. */
export interface CurvePoint {
  readonly step: number;
  /** Training loss: mean over the examples since the evaluation before. */
  readonly loss: number;
  /** The metric of the task on the validation set; NaN if the loss was not finite. */
  readonly value: number;
}

/** A training as it was recorded. */
export interface TrialRecord {
  readonly optimizer: OptimizerName;
  readonly lr: number;
  readonly seed: number;
  /** By growing steps; one that diverged ends there. */
  readonly curve: readonly CurvePoint[];
  /** The metrics of the model at its end, of the validation set and of the test set; NaN if it diverged. */
  readonly validation: number;
  readonly test: number;
  /** Wall time, evaluations included. */
  readonly seconds: number;
}

/** Trains a new model from the seed of the trial: at a learning rate that stays what it is, without clipping or guard. */
export async function runTrial(
  device: Device,
  task: Task,
  { optimizer: name, lr, seed, make, signal }: Trial<OptimizerName>,
): Promise<TrialRecord> {
  const { loss, inputScale, fit, validation, test, batchSize, epochs, every } = task;
  const began = performance.now();
  using model = task.makeModel().to(device, { seed });
  using optimizer = make(model.parameters());
  await using trainer = new Trainer({ device, model, optimizer, loss, inputScale, seed });
  const curve: CurvePoint[] = [];
  const run = { epochs, batchSize, validation, evaluateEvery: every, logEvery: every };
  let trained = Number.NaN;
  for await (const event of trainer.run(fit, { ...run, ...(signal && { signal }) })) {
    if (event.type === "step") trained = event.loss;
    if (event.type === "eval") curve.push({ step: event.step, loss: trained, value: metricOf(task, event) });
    if (!Number.isFinite(trained) && event.type === "step") break; // nothing comes back from there
  }
  signal?.throwIfAborted();
  const last = Number.isFinite(trained) ? (curve.at(-1)?.value ?? Number.NaN) : Number.NaN;
  const tested = Number.isNaN(last) ? Number.NaN : metricOf(task, await trainer.evaluate(test));
  const seconds = (performance.now() - began) / 1000;
  return { optimizer: name, lr, seed, curve, validation: last, test: tested, seconds };
}

function metricOf(task: Task, { loss, accuracy = Number.NaN }: Evaluation): number {
  if (!Number.isFinite(loss)) return Number.NaN; // the largest of logits that are none would be some class
  return task.metric.score === "accuracy" ? accuracy : task.metricOf(loss);
}
