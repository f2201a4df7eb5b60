// The learning-rate finder: what it finds, and that nothing is left of it.

import { expect } from "chai";
import {
  BatchNorm,
  crossEntropy,
  Dataset,
  DeviceError,
  type FindLearningRateOptions,
  findLearningRate,
  Linear,
  Sequential,
  SGD,
} from "../../lib/index.js";
import { readCurve } from "../../lib/train/lr-curve.js";
import { construct } from "../optim/variants.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { until } from "../support/until.js";
import { clouds, makeTrainer, parametersOf } from "./support.js";

const train = clouds(200);

onEachDevice("findLearningRate", (device) => {
  /** A trainer in the middle of a training, with everything on that has a memory. */
  async function begun() {
    const { model, optimizer: other } = makeTrainer(device());
    other.dispose();
    const groups = [{ match: (name: string) => name.endsWith("bias"), lr: 2e-2 }];
    const options = { lr: 1e-2, average: 0.9, precision: "bf16", groups };
    const optimizer = construct("Adam", model.parameters(), options);
    const rest = { guard: { spike: "rollback", snapshotEvery: 2 }, clip: { tensorNorm: 1 } } as const;
    const parts = { device: device(), model, optimizer, loss: crossEntropy, seed: 9, ...rest };
    const { trainer } = makeTrainer(device(), parts);
    await trainer.fit(train, { epochs: 1, batchSize: 32 });
    const figures = async () => ({
      model: await model.state(),
      optimizer: await optimizer.state(),
      lrs: optimizer.groups.map(({ lr }) => lr),
      telemetry: await optimizer.telemetry(),
      gradients: await Promise.all(model.parameters().map(({ grad }) => grad?.read())),
      step: trainer.step,
      epoch: trainer.epoch,
    });
    return { parts, trainer, optimizer, model, figures };
  }

  type Begun = Awaited<ReturnType<typeof begun>>;
  const find = ({ parts }: Begun, more: Partial<FindLearningRateOptions> = {}) =>
    findLearningRate({ ...parts, train, batchSize: 32, from: 1e-5, to: 100, steps: 60, ...more });

  it("finds a rate that trains, on a curve from one end of the range to where the loss diverges", async () => {
    const { model, optimizer } = makeTrainer(device());
    const parts = { device: device(), model, optimizer, loss: crossEntropy };
    const found = await findLearningRate({ ...parts, train, batchSize: 32 });
    expect(found.curve[0]?.lr).to.equal(1e-7);
    expect(found.curve[1]?.lr).to.be.closeTo(1e-7 * 1e8 ** (1 / 99), 1e-20);
    for (const [i, { lr, loss, smoothed }] of found.curve.entries()) {
      if (i > 0) expect(lr).to.be.above(found.curve[i - 1]?.lr ?? 0);
      expect(Number.isFinite(loss) && Number.isFinite(smoothed)).to.equal(true);
    }
    const [first = 0, second = 0] = found.curve.map(({ loss }) => loss);
    expect(found.curve[1]?.smoothed).to.be.closeTo((0.9 * first + second) / 1.9, 1e-9);
    expect(found.suggestion).to.be.within(1e-3, 0.3);
    expect(found.suggestion).to.be.at.most((found.minimum ?? 0) / 10);

    const other = makeTrainer(device());
    for (const group of other.optimizer.groups) group.lr = found.suggestion ?? 0;
    const { validation } = await other.trainer.fit(train, {
      epochs: 5,
      batchSize: 32,
      validation: clouds(100, 3),
    });
    expect(validation?.accuracy).to.be.above(0.85);
  });

  it("leaves no bit behind, and a training that goes on is the one without it", async () => {
    const [one, two] = [await begun(), await begun()];
    const before = await two.figures();
    const found = await find(two);
    expect(found.reason).to.equal("diverged");
    expect(found.curve).to.have.length.above(20);
    expect(await two.figures()).to.deep.equal(before);
    expect(before.step).to.equal(7);
    for (const { trainer } of [one, two]) await trainer.fit(train, { epochs: 3, batchSize: 32 });
    expect(await two.figures()).to.deep.equal(await one.figures());
    expect(await two.trainer.evaluate(train)).to.deep.equal(await one.trainer.evaluate(train));
  });

  it("leaves running statistics as they were", async () => {
    using model = new Sequential(new Linear(4, 4), new BatchNorm(4), new Linear(4, 3)).to(device());
    using optimizer = new SGD(model.parameters());
    const before = await model.state();
    await findLearningRate({ device: device(), model, optimizer, loss: crossEntropy, train, batchSize: 32 });
    expect(await model.state()).to.deep.equal(before);
  });

  it("finds the same each time", async () => {
    const two = await begun();
    expect(await find(two)).to.deep.equal(await find(two));
  });

  it("keeps the ratio of the groups' rates", async () => {
    const two = await begun();
    const [first, second] = two.optimizer.groups;
    const seen: number[][] = [];
    let lr = second?.lr ?? 0;
    // The second group's is set last.
    Object.defineProperty(second, "lr", {
      get: () => lr,
      set: (value: number) => {
        lr = value;
        seen.push([first?.lr ?? 0, lr]);
      },
    });
    await find(two, { steps: 5, from: 1, to: 16 });
    const ratio = 1e-2 / 2e-2;
    expect(seen[0]).to.deep.equal([1, ratio]);
    expect(seen[1]?.[1]).to.be.closeTo((seen[1]?.[0] ?? 0) * ratio, 1e-12);
  });

  it("restores after an abort, and says how far it came", async () => {
    const two = await begun();
    const before = await two.figures();
    const aborted = await find(two, { signal: AbortSignal.abort() });
    expect(aborted).to.deep.equal({
      curve: [],
      reason: "aborted",
      suggestion: undefined,
      steepest: undefined,
      minimum: undefined,
    });
    const controller = new AbortController();
    const { stepCount } = two.optimizer;
    const finding = find(two, { signal: controller.signal, steps: 100_000 });
    await until("some steps are taken", () => two.optimizer.stepCount > stepCount + 5);
    controller.abort();
    const { reason, curve } = await finding;
    expect(reason).to.equal("aborted");
    expect(curve).to.have.length.within(1, 99_999);
    expect(await two.figures()).to.deep.equal(before);
  });

  it("restores after an error of the loss, and of the device", async () => {
    const two = await begun();
    const before = await two.figures();
    const loss = (): never => {
      throw new RangeError("a loss of one's own");
    };
    let caught: unknown;
    await find(two, { loss }).catch((error) => {
      caught = error;
    });
    expect(caught).to.be.instanceOf(RangeError);
    await expectError("ADASTEP_SHAPE", /'loss'/, () => find(two, { loss: (y) => y as never }));
    expect(await two.figures()).to.deep.equal(before);

    const { x, y } = train.columns;
    const labels = Int32Array.from(y.data);
    labels[150] = 7; // of two classes
    const wrong = new Dataset({ x, y: { data: labels, shape: [] } });
    caught = undefined;
    await find(two, { train: wrong }).catch((error) => {
      caught = error;
    });
    expect(caught).to.be.instanceOf(DeviceError);
    expect(await two.figures()).to.deep.equal(before);
    expect((await find(two)).reason).to.equal("diverged");
  });

  it("frees what it took", async () => {
    const two = await begun();
    await find(two);
    await device().sync();
    const { live } = device().memory();
    for (let i = 0; i < 3; i++) await find(two, { steps: 5 });
    await find(two, { signal: AbortSignal.abort() });
    await expectError("ADASTEP_SHAPE", /'loss'/, () => find(two, { loss: (y) => y as never }));
    await device().sync();
    expect(device().memory().live).to.equal(live);
  });

  it("refuses options that are wrong", async () => {
    const two = await begun();
    const bad: [object, RegExp][] = [
      [{ from: 0 }, /findLearningRate: 'from'.*0/],
      [{ from: 1, to: 1 }, /'to'.*more than 'from'/],
      [{ steps: 1 }, /'steps'/],
      [{ smoothing: 1 }, /'smoothing'/],
      [{ divergence: 1 }, /'divergence'/],
      [{ batchSize: 0 }, /'batchSize'/],
      [{ train: 5 }, /'train'/],
      [{ signal: {} }, /'signal'/],
      [{ step: 10 }, /findLearningRate: option.*"step".*steps/],
      [{ loss: 5 }, /findLearningRate: 'loss'/],
    ];
    for (const [options, pattern] of bad)
      await expectError("ADASTEP_ARGUMENT", pattern, () => find(two, options));
    const sgd = new SGD(two.model.parameters(), { lr: 0 });
    await expectError("ADASTEP_ARGUMENT", /groups\[0\]\.lr.*0.*above 0/, () =>
      findLearningRate({ ...two.parts, optimizer: sgd, train, batchSize: 8 }),
    );
    expect(await parametersOf(two.model)).to.have.length.above(0);
  });
});

describe("readCurve", () => {
  const curve = (...losses: number[]) => losses.map((smoothed, i) => ({ lr: 10 ** (i - 5), smoothed }));

  it("takes the steepest descent, or a tenth of the minimum's rate", () => {
    const { suggestion, steepest, minimum } = readCurve(curve(2, 2, 1.9, 1.2, 1, 0.9, 3));
    expect(minimum).to.be.closeTo(1, 1e-9);
    expect(steepest).to.be.closeTo(0.01, 1e-9);
    expect(suggestion).to.be.closeTo(0.01, 1e-9);
    expect(readCurve(curve(2, 2, 2, 1.9, 1, 3)).suggestion).to.be.closeTo(0.01, 1e-9);
  });

  it("has no suggestion for a loss that does not fall", () => {
    expect(readCurve([])).to.deep.equal({ suggestion: undefined, steepest: undefined, minimum: undefined });
    expect(readCurve(curve(1, 1, 2, 3)).suggestion).to.equal(undefined);
    expect(readCurve(curve(1)).suggestion).to.equal(undefined);
  });
});
