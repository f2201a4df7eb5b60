// What the trials of a task say about each optimizer.

import type { OptimizerSummary, SweepPoint, UsableRange } from "../train/sweep-summary.js";
import { type Convergence, convergenceOf, type Sample, sampleOf } from "./measures.js";
import type { OptimizerName } from "./names.js";
import { OPTIMIZERS } from "./optimizers.js";
import type { Overhead } from "./overhead.js";
import type { Task, TaskMetric } from "./tasks.js";
import type { CurvePoint, TrialRecord } from "./trial.js";

/** An optimizer on a task. */
export interface OptimizerResult {
  readonly optimizer: OptimizerName;
  readonly title: string;
  readonly adaptive: boolean;
  /** By growing learning rate: the metric on the validation set at the end. */
  readonly points: readonly SweepPoint[];
  /** The learning rate of the best mean there, and what it gives; undefined if there is a trial that diverged at each. */
  readonly chosen: { readonly lr: number; readonly validation: Sample; readonly test: Sample } | undefined;
  readonly convergence: Convergence;
  /** Mean over the seeds at the learning rate of `convergence`. */
  readonly curve: readonly CurvePoint[];
  /** Learning rates whose results are nearly the best of all optimizers; `open` ends are those of what was tried. */
  readonly usable: (UsableRange & { readonly openBelow: boolean; readonly openAbove: boolean }) | undefined;
  readonly overhead: Overhead;
}

/** A task, and every optimizer on it. */
export interface TaskResult {
  readonly name: string;
  readonly about: string;
  readonly model: string;
  readonly metric: TaskMetric;
  readonly sparse: boolean;
  readonly batchSize: number;
  /** Of each training, and between evaluations. */
  readonly steps: number;
  readonly every: number;
  readonly examples: { readonly fit: number; readonly validation: number; readonly test: number };
  readonly optimizers: readonly OptimizerResult[];
}

export function taskResult(
  task: Task,
  trials: readonly TrialRecord[],
  summary: readonly OptimizerSummary<OptimizerName>[],
  overheads: readonly Overhead[],
): TaskResult {
  const { name, about, model, metric, sparse, batchSize, epochs, every, fit, validation, test } = task;
  const optimizers = summary.map((own, i) => {
    const records = trials.filter(({ optimizer }) => optimizer === own.optimizer);
    return optimizerResult(metric, own, records, overheads[i] as Overhead);
  });
  return {
    ...{ name, about, model, metric, sparse, batchSize, every, optimizers },
    steps: epochs * Math.ceil(fit.size / batchSize),
    examples: { fit: fit.size, validation: validation.size, test: test.size },
  };
}

function optimizerResult(
  { score, target }: TaskMetric,
  { optimizer, points, best, usable }: OptimizerSummary<OptimizerName>,
  trials: readonly TrialRecord[],
  overhead: Overhead,
): OptimizerResult {
  const { title, adaptive } = OPTIMIZERS[optimizer];
  const at = (lr: number): TrialRecord[] => trials.filter((trial) => trial.lr === lr);
  const convergence = convergenceOf(trials, score, target);
  const tried = points.map(({ lr }) => lr);
  return {
    ...{ optimizer, title, adaptive, points, convergence, overhead },
    chosen: best && {
      lr: best.lr,
      validation: sampleOf(at(best.lr).map((trial) => trial.validation)),
      test: sampleOf(at(best.lr).map((trial) => trial.test)),
    },
    curve: meanCurve(at(convergence.lr).map(({ curve }) => curve)),
    usable: usable && {
      ...usable,
      openBelow: usable.from === tried[0],
      openAbove: usable.to === tried.at(-1),
    },
  };
}

/** The means of curves at each step, as far as the shortest goes. */
export function meanCurve(curves: readonly (readonly CurvePoint[])[]): CurvePoint[] {
  const length = Math.min(...curves.map((curve) => curve.length));
  return (curves[0] ?? []).slice(0, length).map(({ step }, i) => {
    const points = curves.map((curve) => curve[i] as CurvePoint);
    const mean = (of: (point: CurvePoint) => number): number => sampleOf(points.map(of)).mean;
    return { step, loss: mean(({ loss }) => loss), value: mean(({ value }) => value) };
  });
}
