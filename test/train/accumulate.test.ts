// Steps on several batches are steps on one batch of all their examples, but for the order in which f32 sums are rounded.

import { expect } from "chai";
import {
  AdaGrad,
  AdamW,
  constantSchedule,
  crossEntropy,
  Dataset,
  type Device,
  Embedding,
  flatten,
  Linear,
  meanSquaredError,
  type Parameter,
  relu,
  Sequential,
  type StepEvent,
  Trainer,
  type TrainerOptions,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { distance, floats } from "../support/numbers.js";
import { clouds, makeTrainer, parametersOf } from "./support.js";

/**
 * Relative to 1 + the value: gradients of 12 examples are sums of some 200 f32 products, each rounded to 6e-8; Adam's division and
 * eight steps on top of each other multiply that by some ten.
 */
const TOLERANCE = 1e-5;

interface Outcome {
  readonly steps: StepEvent[];
  readonly epochLoss: number;
  readonly parameters: number[];
}

type Kind = "labels" | "numbers";

function dataOf(kind: Kind, size: number): Dataset {
  if (kind === "labels") return clouds(size);
  return new Dataset({
    x: { data: floats(3, size * 4), shape: [4] },
    y: { data: floats(4, size * 2), shape: [2] },
  });
}

async function outcome(
  device: Device,
  kind: Kind,
  [batchSize, accumulate, size]: readonly [number, number, number],
  more: Partial<TrainerOptions> = {},
): Promise<Outcome> {
  using model = new Sequential(new Linear(4, 16), relu, new Linear(16, 2)).to(device, { seed: 5 });
  using optimizer = new AdamW(model.parameters(), { lr: 1e-2, eps: 1e-3 });
  const loss = kind === "labels" ? crossEntropy : meanSquaredError;
  await using trainer = new Trainer({ device, model, optimizer, loss, seed: 2, accumulate, ...more });
  const steps: StepEvent[] = [];
  let epochLoss = Number.NaN;
  for await (const event of trainer.run(dataOf(kind, size), { epochs: 2, batchSize })) {
    if (event.type === "step") steps.push(event);
    if (event.type === "epoch") epochLoss = event.loss;
  }
  return { steps, epochLoss, parameters: await parametersOf(model) };
}

function expectAlike(parts: Outcome, whole: Outcome): void {
  const figures = ({ steps }: Outcome): number[] => steps.flatMap(({ loss, gradNorm }) => [loss, gradNorm]);
  expect(parts.steps.map(({ step, lr }) => [step, lr])).to.eql(whole.steps.map(({ step, lr }) => [step, lr]));
  expect(distance(figures(parts), figures(whole)), "losses and norms").to.be.below(TOLERANCE);
  expect(distance([parts.epochLoss], [whole.epochLoss]), "loss of the epoch").to.be.below(TOLERANCE);
  expect(distance(parts.parameters, whole.parameters), "parameters").to.be.below(TOLERANCE);
}

onEachDevice("Trainer: gradients accumulated over batches", (device) => {
  const cases: [title: string, batchSize: number, accumulate: number, size: number][] = [
    ["that divide the data", 4, 3, 48],
    ["with a last step of fewer batches", 4, 3, 44],
    ["with a ragged last batch in a full step", 4, 3, 47],
    ["with a ragged last batch in a step of fewer", 4, 3, 41],
    ["with a last step of one ragged batch", 4, 3, 38],
    ["of one example each", 1, 5, 13],
  ];
  for (const [title, batchSize, accumulate, size] of cases) {
    for (const kind of ["labels", "numbers"] as const) {
      it(`${title} (${kind})`, async () => {
        const whole = await outcome(device(), kind, [batchSize * accumulate, 1, size]);
        const parts = await outcome(device(), kind, [batchSize, accumulate, size]);
        expectAlike(parts, whole);
      });
    }
  }

  it("are clipped, guarded and scaled as those of one batch", async () => {
    const more: Partial<TrainerOptions> = { clip: { norm: 0.3 }, guard: {}, lossScale: { initial: 1024 } };
    const whole = await outcome(device(), "labels", [12, 1, 41], more);
    const parts = await outcome(device(), "labels", [4, 3, 41], more);
    expectAlike(parts, whole);
    expect(whole.steps[0]?.gradNorm, "it is clipped").to.be.above(0.3);
  });

  it("tell apart what a mean of means would be", async () => {
    const whole = await outcome(device(), "labels", [12, 1, 41]);
    const batches = await outcome(device(), "labels", [4, 1, 41]);
    expect(distance(whole.parameters, batches.parameters)).to.be.above(100 * TOLERANCE);
  });

  it("draw dropout anew in each batch, and the same in each training", async () => {
    const train = async (): Promise<number[]> => {
      const { model, optimizer, trainer } = makeTrainer(device(), { accumulate: 3 });
      using _model = model;
      using _optimizer = optimizer;
      await using _ = trainer;
      await trainer.fit(clouds(41), { epochs: 2, batchSize: 4 });
      return parametersOf(model);
    };
    expect(await train()).to.eql(await train());
    // One example many times, and nothing learnt: batches and steps differ in nothing but what is dropped.
    const same = new Dataset({
      x: { data: new Float32Array(4 * 24).fill(1), shape: [4] },
      y: { data: new Int32Array(24), shape: [] },
    });
    const losses = async (accumulate: number): Promise<number[]> => {
      const { model, optimizer, trainer } = makeTrainer(device(), {
        accumulate,
        schedule: constantSchedule(0),
      });
      using _model = model;
      using _optimizer = optimizer;
      await using _ = trainer;
      const found: number[] = [];
      for await (const event of trainer.run(same, { epochs: 1, batchSize: 1 }))
        if (event.type === "step") found.push(event.loss);
      return found;
    };
    const single = await losses(1);
    expect(new Set(single).size, "24 draws of 16 units, of which a fifth is dropped").to.be.above(12);
    // A step on three batches takes the next three draws.
    const means = Array.from({ length: 8 }, (_, i) =>
      single.slice(3 * i, 3 * i + 3).reduce((sum, v) => sum + v / 3, 0),
    );
    expect(distance(await losses(3), means)).to.be.below(TOLERANCE);
  });

  for (const [title, size] of [
    ["that divide the data", 48],
    ["with a ragged last batch in a step of fewer", 41],
  ] as const) {
    for (const make of [
      (p: readonly Parameter[]) => new AdamW(p, { lr: 1e-2, eps: 1e-3, sparse: "catchUp" }),
      (p: readonly Parameter[]) => new AdaGrad(p, { lr: 1e-2 }),
    ]) {
      it(`${title}, into a sparse table and dense layers (${make.toString().match(/new (\w+)/)?.[1]})`, async () => {
        const words = Int32Array.from(floats(6, 2 * size, 0, 30), Math.floor);
        const data = new Dataset({
          x: { data: words, shape: [2] },
          y: { data: words.filter((_, i) => i % 2 === 0).map((word) => word % 3), shape: [] },
        });
        const train = async (batchSize: number, accumulate: number): Promise<Outcome> => {
          using model = new Sequential(
            new Embedding(30, 4, { sparse: true }),
            (x) => flatten(x),
            new Linear(8, 3),
          ).to(device(), { seed: 5 });
          using optimizer = make(model.parameters());
          const more = { clip: { norm: 0.3 }, guard: {}, seed: 2, accumulate };
          await using trainer = new Trainer({
            device: device(),
            model,
            optimizer,
            loss: crossEntropy,
            ...more,
          });
          await device().sync();
          const { live } = device().memory();
          const steps: StepEvent[] = [];
          let epochLoss = Number.NaN;
          for await (const event of trainer.run(data, { epochs: 3, batchSize })) {
            if (event.type === "step") steps.push(event);
            if (event.type === "epoch") epochLoss = event.loss;
          }
          await device().sync();
          expect(device().memory().live, "memory in use").to.equal(live);
          return { steps, epochLoss, parameters: await parametersOf(model) };
        };
        expectAlike(await train(4, 3), await train(12, 1));
      });
    }
  }

  it("fail with what failed in one of them, and leave a device that is of use after reset()", async () => {
    const attempt = async (last: number): Promise<void> => {
      using model = new Sequential(
        new Embedding(30, 4, { sparse: true }),
        (x) => flatten(x),
        new Linear(8, 3),
      );
      model.to(device());
      using optimizer = new AdaGrad(model.parameters());
      const x = Int32Array.from({ length: 24 }, (_, i) => (i === 3 ? last : i));
      const data = new Dataset({ x: { data: x, shape: [2] }, y: { data: new Int32Array(12), shape: [] } });
      await using trainer = new Trainer({
        device: device(),
        model,
        optimizer,
        loss: crossEntropy,
        accumulate: 3,
      });
      await trainer.fit(data, { epochs: 2, batchSize: 2, shuffle: false });
      expect(optimizer.stepCount).to.equal(4);
    };
    await expectError("ADASTEP_DEVICE", /embedding: index at position 3: got 30/, () => attempt(30));
    device().reset();
    await attempt(29);
  });

  it("are one or more", async () => {
    await expectError("ADASTEP_ARGUMENT", /'accumulate': got 0/, () =>
      makeTrainer(device(), { accumulate: 0 }),
    );
  });
});
