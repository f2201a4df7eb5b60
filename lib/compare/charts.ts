// The charts of a task: how soon each optimizer gets where, and how much that depends on the learning rate.

import type { Axis, Chart, Curve } from "../report/chart.js";
import { spansDecades } from "../report/run-charts.js";
import type { TaskResult } from "./results.js";

/** A chart with the name of its file, without the ending. */
export interface NamedChart {
  readonly name: string;
  readonly chart: Chart;
}

export function chartsOf(task: TaskResult): NamedChart[] {
  return [
    { name: `${task.name}-steps`, chart: byStep(task) },
    { name: `${task.name}-rates`, chart: byRate(task) },
  ];
}

const axisOf = ({ metric }: TaskResult, curves: readonly Curve[]): Axis =>
  metric.score === "accuracy"
    ? { name: metric.name, unit: "percent" }
    : { name: metric.name, log: spansDecades(curves.flatMap(({ points }) => points.map(([, y]) => y))) };

function byStep(task: TaskResult): Chart {
  const { metric, optimizers, steps } = task;
  const curves = optimizers.map(
    ({ title, convergence, curve }): Curve => ({
      name: `${title}, ${convergence.lr}`,
      points: curve.map(({ step, value }) => [step, value]),
    }),
  );
  const level = [0, steps].map((step) => [step, metric.target] as const);
  return {
    title: `${task.name}: validation by steps`,
    caption: "Each optimizer at the learning rate that is soonest at the target; mean over the seeds.",
    x: { name: "steps" },
    y: axisOf(task, curves),
    curves: [...curves, { name: "target", points: level, style: "reference" }],
  };
}

function byRate(task: TaskResult): Chart {
  const curves = task.optimizers.map(
    ({ title, points }): Curve => ({ name: title, points: points.map(({ lr, mean }) => [lr, mean]) }),
  );
  return {
    title: `${task.name}: robustness to the learning rate`,
    caption:
      "The validation set at the end, mean over the seeds. The flatter and wider, the less there is to tune; a gap is where a trial diverged.",
    x: { name: "learning rate", log: true },
    y: axisOf(task, curves),
    curves,
  };
}
