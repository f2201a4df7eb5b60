// What plan() says is what is allocated.

import { expect } from "chai";
import {
  AdaGrad,
  Adam,
  AdamW,
  crossEntropy,
  Device,
  EmbeddingBag,
  f32,
  i32,
  Linear,
  Muon,
  type PlanOptions,
  plan,
  RMSprop,
  relu,
  ScheduleFreeAdamW,
  Sequential,
  SGD,
} from "../../lib/index.js";
import { expectError } from "../support/errors.js";

const model = () => new Sequential(new Linear(64, 100), relu, new Linear(100, 10));

describe("plan", () => {
  const batch = { x: f32(32, 64), y: i32(32) };
  const step = { guard: { spike: "rollback" } } as const;

  it("counts exactly what a real optimizer and step allocate, and allocates nothing", async () => {
    using device = await Device.open("cpu");
    for (const optimizer of [SGD, AdaGrad, Adam, AdamW, RMSprop]) {
      const planned = plan(model(), { optimizer, average: 0.99, batch, loss: crossEntropy, step });
      expect(device.memory().live, "nothing is allocated").to.equal(0);
      for (const choice of planned.choices) {
        await device.sync(); // what ended before counts until its work has run
        using placed = model().to(device);
        const parameters = device.memory().live;
        using real = new optimizer(placed.parameters(), { precision: choice.precision, average: 0.99 });
        using _program = device.program(batch, ({ x, y }) =>
          real.minimize(crossEntropy(placed.forward(x), y), step),
        );
        expect(choice.bytes.total, `${optimizer.name} ${choice.precision}`).to.equal(device.memory().live);
        expect(choice.bytes.parameters).to.equal(parameters);
        expect(choice.bytes.gradients).to.equal(real.bytes.gradients);
      }
    }
  });

  it("proposes what fits: f32, then bf16, then 8 bits", async () => {
    const totals = plan(model(), { optimizer: Adam }).choices.map(({ precision, bytes }) => [
      precision,
      bytes.total,
    ]);
    expect(totals.map(([precision]) => precision)).to.deep.equal(["f32", "bf16", "u8"]);
    for (const [precision, total] of totals) {
      const proposed = plan(model(), { optimizer: Adam, budget: total as number }).propose();
      expect(proposed.precision).to.equal(precision);
    }
    await expectError("ADASTEP_ARGUMENT", /fits|budget/, () =>
      plan(model(), { optimizer: Adam, budget: 1000 }).propose(),
    );
    expect(String(plan(model(), { optimizer: [Adam, SGD], budget: 1e6 }))).to.match(/Adam .*f32/);
  });

  it("leaves out who does not take the model, or what is wanted of all, if another does", async () => {
    const reasons = (optimizer: PlanOptions["optimizer"], more: Partial<PlanOptions> = {}) =>
      plan(model(), { optimizer, precision: ["f32"], ...more }).refused.map(({ reason }) => reason);
    expect(reasons([AdamW, Muon]))
      .to.have.length(1)
      .and.property("0")
      .matches(/Muon: 'parameters'/);
    expect(reasons([AdamW, ScheduleFreeAdamW], { average: 0.9 })).to.have.length(1);
    await expectError("ADASTEP_SHAPE", /Muon: 'parameters'/, () => plan(model(), { optimizer: Muon }));
    await expectError("ADASTEP_ARGUMENT", /AdamW: 'average'.*1\.5/, () =>
      plan(model(), { optimizer: [AdamW, SGD], average: 1.5 }),
    );
    await expectError("ADASTEP_ARGUMENT", /AdamW: 'lr'/, () =>
      plan(model(), { optimizer: [SGD, { optimizer: AdamW, options: { lr: -1 } }] }),
    );
  });

  it("counts a sparse table and its state without a batch, too", () => {
    const bag = () => new Sequential(new EmbeddingBag(1000, 8, { sparse: true }), new Linear(8, 2));
    const { choices } = plan(bag(), { optimizer: [Adam, AdaGrad], precision: ["f32"] });
    const inputs = { x: i32(4, 5), y: i32(4) };
    const whole = plan(bag(), {
      optimizer: [Adam, AdaGrad],
      precision: ["f32"],
      batch: inputs,
      loss: crossEntropy,
    });
    const states = (list: typeof choices) => list.map(({ name, bytes }) => [name, bytes.state]);
    expect(states(choices)).to.deep.equal(states(whole.choices));
    for (const [i, { bytes }] of choices.entries())
      expect(bytes.total).to.be.below(whole.choices[i]?.bytes.total as number);
  });

  it("refuses what it cannot plan", async () => {
    await expectError("ADASTEP_ARGUMENT", /'optimizer'/, () => plan(model(), { optimizer: [] }));
    await expectError("ADASTEP_ARGUMENT", /'budget'/, () => plan(model(), { optimizer: Adam, budget: -1 }));
    await expectError("ADASTEP_ARGUMENT", /'model'/, () => plan({} as never, { optimizer: Adam }));
    await expectError("ADASTEP_ARGUMENT", /a batch without 'loss'/, () =>
      plan(model(), { optimizer: Adam, batch }),
    );
  });
});
