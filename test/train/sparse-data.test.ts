// Sparse rows in a trainer: the training of a loop of one's own on their batches, and of a dense layer on dense vectors.

import { expect } from "chai";
import {
  AdaGrad,
  AdamW,
  crossEntropy,
  Dataset,
  EmbeddingBag,
  f32,
  findLearningRate,
  i32,
  Linear,
  type Module,
  type Optimizer,
  overfitBatch,
  type Parameter,
  relu,
  Sequential,
  SGD,
  SparseDataset,
  type SparseRows,
  Trainer,
  type TrainerOptions,
  topK,
  trainingTrial,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";
import { distance, random } from "../support/numbers.js";
import { follow, isCheckpoint, start, stateOf } from "./checkpoint-support.js";

const FEATURES = 400;
/** Sums of up to 700 products in another order, in some thirty steps on each other. */
const TOLERANCE = 1e-5;

/** Rows of fewer than 60 entries, and of some hundred now and then, so that batches are of many lengths; y is 1 where low features prevail. */
function sparse(size: number, seed: number): SparseDataset<"y"> {
  const next = random(seed);
  const lengths = Array.from({ length: size }, (_, i) => Math.floor((i % 3 === 2 ? 400 : 60) * next()));
  const all = lengths.map((length) => {
    const begin = next() < 0.5 ? 0 : FEATURES - 300;
    const own = Array.from({ length }, () => begin + Math.floor(300 * next() ** (begin === 0 ? 2 : 0.5)));
    return [...new Set(own)].sort((a, b) => a - b);
  });
  const offsets = [0];
  for (const { length } of all) offsets.push((offsets.at(-1) as number) + length);
  const indices = Int32Array.from(all.flat());
  const y = Int32Array.from(all, (own) => Number(own.reduce((sum, i) => sum + Math.sign(200 - i), 0) > 0));
  return new SparseDataset(
    {
      offsets: Int32Array.from(offsets),
      indices,
      values: Float32Array.from(indices, () => 0.5 + next()),
      features: FEATURES,
    },
    { y: { data: y, shape: [] } },
  );
}

/** The same examples as vectors. */
function dense({ size, rows, columns }: SparseDataset<"y">): Dataset<"x" | "y"> {
  const x = new Float32Array(size * FEATURES);
  for (let i = 0; i < size; i++)
    for (let k = rows.offsets[i] as number; k < (rows.offsets[i + 1] as number); k++)
      x[i * FEATURES + (rows.indices[k] as number)] = rows.values[k] as number;
  return new Dataset({ x: { data: x, shape: [FEATURES] }, y: columns.y });
}

const TRAIN = sparse(61, 1);
const VALIDATION = sparse(30, 2);
const bagOf = (outputs: number) => new EmbeddingBag(FEATURES, outputs, { mode: "sum", sparse: true });
const network = (): Module => new Sequential(bagOf(8), relu, new Linear(8, 2));

onEachDevice("Trainer: sparse rows", (device) => {
  const file = temporaryFolder();

  /** A linear model on sparse rows, or the same on vectors, and what it learns. */
  async function learn(
    isSparse: boolean,
    make: (parameters: readonly Parameter[]) => Optimizer,
    more: Partial<TrainerOptions> = {},
  ) {
    using bag = bagOf(2).to(device(), { seed: 3 });
    const table = (await bag.state()).weight?.data as Float32Array;
    using linear = new Linear(FEATURES, 2, { bias: false }).to(device());
    const transposed = (from: Float32Array, columns: number): Float32Array =>
      from.map((_, i) => {
        const height = from.length / columns;
        return from[(i % height) * columns + Math.floor(i / height)] as number;
      });
    linear.load({ weight: { shape: [2, FEATURES], data: transposed(table, 2) } });
    const model = isSparse ? bag : linear;
    using optimizer = make(model.parameters());
    const metrics = { second: topK(2) };
    await using trainer = new Trainer({
      ...{ device: device(), model, optimizer, loss: crossEntropy, metrics, seed: 4 },
      ...{ clip: { norm: 1 }, ...more },
    });
    const [train, validation] = isSparse ? [TRAIN, VALIDATION] : [dense(TRAIN), dense(VALIDATION)];
    const { loss, validation: evaluated } = await trainer.fit(train, { epochs: 2, batchSize: 4, validation });
    const x = validation instanceof SparseDataset ? validation : validation.columns.x;
    const { data: outputs, shape } = await trainer.predict(x as SparseDataset<string>, { batchSize: 7 });
    const { data: weights } = (await model.state()).weight as { data: Float32Array };
    expect(shape).to.deep.equal([2]);
    return { loss, evaluated, outputs, weights: isSparse ? transposed(weights, 2) : weights };
  }

  for (const [name, make] of [
    ["SGD", (p: readonly Parameter[]) => new SGD(p, { lr: 1 })],
    ["AdaGrad", (p: readonly Parameter[]) => new AdaGrad(p, { lr: 0.1, eps: 1e-3 })],
  ] as const) {
    it(`are learnt, evaluated and predicted as dense vectors are (${name})`, async () => {
      const [a, b] = [await learn(true, make), await learn(false, make)];
      expect(distance(a.weights, b.weights)).to.be.below(TOLERANCE);
      expect(distance(a.outputs, b.outputs)).to.be.below(TOLERANCE);
      expect(
        distance([a.loss, a.evaluated?.loss as number], [b.loss, b.evaluated?.loss as number]),
      ).to.be.below(TOLERANCE);
      expect(a.evaluated?.accuracy).to.equal(b.evaluated?.accuracy);
      expect(a.evaluated?.accuracy).to.be.above(0.8);
      expect(a.evaluated?.metrics).to.deep.equal({ second: 1 });
    });
  }

  it("take a factor on their values", async () => {
    const make = (p: readonly Parameter[]) => new SGD(p, { lr: 0.1 });
    const more = { inputScale: 0.25 };
    const [a, b] = [await learn(true, make, more), await learn(false, make, more)];
    expect(distance(a.weights, b.weights)).to.be.below(TOLERANCE);
    expect(distance(a.outputs, b.outputs)).to.be.below(TOLERANCE);
  });

  it("have the bits of a loop on their batches, by few recordings, and free their memory", async () => {
    const make = (p: readonly Parameter[]) => new AdamW(p, { lr: 0.01, sparse: "catchUp" });
    const EPOCHS = 4;
    using own = network().to(device(), { seed: 5 });
    using optimizer = make(own.parameters());
    const [bag, , linear] = (own as Sequential).layers as [EmbeddingBag, unknown, Linear];
    const shapes = new Set<string>();
    for (let epoch = 1; epoch <= EPOCHS; epoch++) {
      for (const { size, columns } of TRAIN.batches({ batchSize: 4, shuffle: 4, epoch })) {
        const { indices, offsets, values, y } = columns;
        const n = indices.length;
        shapes.add(`${size} ${n}`);
        const inputs = { indices: i32(n), offsets: i32(size), values: f32(n), y: i32(size) };
        using step = device().program(inputs, (batch) => {
          const hidden = bag.forward(batch.indices, batch.offsets, batch.values);
          return optimizer.minimize(crossEntropy(linear.forward(relu(hidden)), batch.y));
        });
        await step.run({ indices, offsets, values, y } as Parameters<typeof step.run>[0]);
      }
    }
    using model = network().to(device(), { seed: 5 });
    using trained = make(model.parameters());
    const parts = { device: device(), model, optimizer: trained, loss: crossEntropy, seed: 4 };
    await using trainer = new Trainer(parts);
    await device().sync();
    const { live } = device().memory();
    const run = { epochs: EPOCHS, batchSize: 4, profile: file("trace.json") };
    const { profile } = await trainer.fit(TRAIN, run);
    expect(await model.state()).to.deep.equal(await own.state());
    expect(profile?.record?.count).to.equal(shapes.size);
    expect(shapes.size, "of 64 steps").to.be.within(4, 10);
    await device().sync();
    expect(device().memory().live).to.equal(live);
  });

  it("add up over the batches of a step as one batch", async () => {
    const make = (p: readonly Parameter[]) => new AdaGrad(p, { lr: 0.05, eps: 1e-3 });
    const train = async (batchSize: number, accumulate: number) => {
      await using training = await start(device(), make, { accumulate }, undefined, network);
      const run = { epochs: 4, batchSize, profile: file("trace.json") };
      const { loss, profile } = await training.trainer.fit(TRAIN, run);
      const values = Object.values(await training.model.state()).flatMap(({ data }) => [...data]);
      return { values: [...values, loss], recorded: profile?.record?.count };
    };
    const [parts, whole] = [await train(4, 3), await train(12, 1)];
    expect(distance(parts.values, whole.values)).to.be.below(TOLERANCE);
    expect(parts.recorded, "of 64 batches").to.be.at.most(16);
  });

  it("go on in the middle of an epoch from a checkpoint, to the bit", async () => {
    const make = (p: readonly Parameter[]) => new AdamW(p, { lr: 0.01, sparse: "catchUp" });
    for (const accumulate of [1, 3]) {
      const run = { epochs: 3, batchSize: 4, validation: VALIDATION, evaluateEvery: 4 };
      const options = (folder: string) => ({
        accumulate,
        checkpoints: { directory: file(`${folder} ${accumulate}`), every: { steps: 3 } },
      });
      await using through = await start(device(), make, options("through"), undefined, network);
      const all = await follow(through, run, undefined, TRAIN);
      await using begun = await start(device(), make, options("begun"), undefined, network);
      const before = await follow(begun, run, isCheckpoint(9), TRAIN);
      const resumed = await start(device(), make, options("begun"), file(`begun ${accumulate}`), network);
      await using _ = resumed;
      const after = await follow(resumed, run, undefined, TRAIN);
      expect([...before, ...after]).to.deep.equal(all);
      expect(await stateOf(resumed)).to.deep.equal(await stateOf(through));
    }
  });

  it("are rehearsed, tried and searched for a rate", async () => {
    const make = (p: readonly Parameter[]) => new AdaGrad(p, { lr: 0.1 });
    await using training = await start(device(), make, {}, undefined, network);
    const { model, optimizer, trainer } = training;
    const rehearsal = { epochs: 9, batchSize: 4, validation: VALIDATION, fastDevRun: true };
    expect(await trainer.fit(TRAIN, rehearsal)).to.include({ step: 2, epoch: 1 });
    const parts = { device: device(), model, optimizer, loss: crossEntropy, train: TRAIN, batchSize: 8 };
    const { curve } = await findLearningRate({ ...parts, steps: 20 });
    expect(curve.length).to.be.above(10);
    const { first, last } = await overfitBatch({ ...parts, steps: 60 });
    expect(last).to.be.below(first / 2);
    const trial = trainingTrial({
      ...{ device: device(), model: network, loss: crossEntropy, train: TRAIN, validation: VALIDATION },
      ...{ epochs: 1, batchSize: 8 },
    });
    const { loss } = await trial({ name: "AdaGrad", lr: 0.1, seed: 1, make } as never);
    expect(loss).to.be.above(0);
  });

  it("are refused by models that take none, with what they take", async () => {
    const attempt = async (model: Module, data: SparseDataset<string> = TRAIN) => {
      using _model = model.to(device());
      using optimizer = new SGD(model.parameters());
      await using trainer = new Trainer({ device: device(), model, optimizer, loss: crossEntropy });
      await trainer.fit(data, { epochs: 1, batchSize: 4 });
    };
    await expectError("ADASTEP_ARGUMENT", /'weights': got weights with mode "mean"/, () =>
      attempt(new EmbeddingBag(FEATURES, 2, { sparse: true })),
    );
    await expectError("ADASTEP_ARGUMENT", /linear: 'x'.*accepted: a Tensor/, () =>
      attempt(new Linear(FEATURES, 2)),
    );
    const { rows } = TRAIN;
    await expectError("ADASTEP_ARGUMENT", /trainer\.run: column: got "y"/, () =>
      attempt(bagOf(2), new SparseDataset(rows)),
    );
    const none: SparseRows = {
      ...rows,
      ...{ offsets: Int32Array.of(0), indices: new Int32Array(0), values: new Float32Array(0) },
    };
    await expectError("ADASTEP_ARGUMENT", /'train': got a dataset of 0 examples/, () =>
      attempt(bagOf(2), new SparseDataset(none)),
    );
    await using training = await start(device(), (p) => new SGD(p), {}, undefined, network);
    await expectError("ADASTEP_ARGUMENT", /predict: 'x': got a dataset of 0 examples/, () =>
      training.trainer.predict(new SparseDataset(none)),
    );
  });
});
