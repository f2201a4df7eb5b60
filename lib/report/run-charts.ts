// The charts of one run.

import type { Axis, Chart, Curve } from "./chart.js";
import type { RunFigures } from "./figures.js";
import { type NamedSeries, type Point, smoothed } from "./series.js";

export const STEPS: Axis = { name: "steps" };
/** From so many points on a curve is shown smoothed, with its points behind it. */
const MANY = 60;
/** Parameters that a chart shows: more cannot be told apart. */
const MOST_PARAMETERS = 10;

export const bySteps = (points: readonly Point[]): (readonly [number, number])[] =>
  points.map(({ step, value }) => [step, value]);

export const valuesOf = (points: readonly Point[]): number[] => points.map(({ value }) => value);

/** Whether values span so much that only a logarithmic axis shows them all. */
export function spansDecades(all: readonly number[]): boolean {
  const values = all.filter(Number.isFinite);
  if (values.length === 0) return false;
  const [low, high] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  return low > 0 && high / low > 30;
}

/** A noisy curve, on a logarithmic axis or another: smoothed, its points faint behind it. */
export function noisy(name: string, points: readonly Point[], color: number, log: boolean): Curve[] {
  if (points.length < MANY) return [{ name, points: bySteps(points), color }];
  return [
    { name: `${name}, each`, points: bySteps(points), color, style: "faint" },
    { name: `${name}, smoothed`, points: bySteps(smoothed(points, points.length / 40, log)), color },
  ];
}

/** All charts that the run has figures for. */
export function runCharts(run: RunFigures): Chart[] {
  const charts = [lossChart(run), ...metricCharts(run), lrChart(run), gradChart(run)];
  charts.push(ratioChart(run), gradNormsChart(run), speedChart(run), memoryChart(run));
  return charts.filter(({ curves }) =>
    curves.some(({ points, style }) => points.length > 0 && style !== "reference"),
  );
}

function lossChart(run: RunFigures): Chart {
  const validation = run.evaluations.get("loss")?.points ?? [];
  const log = spansDecades(valuesOf([...run.trainLoss.points, ...validation]));
  const curves = [
    ...noisy("training", run.trainLoss.points, 0, log),
    ...(validation.length > 0
      ? [{ name: "validation", points: bySteps(validation), color: 1, style: "dashed" as const }]
      : []),
    ...decisionMarks(run),
  ];
  return {
    title: "Loss",
    caption:
      run.decisionCount > 0
        ? "Mean loss of the training batches and on the validation set; triangles are decisions of the guard."
        : "Mean loss of the training batches, and on the validation set.",
    x: STEPS,
    y: { name: "loss", log },
    curves,
  };
}

/** Where the guard did something, at the height of the loss there. */
function decisionMarks({ decisions, trainLoss }: RunFigures): Curve[] {
  const losses = trainLoss.points.filter(({ value }) => Number.isFinite(value));
  if (decisions.length === 0 || losses.length === 0) return [];
  const lossAt = (step: number): number =>
    (losses.findLast((point) => point.step <= step) ?? losses[0])?.value ?? Number.NaN;
  const points = decisions.map(({ step }) => [step, lossAt(step)] as const);
  return [{ name: "guard", points, style: "warning" }];
}

/** Each figure of the evaluations beside the loss. */
function metricCharts({ evaluations }: RunFigures): Chart[] {
  const own = evaluations.entries.filter(([name]) => name !== "loss");
  return own.map(([name, { points }]) => ({
    title: capital(name),
    caption: "On the validation set.",
    x: STEPS,
    y: metricAxis(name),
    curves: [{ name, points: bySteps(points) }],
  }));
}

/** The axis of a figure of the evaluations. */
export const metricAxis = (name: string): Axis =>
  name === "accuracy" ? { name: "accuracy (%)", unit: "percent" } : { name };

export const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

function lrChart({ lr }: RunFigures): Chart {
  const curves = [{ name: "learning rate", points: bySteps(lr.points) }];
  return {
    title: "Learning rate",
    caption: "Of the first parameter group, with schedule and guard.",
    x: STEPS,
    y: { name: "learning rate", zero: true },
    curves,
  };
}

function gradChart({ gradNorm }: RunFigures): Chart {
  const log = spansDecades(valuesOf(gradNorm.points));
  return {
    title: "Gradient norm",
    caption: "Norm over all parameters, before clipping.",
    x: STEPS,
    y: { name: "norm", log },
    curves: noisy("gradient norm", gradNorm.points, 0, log),
  };
}

/** The parameters of a chart: those that are largest at the end, if there are too many. */
function parameterCurves(series: NamedSeries): { curves: Curve[]; note: string } {
  const all = series.entries;
  if (all.length <= MOST_PARAMETERS) {
    return { curves: all.map(([name, { points }]) => ({ name, points: bySteps(points) })), note: "" };
  }
  const size = (entry: (typeof all)[number]): number => entry[1].last?.value || 0;
  const largest = [...all].sort((a, b) => size(b) - size(a)).slice(0, MOST_PARAMETERS);
  const curves = all
    .filter((entry) => largest.includes(entry))
    .map(([name, { points }]) => ({ name, points: bySteps(points) }));
  return { curves, note: ` The ${MOST_PARAMETERS} that are largest at the end, of ${all.length}.` };
}

function ratioChart({ updateRatios }: RunFigures): Chart {
  const { curves, note } = parameterCurves(updateRatios);
  const steps = curves.flatMap(({ points }) => points.map(([step]) => step));
  const [from, to] = [Math.min(...steps), Math.max(...steps)];
  const healthy: Curve = {
    name: "1e-3, usual",
    points: [
      [from, 1e-3],
      [to, 1e-3],
    ],
    style: "reference",
  };
  return {
    title: "Update-to-weight ratio by parameter",
    caption: `Norm of a step's change over the norm of the parameter. Far above 1e-3 steps are large, far below it they are small.${note}`,
    x: STEPS,
    y: { name: "ratio", log: true },
    curves: steps.length > 0 ? [...curves, healthy] : [],
  };
}

function gradNormsChart({ gradNorms }: RunFigures): Chart {
  const { curves, note } = parameterCurves(gradNorms);
  return {
    title: "Gradient norm by parameter",
    caption: `Before clipping.${note}`,
    x: STEPS,
    y: { name: "norm", log: true },
    curves,
  };
}

function speedChart({ speed }: RunFigures): Chart {
  return {
    title: "Speed",
    caption: "Training examples per second, evaluations and checkpoints included.",
    x: STEPS,
    y: { name: "examples per second", zero: true },
    curves: noisy("examples per second", speed.points, 0, false),
  };
}

function memoryChart({ memory }: RunFigures): Chart {
  return {
    title: "Device memory",
    caption: "In buffers at the end of each epoch, and the most so far.",
    x: STEPS,
    y: { name: "bytes", unit: "bytes" },
    curves: memory.entries.map(([name, { points }]) => ({ name, points: bySteps(points) })),
  };
}
