// The main job, in process: real digits, several seeds.

import { expect } from "chai";
import {
  Adam,
  cosine,
  crossEntropy,
  Device,
  Linear,
  namedDataset,
  relu,
  Sequential,
  Trainer,
  warmup,
} from "../../lib/index.js";

describe("Handwritten digits", () => {
  it("reach 97 % on held-out ones, whatever the seed", async function () {
    this.timeout(120_000);
    using device = await Device.open("cpu");
    const { train, test } = await namedDataset("digits");
    for (const seed of [1, 2, 3]) {
      using model = new Sequential(new Linear(64, 256), relu, new Linear(256, 10)).to(device, { seed });
      using optimizer = new Adam(model.parameters(), { lr: 3e-3 });
      const schedule = warmup(90).then(cosine({ steps: 1710 }));
      await using trainer = new Trainer({ device, model, loss: crossEntropy, optimizer, schedule, seed });
      const { validation } = await trainer.fit(train, { epochs: 40, batchSize: 32, validation: test });
      expect(validation?.accuracy, `seed ${seed}`).to.be.at.least(0.97);
    }
  });
});
