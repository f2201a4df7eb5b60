// Charts as figures: a smoothed line shows what its points show.

import { expect } from "chai";
import type { LoggedEvent } from "../../lib/index.js";
import type { Chart } from "../../lib/report/chart.js";
import { compareCharts } from "../../lib/report/compare-charts.js";
import { RunFigures } from "../../lib/report/figures.js";
import { runCharts } from "../../lib/report/run-charts.js";
import { type Point, smoothed } from "../../lib/report/series.js";
import { random } from "../support/numbers.js";

/** A run whose loss and gradient norm are what `value` gives for each of its steps. */
function runOf(value: (step: number) => number, steps = 1000): RunFigures {
  const events = Array.from({ length: steps }, (_, i): LoggedEvent => {
    const step = i + 1;
    const figures = { loss: value(step), gradNorm: value(step), lr: 1, examplesPerSecond: 100 };
    return { type: "step", step, epoch: 1, at: step, ...figures };
  });
  return RunFigures.of({ name: "run", started: new Date(0), description: {}, config: {}, events });
}

const drawn = (
  charts: readonly Chart[],
  title: string,
  curve: string,
): readonly (readonly [number, number])[] =>
  charts.find((chart) => chart.title === title)?.curves.find(({ name }) => name === curve)?.points ?? [];

describe("a smoothed line", () => {
  const next = random(1);
  const noise = Float64Array.from({ length: 1001 }, () => 0.8 + 0.4 * next());
  /** Falls by five decades, most of it at the start. */
  const loss = (step: number): number => ((noise[step] ?? 1) * 2) / (1 + (step / 20) ** 3);
  const run = runOf(loss);

  it("stays where its points are, however many decades they fall", () => {
    const lines = {
      "the training loss": drawn(runCharts(run), "Loss", "training, smoothed"),
      "the gradient norm": drawn(runCharts(run), "Gradient norm", "gradient norm, smoothed"),
      "the loss of one of several runs": drawn(compareCharts([run, run]), "Training loss by steps", "run"),
    };
    for (const [what, line] of Object.entries(lines)) {
      expect(line.length, what).to.equal(1000);
      for (const [step, value] of line) {
        const around = Array.from({ length: 51 }, (_, i) => step + i - 25)
          .filter((at) => at >= 1 && at <= 1000)
          .map(loss);
        expect(value, `${what} at step ${step}`).to.be.within(Math.min(...around), Math.max(...around));
        if (step > 200) expect(value / loss(step), `${what} at step ${step}`).to.be.within(0.7, 1.5);
      }
    }
  });

  it("is calmer than its points, and a mean of values where the axis is linear", () => {
    const speeds = runOf((step) => (step % 2 === 0 ? 1 : 9));
    const line = drawn(runCharts(speeds), "Gradient norm", "gradient norm, smoothed");
    for (const [step, value] of line.slice(50)) expect(value, `step ${step}`).to.be.within(4.5, 5.5);
  });

  it("passes over points that are not finite, and leaves a gap there", () => {
    const values = [8, Number.NaN, 2, Number.POSITIVE_INFINITY, 0.5];
    const points = values.map((value, i): Point => ({ step: i, seconds: i, value }));
    const shown = (log: boolean) => smoothed(points, 2, log).map(({ value }) => value);
    expect(shown(true)).to.deep.equal([8, Number.NaN, 2, Number.POSITIVE_INFINITY, 1]);
    expect(shown(false)).to.deep.equal([8, Number.NaN, 3.5, Number.POSITIVE_INFINITY, 1.25]);
    expect(smoothed([], 2, true)).to.deep.equal([]);
  });
});
