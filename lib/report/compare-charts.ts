// The charts of several runs side by side: by steps, by seconds, by bytes of state, and by learning rate.

import {
  type OptimizerSummary,
  type Score,
  summarizeSweep,
  type TrialResult,
} from "../train/sweep-summary.js";
import type { Chart, Curve } from "./chart.js";
import type { RunFigures } from "./figures.js";
import { bySteps, capital, metricAxis, STEPS, spansDecades, valuesOf } from "./run-charts.js";
import { type Point, smoothed } from "./series.js";

/** Curves that a chart shows: more cannot be told apart. */
const MOST_RUNS = 10;

/** What runs are compared by: the accuracy if all that were evaluated have one, else the loss. */
export function scoreOf(runs: readonly RunFigures[]): Score {
  return runs.every((run) => run.best("accuracy") || !run.best("loss")) &&
    runs.some((run) => run.best("accuracy"))
    ? "accuracy"
    : "loss";
}

/** The score of a run at its best: of the evaluations, or without any the last training loss. NaN if it diverged. */
export function scoreAt(run: RunFigures, score: Score): number {
  const last = run.trainLoss.last?.value ?? Number.NaN;
  return run.best(score)?.value ?? (score === "loss" ? last : Number.NaN);
}

/** The runs that curves are drawn of: all, or of many the best, each optimizer's best before the second of any. */
export function shownRuns(runs: readonly RunFigures[], score = scoreOf(runs)): readonly RunFigures[] {
  if (runs.length <= MOST_RUNS) return runs;
  const sign = score === "accuracy" ? -1 : 1;
  const rank = (run: RunFigures): number => {
    const value = sign * scoreAt(run, score);
    return Number.isNaN(value) ? Number.POSITIVE_INFINITY : value;
  };
  const sorted = [...runs].sort((a, b) => rank(a) - rank(b) || 0);
  const places = new Map<string, number>();
  const placed = sorted.map((run) => {
    const optimizer = run.description.optimizer ?? "";
    const place = places.get(optimizer) ?? 0;
    places.set(optimizer, place + 1);
    return { run, place };
  });
  const chosen = placed
    .sort((a, b) => a.place - b.place)
    .slice(0, MOST_RUNS)
    .map(({ run }) => run);
  return runs.filter((run) => chosen.includes(run));
}

/** All comparisons that the runs have figures for. */
export function compareCharts(runs: readonly RunFigures[]): Chart[] {
  const score = scoreOf(runs);
  const shown = shownRuns(runs, score);
  const note = shown.length < runs.length ? ` The best ${shown.length} of ${runs.length} runs.` : "";
  const charts = [
    ...lossCharts(shown, note),
    ...figureCharts(shown, note),
    stateChart(runs, score),
    ...robustnessCharts(runs),
  ];
  return charts.filter(({ curves }) => curves.some(({ points }) => points.length > 0));
}

const bySeconds = (points: readonly Point[]): (readonly [number, number])[] =>
  points.map(({ seconds, value }) => [seconds, value]);

function lossCharts(runs: readonly RunFigures[], note: string): Chart[] {
  const evaluated = runs.every((run) => run.evaluations.get("loss"));
  const losses = runs.map((run) => (evaluated ? run.evaluations.get("loss") : run.trainLoss)?.points ?? []);
  const log = spansDecades(valuesOf(losses.flat()));
  const shown = evaluated ? losses : losses.map((points) => smoothed(points, points.length / 40, log));
  const curves = (place: typeof bySteps): Curve[] =>
    runs.map((run, i) => ({ name: run.name, points: place(shown[i] ?? []), color: i }));
  const what = evaluated ? "Loss on the validation set" : "Training loss, smoothed";
  return [
    {
      title: `${evaluated ? "Validation loss" : "Training loss"} by steps`,
      caption: `${what}: what a step is worth.${note}`,
      x: STEPS,
      y: { name: "loss", log },
      curves: curves(bySteps),
    },
    {
      title: `${evaluated ? "Validation loss" : "Training loss"} by time`,
      caption: `${what}: what a second is worth, on the machine of each run.${note}`,
      x: { name: "seconds since the run began" },
      y: { name: "loss", log },
      curves: curves(bySeconds),
    },
  ];
}

