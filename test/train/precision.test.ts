// Training with products in bf16: it gets where f32 gets, and a checkpoint of it goes on as it began.

import { expect } from "chai";
import {
  Adam,
  type ComputePrecision,
  cosine,
  crossEntropy,
  Device,
  Linear,
  namedDataset,
  type Parameter,
  relu,
  Sequential,
  Trainer,
  type TrainerOptions,
  warmup,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";
import { follow, RUN, start } from "./checkpoint-support.js";

const adam = (parameters: readonly Parameter[]) => new Adam(parameters, { lr: 1e-2 });

describe("Handwritten digits in bf16", () => {
  it("are told apart within a point of f32, without a loss scale", async function () {
    this.timeout(120_000);
    using device = await Device.open("cpu");
    const { train, test } = await namedDataset("digits");
    const accuracy = async (precision: ComputePrecision): Promise<number> => {
      using model = new Sequential(new Linear(64, 64), relu, new Linear(64, 10)).to(device, { seed: 1 });
      using optimizer = new Adam(model.parameters(), { lr: 3e-3 });
      const schedule = warmup(90).then(cosine({ steps: 810 }));
      const parts = { device, model, loss: crossEntropy, optimizer, schedule, seed: 1 };
      await using trainer = new Trainer({ ...parts, precision });
      const { validation } = await trainer.fit(train, { epochs: 20, batchSize: 32, validation: test });
      return validation?.accuracy ?? Number.NaN;
    };
    const [plain, mixed] = [await accuracy("f32"), await accuracy("bf16")];
    expect(plain).to.be.at.least(0.95);
    expect(mixed).to.be.at.least(plain - 0.01);
  });
});

onEachDevice("a training in bf16", (device) => {
  const path = temporaryFolder();

  it("is another than in f32, and continues from a checkpoint to the bit; in f32 it does not", async () => {
    const kept = (directory: string): Partial<TrainerOptions> => ({
      precision: "bf16",
      checkpoints: { directory, every: { steps: 7 } },
    });
    await using plain = await start(device(), adam);
    const otherwise = await follow(plain, RUN);
    await using whole = await start(device(), adam, { precision: "bf16" });
    const expected = await follow(whole, RUN);
    expect(expected).to.not.deep.equal(otherwise);

    const directory = path("checkpoints");
    {
      await using first = await start(device(), adam, kept(directory));
      await follow(first, RUN, (event) => event.type === "step" && event.step >= 9);
    }
    await expectError("ADASTEP_DATA", /'precision'.*"bf16" in the checkpoint.*"f32"/, () =>
      start(device(), adam, { checkpoints: { directory } }, directory),
    );
    await using second = await start(device(), adam, kept(directory), directory);
    const rest = await follow(second, RUN);
    const steps = (events: object[]) => events.filter((event) => (event as { type: string }).type === "eval");
    expect(steps(rest)).to.deep.equal(steps(expected).slice(-steps(rest).length));
  });
});
