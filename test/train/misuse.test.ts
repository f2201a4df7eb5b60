// Bad options of the trainer: typed errors that name the option, the value and what is accepted.

import { expect } from "chai";
import {
  Adam,
  crossEntropy,
  crossEntropyRows,
  Dataset,
  Device,
  Linear,
  mean,
  Sequential,
  Trainer,
} from "../../lib/index.js";
import type { RunOptions, TrainerOptions } from "../../lib/train/options.js";
import { expectError } from "../support/errors.js";
import { clouds, makeTrainer } from "./support.js";

describe("Trainer: misuse", () => {
  let device: Device;
  before(async () => {
    device = await Device.open("cpu");
  });
  after(() => device.dispose());

  const bad = (options: object): (() => unknown) => {
    return () => makeTrainer(device, options as Partial<TrainerOptions>);
  };
  const badRun = (options: object, train: unknown = clouds(10)): (() => unknown) => {
    return () =>
      makeTrainer(device).trainer.run(
        train as Dataset,
        { epochs: 1, batchSize: 4, ...options } as RunOptions,
      );
  };

  const constructions: [title: string, pattern: RegExp, options: object][] = [
    ["a misspelt option", /Trainer: option: got "shedule", accepted: device, model/, { shedule: 1 }],
    ["a guard that cannot be", /Trainer: 'guard.nan': got "clip"/, { guard: { nan: "clip" } }],
    ["no device", /Trainer: 'device': got undefined, accepted: a Device/, { device: undefined }],
    ["no model", /Trainer: 'model': got an object/, { model: {} }],
    ["no loss", /Trainer: 'loss': got "mse"/, { loss: "mse" }],
    ["no optimizer", /Trainer: 'optimizer': got "adam"/, { optimizer: "adam" }],
    ["a schedule that is none", /Trainer: 'schedule': got 3/, { schedule: 3 }],
    ["a clip that is a number", /Trainer: 'clip'.*got 1/, { clip: 1 }],
    ["a clip of 0", /Trainer: 'clip.norm': got 0, accepted: a number above 0/, { clip: { norm: 0 } }],
    ["a NaN clip", /Trainer: 'clip.norm': got NaN/, { clip: { norm: Number.NaN } }],
    ["a negative seed", /Trainer: 'seed': got -1/, { seed: -1 }],
    ["a scale of 0", /Trainer: 'inputScale': got 0/, { inputScale: 0 }],
    ["unknown inputs", /Trainer: 'inputs': option: got "z", accepted: x, y/, { inputs: { z: "x" } }],
  ];
  for (const [title, pattern, options] of constructions) {
    it(title, () => expectError("ADASTEP_ARGUMENT", pattern, bad(options)));
  }

  const runs: [title: string, pattern: RegExp, options: object][] = [
    ["no epochs", /trainer.run: 'epochs': got undefined/, { epochs: undefined }],
    ["half an epoch", /trainer.run: 'epochs': got 0.5/, { epochs: 0.5 }],
    ["a batch of 0", /trainer.run: 'batchSize': got 0, accepted: an integer, 1 or more/, { batchSize: 0 }],
    ["a misspelt option", /trainer.run: option: got "batchsize"/, { batchsize: 4 }],
    ["a validation that is a number", /'validation': got 0.2, accepted: a Dataset/, { validation: 0.2 }],
    ["a signal that is a controller", /'signal': got a AbortController/, { signal: new AbortController() }],
    ["logging every 0 steps", /'logEvery': got 0/, { logEvery: 0 }],
    ["evaluating every 0 steps", /'evaluateEvery': got 0/, { evaluateEvery: 0 }],
  ];
  for (const [title, pattern, options] of runs) {
    it(`run: ${title}, at the call`, () => expectError("ADASTEP_ARGUMENT", pattern, badRun(options)));
  }

  it("run: data that are no dataset, or none at all", async () => {
    await expectError("ADASTEP_ARGUMENT", /'train': got an array|'train': got \[/, badRun({}, [1, 2]));
    const empty = clouds(10).slice(0, 0);
    await expectError("ADASTEP_ARGUMENT", /a dataset of 0 examples/, badRun({}, empty));
  });

  it("run: a column that the dataset lacks", async () => {
    const { trainer } = makeTrainer(device, { inputs: { x: "pixels" } });
    const pattern = /trainer.run: column: got "pixels", accepted: .* x, y/;
    await expectError("ADASTEP_ARGUMENT", pattern, () =>
      trainer.fit(clouds(10), { epochs: 1, batchSize: 4 }),
    );
  });

  it("run: data of another width than the model takes", async () => {
    const { trainer } = makeTrainer(device);
    const wide = new Dataset({
      x: { data: new Float32Array(50), shape: [5] },
      y: { data: new Int32Array(10), shape: [] },
    });
    await expectError("ADASTEP_SHAPE", /linear: 'x'/, () => trainer.fit(wide, { epochs: 1, batchSize: 4 }));
    // and the trainer is of use after it
    expect((await trainer.fit(clouds(8), { epochs: 1, batchSize: 4 })).step).to.equal(2);
  });

  it("a scale for indices", async () => {
    const { trainer } = makeTrainer(device, { inputScale: 0.5 });
    const x = { data: new Int32Array(8), shape: [4] };
    await expectError("ADASTEP_DTYPE", /'inputScale': got 0.5 for an input i32/, () => trainer.predict(x));
  });

  it("predict: data that do not fill their shape", async () => {
    const { trainer } = makeTrainer(device);
    for (const x of [
      { data: new Float32Array(7), shape: [4] },
      { data: [1, 2, 3, 4], shape: [4] },
      new Float32Array(4),
    ]) {
      await expectError("ADASTEP_SHAPE", /trainer.predict: 'x'/, () => trainer.predict(x as never));
    }
  });

  it("a loss that is no scalar, and an output without a row for each example", async () => {
    const loss = crossEntropyRows as never;
    await expectError("ADASTEP_SHAPE", /Trainer: 'loss'.*f32 \[4\].*scalar/, () =>
      makeTrainer(device, { loss }).trainer.fit(clouds(8), { epochs: 1, batchSize: 4 }),
    );
    await expectError("ADASTEP_SHAPE", /Trainer: 'loss': got undefined/, () =>
      makeTrainer(device, { loss: (() => undefined) as never }).trainer.evaluate(clouds(8)),
    );
    const model = new Sequential(new Linear(4, 2), (x) => mean(x)).to(device);
    const { trainer } = makeTrainer(device, { model, optimizer: new Adam(model.parameters()) });
    await expectError("ADASTEP_SHAPE", /the model's output: got f32 \[\] for 2 examples/, () =>
      trainer.predict({ data: new Float32Array(8), shape: [4] }),
    );
  });

  it("model and optimizer on another device", async () => {
    using other = await Device.open("cpu", { threads: 1 });
    const model = new Sequential(new Linear(4, 2)).to(other);
    const optimizer = new Adam(model.parameters());
    const make = () => new Trainer({ device, model, loss: crossEntropy, optimizer });
    await expectError("ADASTEP_ARGUMENT", /Trainer: parameter "0.weight": got a buffer on cpu:0/, make);
  });

  it("a model that is on no device", async () => {
    const model = new Sequential(new Linear(4, 2));
    const { optimizer } = makeTrainer(device);
    const make = () => new Trainer({ device, model, loss: crossEntropy, optimizer });
    await expectError("ADASTEP_ARGUMENT", /a model without a device/, make);
  });

  it("a label out of range: the loop rejects with the place, and the device is of use after reset()", async () => {
    const { trainer } = makeTrainer(device);
    const labels = clouds(40).columns;
    const data = Int32Array.from(labels.y.data);
    data[17] = 7;
    const broken = new Dataset({ x: labels.x, y: { data, shape: [] } });
    const fit = () => trainer.fit(broken, { epochs: 3, batchSize: 4 });
    await expectError("ADASTEP_DEVICE", /crossEntropy: index at position \d: got 7/, fit);
    device.reset();
    expect((await trainer.fit(clouds(8), { epochs: 1, batchSize: 4 })).reason).to.equal("completed");
  });
});