/** The other figures that more than one run has. */
function figureCharts(runs: readonly RunFigures[], note: string): Chart[] {
  const names = new Set(runs.flatMap((run) => run.evaluations.entries.map(([name]) => name)));
  names.delete("loss");
  return [...names].map((name) => ({
    title: `${capital(name)} by steps`,
    caption: `On the validation set.${note}`,
    x: STEPS,
    y: metricAxis(name),
    curves: runs.flatMap((run, i) => {
      const series = run.evaluations.get(name);
      return series ? [{ name: run.name, points: bySteps(series.points), color: i }] : [];
    }),
  }));
}

const nameOf = (score: Score): string => (score === "accuracy" ? "best accuracy (%)" : "best loss");
const axisOf = (score: Score) =>
  score === "accuracy" ? ({ name: nameOf(score), unit: "percent" } as const) : { name: nameOf(score) };

/** By optimizer, in the order in which they came. */
function byOptimizer(runs: readonly RunFigures[]): (readonly [string, readonly RunFigures[]])[] {
  const names = [...new Set(runs.map(({ description }) => description.optimizer ?? "unnamed"))];
  return names.map((name) => [
    name,
    runs.filter(({ description }) => (description.optimizer ?? "unnamed") === name),
  ]);
}

function stateChart(runs: readonly RunFigures[], score: Score): Chart {
  const known = runs.filter(({ description }) => description.stateBytes !== undefined);
  const few = known.length <= MOST_RUNS;
  const curves = byOptimizer(known).map(
    ([name, own], color): Curve => ({
      name,
      points: own.map((run) => [run.description.stateBytes ?? Number.NaN, scoreAt(run, score)]),
      ...(few && { labels: own.map((run) => run.name) }),
      color,
      style: "marks",
    }),
  );
  return {
    title: "Quality by bytes of state",
    caption: "What the memory of the optimizer's state is worth: the best evaluation of each run.",
    x: { name: "optimizer state", unit: "bytes" },
    y: axisOf(score),
    curves,
  };
}

/** How the score depends on the learning rate, if some optimizer has run with more than one. */
function robustnessCharts(runs: readonly RunFigures[]): Chart[] {
  const score = scoreOf(runs);
  const trials = runs.flatMap((run): TrialResult[] => {
    const { optimizer = "unnamed", lr, seed = 0 } = run.description;
    const value = scoreAt(run, score);
    const figures = score === "accuracy" ? { loss: 0, accuracy: value } : { loss: value };
    return lr === undefined ? [] : [{ optimizer, lr, seed, ...figures }];
  });
  const summary = summarizeSweep(trials, { score, tolerance: 0.02 });
  if (!summary.some(({ points }) => points.length > 1)) return [];
  const seeds = summary.some(({ points }) => points.some(({ scores }) => scores.length > 1));
  return [
    {
      title: "Robustness to the learning rate",
      caption: `${capital(nameOf(score).replace(" (%)", ""))} by learning rate${
        seeds ? ", mean over the seeds; points are single runs" : ""
      }. The flatter and wider, the less there is to tune; a gap is a run that diverged.`,
      legend: true, // one optimizer has to be named, too
      x: { name: "learning rate", log: true },
      y: axisOf(score),
      curves: summary.flatMap((own, color) => robustnessCurves(own, color, seeds)),
    },
  ];
}

function robustnessCurves({ optimizer, points }: OptimizerSummary, color: number, seeds: boolean): Curve[] {
  const means: Curve = { name: optimizer, points: points.map(({ lr, mean }) => [lr, mean]), color };
  if (!seeds) return [means];
  const single = points.flatMap(({ lr, scores }) => scores.map((value) => [lr, value] as const));
  return [means, { name: optimizer, points: single, color, style: "marks" }];
}
