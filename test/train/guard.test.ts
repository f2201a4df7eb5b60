// The guard on a run that diverges without it, and on one that needs none.

import { expect } from "chai";
import {
  Adam,
  crossEntropy,
  Device,
  type GuardEvent,
  type GuardOptions,
  Linear,
  type NamedDataset,
  namedDataset,
  relu,
  Sequential,
  Trainer,
} from "../../lib/index.js";

/** Of 1 to 12 those whose runs end best without a guard (5.0 points below the tuned), worst backing off (2.8), and rolling back (0.3). */
const SEEDS = [1, 11, 12];

describe("The overshoot guard on handwritten digits", function () {
  this.timeout(240_000);
  let device: Device;
  let data: NamedDataset;
  before(async () => {
    device = await Device.open("cpu");
    data = await namedDataset("digits");
  });
  after(() => device.dispose());

  /** Test accuracy after 20 epochs of Adam, the guard's decisions, and the parameters. */
  async function train(lr: number, seed: number, guard?: GuardOptions) {
    using model = new Sequential(
      ...[new Linear(64, 128), relu, new Linear(128, 64), relu, new Linear(64, 10)],
    ).to(device, { seed });
    using optimizer = new Adam(model.parameters(), { lr });
    await using trainer = new Trainer({
      device,
      model,
      optimizer,
      loss: crossEntropy,
      seed,
      ...(guard && { guard }),
    });
    const events: GuardEvent[] = [];
    let accuracy = Number.NaN;
    const run = { epochs: 20, batchSize: 32, validation: data.test, logEvery: 10 };
    for await (const event of trainer.run(data.train, run)) {
      if (event.type === "guard") events.push(event);
      else if (event.type === "eval") accuracy = event.accuracy ?? Number.NaN;
    }
    return {
      accuracy,
      events,
      weights: await model.state(),
    };
  }

  for (const seed of SEEDS) {
    it(`keeps Adam at lr 0.1 within two points of a well-tuned run, backing off alone within four (seed ${seed})`, async () => {
      const tuned = await train(1e-3, seed);
      const alone = await train(0.1, seed);
      expect(alone.accuracy, "it diverges without a guard").to.be.below(tuned.accuracy - 0.04);
      for (const [spike, points] of [
        ["rollback", 2],
        ["backoff", 4],
      ] as const) {
        const guarded = await train(0.1, seed, { nan: spike, spike });
        expect(guarded.events[0]).to.include({ type: "guard", action: spike, cause: "lossSpike" });
        expect(guarded.accuracy, spike).to.be.at.least(tuned.accuracy - points / 100);
      }
    });

    it(`leaves a healthy run alone, bit for bit (seed ${seed})`, async () => {
      const [free, guarded] = [await train(1e-3, seed), await train(1e-3, seed, { spike: "rollback" })];
      expect(guarded.events).to.deep.equal([]);
      expect(guarded.weights).to.deep.equal(free.weights);
    });
  }
});
