// Measures of curves that are known.

import { expect } from "chai";
import { convergenceOf, differenceOf, median, sampleOf, stepsToTarget } from "../../lib/compare/measures.js";
import { meanCurve } from "../../lib/compare/results.js";
import type { CurvePoint, TrialRecord } from "../../lib/compare/trial.js";

/** Evaluations every ten steps. */
const curveOf = (...values: number[]): CurvePoint[] =>
  values.map((value, i) => ({ step: 10 * (i + 1), loss: 1 - value, value }));

const trial = (lr: number, seed: number, ...values: number[]): TrialRecord => ({
  ...{ optimizer: "adam" as const, lr, seed, curve: curveOf(...values), seconds: 1 },
  validation: values.at(-1) ?? Number.NaN,
  test: 0.5,
});

describe("Measures of a comparison", () => {
  it("steps to a target: the first evaluation that reaches it, upwards or downwards", () => {
    expect(stepsToTarget(curveOf(0.1, 0.9, 0.5, 0.95), "accuracy", 0.9)).to.equal(20);
    expect(stepsToTarget(curveOf(4, 3, 2.5, 2.4), "loss", 2.5)).to.equal(30);
    expect(stepsToTarget(curveOf(0.1, 0.2), "accuracy", 0.9)).to.equal(Number.POSITIVE_INFINITY);
    expect(stepsToTarget([], "loss", 1)).to.equal(Number.POSITIVE_INFINITY);
  });

  it("a curve that diverged reaches nothing from there on", () => {
    for (const score of ["accuracy", "loss"] as const)
      expect(stepsToTarget(curveOf(Number.NaN, Number.NaN), score, 0)).to.equal(Number.POSITIVE_INFINITY);
    expect(stepsToTarget(curveOf(0.95, Number.NaN), "accuracy", 0.9)).to.equal(10);
  });

  it("medians, of which infinities are a part", () => {
    expect(median([3, 1, 2])).to.equal(2);
    expect(median([4, 1, 3, 2])).to.equal(2.5);
    expect(median([7])).to.equal(7);
    expect(median([])).to.be.NaN;
    const never = Number.POSITIVE_INFINITY;
    expect(median([never, 1, 2])).to.equal(2);
    expect(median([never, never, 2])).to.equal(never);
    expect(median([never, never])).to.equal(never);
    expect(median([1, never])).to.equal(never);
  });

  it("means, deviations and the error of a difference: by hand", () => {
    const a = sampleOf([1, 2, 3]);
    expect(a).to.eql({ mean: 2, spread: 1, count: 3 });
    const b = sampleOf([2, 4, 6, 8]);
    expect(b.mean).to.equal(5);
    expect(b.spread ** 2).to.be.closeTo(20 / 3, 1e-12); // (9 + 1 + 1 + 9) / 3
    const { value, error } = differenceOf(a, b);
    expect(value).to.equal(-3);
    expect(error).to.be.closeTo(Math.sqrt(1 / 3 + 20 / 12), 1e-12);
    expect(sampleOf([4]).spread).to.be.NaN;
    expect(differenceOf(sampleOf([4]), a).error).to.be.NaN;
  });

  it("convergence: the learning rate of the smallest median, of equals the smaller", () => {
    const slow = [
      trial(0.01, 1, 0.1, 0.5, 0.9),
      trial(0.01, 2, 0.1, 0.5, 0.9),
      trial(0.01, 3, 0.9, 0.9, 0.9),
    ];
    const fast = [trial(1, 1, 0.1, 0.9, 0.9), trial(1, 2, 0.1, 0.9, 0), trial(1, 3, 0.1, 0.1, 0.1)];
    const alike = fast.map((own) => ({ ...own, lr: 0.1 }));
    expect(convergenceOf([...fast, ...slow], "accuracy", 0.9)).to.eql({
      lr: 1,
      steps: 20,
      reached: 2,
      seeds: 3,
    });
    expect(convergenceOf([...fast, ...slow, ...alike], "accuracy", 0.9).lr).to.equal(0.1);
    const none = convergenceOf([...fast, ...slow], "accuracy", 0.99);
    expect(none).to.include({ steps: Number.POSITIVE_INFINITY, reached: 0 });
    const few = convergenceOf([trial(1, 1, 0.9), trial(1, 2, 0.1), trial(1, 3, 0.1)], "accuracy", 0.9);
    expect(few, "one of three seeds is not the median").to.include({
      steps: Number.POSITIVE_INFINITY,
      reached: 1,
    });
  });

  it("mean curves go as far as the shortest", () => {
    const mean = meanCurve([curveOf(0.25, 0.5, 0.9), curveOf(0.75, 1)]);
    expect(mean).to.eql([
      { step: 10, loss: 0.5, value: 0.5 },
      { step: 20, loss: 0.25, value: 0.75 },
    ]);
    expect(meanCurve([curveOf(1), []])).to.eql([]);
  });
});
