// Metrics against their definitions, written out over all examples at once in double precision, of what `predict` gives.

import { expect } from "chai";
import {
  binaryAccuracy,
  binaryCrossEntropy,
  confusionMatrix,
  crossEntropy,
  Dataset,
  type Device,
  flatten,
  Linear,
  type Loss,
  type Metric,
  type Metrics,
  meanAbsoluteError,
  meanSquaredError,
  perplexity,
  reshape,
  rocAuc,
  rSquared,
  Sequential,
  SGD,
  type Tensor,
  Trainer,
  topK,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";
import { floats } from "../support/numbers.js";
import { figureOf, labelsOf, SIZE } from "./metrics-support.js";

/** Sums of a hundred doubles, in another order. */
const EXACT = 1e-12;
/** Losses of rows are f32: what they differ by, relative to their exponential. */
const LOSS = 1e-6;

interface Task<M extends Metrics> {
  readonly outputs: number;
  readonly target: Int32Array | Float32Array | Uint8Array;
  readonly shape?: number[];
  readonly loss: Loss;
  readonly metrics: M;
}

/** Evaluates a model without training, in batches that do not divide the data, and gives its outputs too. */
async function evaluated<M extends Metrics>(
  device: Device,
  { outputs, target, shape = [], loss, metrics }: Task<M>,
) {
  using model = new Sequential(new Linear(3, outputs), (x) => reshaped(x, outputs, shape)).to(device, {
    seed: 2,
  });
  using optimizer = new SGD(model.parameters());
  await using trainer = new Trainer({ device, model, optimizer, loss, metrics });
  const x = { data: floats(5, SIZE * 3, -3, 3), shape: [3] };
  const data = new Dataset({ x, y: { data: target, shape } });
  const figures = await trainer.evaluate(data, { batchSize: 7 });
  const whole = await trainer.evaluate(data, { batchSize: SIZE });
  expect(whole.metrics, "the size of the batches says nothing").to.deep.equal(figures.metrics);
  const { data: predicted } = await trainer.predict(x);
  return {
    ...figures,
    row: (i: number) => [...predicted.subarray(i * outputs, (i + 1) * outputs)],
    predicted,
  };
}

type Input = Parameters<typeof flatten>[0];
function reshaped(x: Input, outputs: number, shape: readonly number[]) {
  if (shape.length === 0 && outputs === 1)
    return reshape(x, [(x as { shape: readonly number[] }).shape[0] ?? 0]);
  return flatten(x);
}

const mean = (values: number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
const indices = Array.from({ length: SIZE }, (_, i) => i);

onEachDevice("Metrics", (device) => {
  it("of classes: accuracy, top k, confusion matrix, perplexity", async () => {
    const labels = labelsOf(5);
    const metrics = {
      top1: topK(1),
      top3: topK(3),
      top5: topK(5),
      confusion: confusionMatrix(5),
      perplexity: perplexity(),
    };
    const { row, ...found } = await evaluated(device(), {
      outputs: 5,
      target: labels,
      loss: crossEntropy,
      metrics,
    });
    const rank = (i: number): number => {
      const scores = row(i);
      return [...scores].sort((a, b) => b - a).indexOf(scores[labels[i] ?? 0] ?? Number.NaN);
    };
    for (const [name, k] of [
      ["top1", 1],
      ["top3", 3],
      ["top5", 5],
    ] as const)
      expect(found.metrics[name]).to.be.closeTo(mean(indices.map((i) => Number(rank(i) < k))), EXACT);
    expect(found.metrics.top1).to.equal(found.accuracy);
    expect(found.metrics.top3).to.be.within(0.3, 0.95);
    expect(found.metrics.top5).to.equal(1);

    const matrix = [0, 1, 2, 3, 4].map((actual) =>
      [0, 1, 2, 3, 4].map(
        (predicted) =>
          indices.filter((i) => labels[i] === actual && row(i).indexOf(Math.max(...row(i))) === predicted)
            .length,
      ),
    );
    expect(found.metrics.confusion).to.deep.equal(matrix);
    const losses = indices.map((i) => {
      const scores = row(i);
      return -Math.log(
        Math.exp(scores[labels[i] ?? 0] ?? Number.NaN) / scores.reduce((sum, s) => sum + Math.exp(s), 0),
      );
    });
    const perplexed = Math.exp(mean(losses));
    expect(found.metrics.perplexity / perplexed).to.be.closeTo(1, LOSS);
    expect(found.metrics.perplexity, "of the loss in f32").to.be.closeTo(Math.exp(found.loss), 1e-5);
  });

  it("of two classes: area under the ROC curve by all pairs, and accuracy at 0", async () => {
    const labels = Uint8Array.from(labelsOf(2));
    const two = await evaluated(device(), {
      outputs: 2,
      target: labels,
      loss: crossEntropy,
      metrics: { auc: rocAuc() },
    });
    const byPairs = (score: (i: number) => number): number => {
      const pairs = indices.flatMap((i) =>
        labels[i] === 1
          ? indices.filter((j) => labels[j] === 0).map((j) => (Math.sign(score(i) - score(j)) + 1) / 2)
          : [],
      );
      return mean(pairs);
    };
    const difference = (i: number): number => (two.row(i)[1] ?? Number.NaN) - (two.row(i)[0] ?? Number.NaN);
    expect(two.metrics.auc).to.be.closeTo(byPairs(difference), EXACT);

    const target = Float32Array.from(labels);
    const metrics = { auc: rocAuc(), accuracy1: binaryAccuracy() };
    const one = await evaluated(device(), { outputs: 1, target, loss: binaryCrossEntropy, metrics });
    expect(one.metrics.auc).to.be.closeTo(
      byPairs((i) => one.predicted[i] ?? Number.NaN),
      EXACT,
    );
    expect(one.metrics.auc).not.to.be.closeTo(0.5, 0.01);
    const right = indices.map((i) => Number(((one.predicted[i] ?? Number.NaN) > 0 ? 1 : 0) === labels[i]));
    expect(one.metrics.accuracy1).to.be.closeTo(mean(right), EXACT);
  });

  it("of numbers: mean absolute error and R squared, of one output and of the mean over three", async () => {
    for (const outputs of [1, 3]) {
      const target = floats(8, SIZE * outputs, 999, 1003); // far from 0: one pass over squares would lose digits
      const metrics = { mae: meanAbsoluteError(), r2: rSquared() };
      const shape = outputs === 1 ? [] : [outputs];
      const found = await evaluated(device(), { outputs, target, shape, loss: meanSquaredError, metrics });
      const [all, predicted] = [[...target], [...found.predicted]];
      const errors = all.map((t, i) => Math.abs(t - (predicted[i] ?? Number.NaN)));
      expect(found.metrics.mae).to.be.closeTo(mean(errors), 1e-9);
      const each = Array.from({ length: outputs }, (_, o) => {
        const own = indices.map((i) => ({ t: all[i * outputs + o] ?? 0, e: errors[i * outputs + o] ?? 0 }));
        const center = mean(own.map(({ t }) => t));
        return 1 - mean(own.map(({ e }) => e ** 2)) / mean(own.map(({ t }) => (t - center) ** 2));
      });
      expect(found.metrics.r2 / mean(each)).to.be.closeTo(1, 1e-9);
    }
  });

  it("values of hand-made outputs: ties, NaN, one class alone, no class, a perfect fit", async () => {
    const figure = <T>(metric: Metric<T>, width: number, scores: number[], targets: number[]) =>
      figureOf(device(), metric, width, scores, Int32Array.from(targets));
    // Equal scores: the label's place is the last of them, so that constant scores are no knowledge.
    expect(await figure(topK(1), 3, [1, 1, 1], [0])).to.equal(0);
    expect(await figure(topK(3), 3, [1, 1, 1], [0])).to.equal(1);
    expect(await figure(topK(1), 2, [Number.NaN, 1, 2, Number.NaN], [1, 1])).to.equal(0.5);
    expect(await figure(topK(9), 2, [1, 2, 1, 2, 1, 2, 1, 2], [0, 1, 2, -1])).to.equal(0.5);
    // The first of equal scores is taken, NaN is not; labels beside the classes count nowhere.
    expect(
      await figure(confusionMatrix(2), 2, [5, 5, Number.NaN, -1, 1, 2, 1, 2], [1, 0, 2, -1]),
    ).to.deep.equal([
      [0, 1],
      [1, 0],
    ]);
    expect(await figure(binaryAccuracy(), 1, [1e-45, 0, Number.NaN, -1], [1, 0, 0, 1])).to.equal(0.75);
    expect(await figure(rocAuc(), 1, [1, 1, 1, 1], [0, 1, 0, 1])).to.equal(0.5);
    expect(await figure(rocAuc(), 1, [1, 2, 3, 4], [0, 0, 1, 1])).to.equal(1);
    expect(await figure(rocAuc(), 1, [4, 3, 2, 1], [0, 0, 1, 1])).to.equal(0);
    expect(await figure(rocAuc(), 1, [4, 3], [1, 1])).to.be.NaN;
    expect(await figure(rSquared(), 1, [1, 2, 5], [1, 2, 5])).to.equal(1);
    expect(await figure(rSquared(), 1, [2, 2], [2, 2])).to.be.NaN;
    expect(await figure(perplexity(), 4, [7, 7, 7, 7], [2])).to.be.closeTo(4, 4 * LOSS);
    expect(await figure(perplexity(), 2, [1000, 0], [0])).to.equal(1);
    expect(await figure(meanAbsoluteError(), 1, [1, 2], [2, 4])).to.equal(1.5);
    expect(await figure(meanAbsoluteError(), 1, [1, Number.NaN], [2, 4])).to.be.NaN;
  });

  it("R squared keeps its digits where targets are far from 0, however far the first is from the others", async () => {
    for (const center of [1e4, 1e6]) {
      const target = floats(8, SIZE, center - 1, center + 1);
      target[0] = 0;
      const scores = target.map((t, i) => Math.fround(t + 0.2 * Math.sin(i)));
      const [all, center64] = [[...target], mean([...target])];
      const errors = all.map((t, i) => (t - (scores[i] ?? Number.NaN)) ** 2);
      const expected = 1 - mean(errors) / mean(all.map((t) => (t - center64) ** 2));
      const found = await figureOf(device(), rSquared(), 1, [...scores], target);
      expect((1 - found) / (1 - expected)).to.be.closeTo(1, 1e-12); // rounding of doubles
    }
  });

  it("of sequences count every place: accuracy is a share", async () => {
    using model = new Sequential(new Linear(3, 8), (x) => reshape(x, [(x as Tensor).shape[0] ?? 0, 2, 4])).to(
      device(),
      {
        seed: 2,
      },
    );
    using optimizer = new SGD(model.parameters());
    const metrics = { top1: topK(1), confusion: confusionMatrix(4) };
    await using trainer = new Trainer({ device: device(), model, optimizer, loss: crossEntropy, metrics });
    const labels = Int32Array.from([...labelsOf(4), ...labelsOf(4, 8)]);
    const x = { data: floats(5, SIZE * 3, -3, 3), shape: [3] };
    const found = await trainer.evaluate(new Dataset({ x, y: { data: labels, shape: [2] } }), {
      batchSize: 7,
    });
    const { data } = await trainer.predict(x);
    const right = [...labels].map((label, i) => {
      const scores = [...data.subarray(4 * i, 4 * i + 4)];
      return Number(scores.indexOf(Math.max(...scores)) === label);
    });
    expect(found.accuracy).to.be.closeTo(mean(right), EXACT);
    expect(found.metrics.top1).to.equal(found.accuracy);
    expect(found.metrics.confusion.flat().reduce((sum, n) => sum + n, 0)).to.equal(2 * SIZE);
  });

  it("come with the events of a run, and one that is a number may decide about it", async () => {
    const path = temporaryFolderPath;
    using model = new Sequential(new Linear(3, 3)).to(device(), { seed: 2 });
    using optimizer = new SGD(model.parameters(), { lr: 0.1 });
    const data = new Dataset({
      x: { data: floats(5, SIZE * 3, -3, 3), shape: [3] },
      y: { data: labelsOf(3), shape: [] },
    });
    const metrics = { top2: topK(2), confusion: confusionMatrix(3) };
    const keepBest = { metric: "top2", mode: "max" } as const;
    await using trainer = new Trainer({
      ...{ device: device(), model, optimizer, loss: crossEntropy, metrics },
      checkpoints: { directory: path("metrics"), keepBest },
    });
    const earlyStopping = { metric: "top2", mode: "max", patience: 3 } as const;
    const seen: number[] = [];
    const run = { epochs: 200, batchSize: 10, validation: data, earlyStopping };
    for await (const event of trainer.run(data, run)) {
      if (event.type !== "eval") continue;
      const matrix: number[][] = event.metrics.confusion; // its type is known
      expect(matrix.flat().reduce((sum, n) => sum + n, 0)).to.equal(SIZE);
      seen.push(event.metrics.top2);
    }
    const best = Math.max(...seen);
    expect(seen).to.have.length(seen.indexOf(best) + 1 + 3);
    const { validation } = await trainer.fit(data, { epochs: 1, batchSize: 10, validation: data });
    expect(validation?.metrics.top2).to.be.within(0, 1);
    await expectError("ADASTEP_ARGUMENT", /got "confusion", accepted: .*top2/, () =>
      trainer.fit(data, { ...run, earlyStopping: { metric: "confusion", mode: "max" } }),
    );
  });

  const temporaryFolderPath = temporaryFolder();

  it("refuse names that are taken, what is no metric, and targets that do not fit", async () => {
    const labels = labelsOf(2);
    const task = { outputs: 2, target: labels, loss: crossEntropy };
    const bad: [Metrics, RegExp][] = [
      [{ loss: topK(1) }, /'metrics': got "loss"/],
      [{ a: 5 as never }, /'metrics\.a': got 5/],
      [{ a: confusionMatrix(3) }, /confusionMatrix: 'classes': got 3, accepted: 2/],
      [{ a: { record: () => ({ b: 5 as never }), value: () => 0 } }, /metric 'a\.b': what it records: got 5/],
      [{ a: { record: () => 5 as never, value: () => 0 } }, /metric 'a': what it records: got 5/],
    ];
    for (const [metrics, pattern] of bad)
      await expectError("ADASTEP_ARGUMENT", pattern, () => evaluated(device(), { ...task, metrics }));
    await expectError("ADASTEP_ARGUMENT", /topK: 'k'/, () => topK(0));
    await expectError("ADASTEP_SHAPE", /meanAbsoluteError: the targets: got 7 numbers for 14 outputs/, () =>
      evaluated(device(), { ...task, metrics: { a: meanAbsoluteError() } }),
    );
    await expectError("ADASTEP_SHAPE", /topK: the targets/, () =>
      evaluated(device(), {
        ...{ outputs: 2, target: floats(1, 2 * SIZE), shape: [2], loss: meanSquaredError },
        metrics: { a: topK(1) },
      }),
    );
  });
});
