// Layers of networks in programs that train and in programs that do not, and what they refuse.

import { expect } from "chai";
import {
  Adam,
  AvgPool2d,
  add,
  BatchNorm,
  Conv2d,
  crossEntropy,
  type Declared,
  embedding,
  f32,
  flatten,
  gradients,
  i32,
  LayerNorm,
  Linear,
  linear,
  loadModel,
  MaxPool2d,
  Module,
  MultiHeadAttention,
  meanSquaredError,
  normal,
  RMSNorm,
  relu,
  Sequential,
  SGD,
  saveModel,
  silu,
  sum,
  type Tensor,
  type Value,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { temporaryFolder } from "../support/folder.js";
import { distance, floats } from "../support/numbers.js";

/** A transformer's block around a table of tokens that is also the last layer. */
class Language extends Module {
  readonly tokens: Declared = this.declare([11, 8], normal(0.5));
  readonly positions = this.declare([6, 8], normal(0.5));
  readonly norm = new RMSNorm(8);
  readonly attention = new MultiHeadAttention(8, 2, { causal: true });
  readonly expand = new Linear(8, 16);
  readonly contract = new Linear(16, 8);
  forward(indices: Value): Tensor {
    const x = add(embedding(this.tokens.parameter, indices), this.positions.parameter);
    const h = add(x, this.attention.forward(this.norm.forward(x)));
    const y = add(h, this.contract.forward(silu(this.expand.forward(h))));
    return linear(y, this.tokens.parameter);
  }
}

const mean = (values: readonly number[]): number => values.reduce((s, v) => s + v, 0) / values.length;

onEachDevice("networks", (device) => {
  const file = temporaryFolder();
  const network = () =>
    new Sequential(
      new Conv2d(2, 4, 3, { padding: 1, bias: false }),
      new BatchNorm(4),
      relu,
      new MaxPool2d(2),
      new Conv2d(4, 6, 3),
      relu,
      new AvgPool2d(2),
      flatten,
      new Linear(6, 3),
    );

  it("have PyTorch's names and shapes; running statistics are no parameters, but saved", async () => {
    using model = network().to(device(), { seed: 1 });
    const names = ["0.weight", "1.weight", "1.bias", "4.weight", "4.bias", "8.weight", "8.bias"];
    expect(model.parameters().map(({ name }) => name)).to.deep.equal(names);
    expect(model.parameters()[0]?.shape).to.deep.equal([4, 2, 3, 3]);
    const state = await model.state();
    expect(Object.keys(state)).to.have.members([...names, "1.running_mean", "1.running_var"]);
    expect([...(state["1.running_var"]?.data ?? [])]).to.deep.equal([1, 1, 1, 1]);
    state["1.running_mean"]?.data.set([1, 2, 3, 4]);
    model.load(state);
    await saveModel(model, file("m.safetensors"));
    using other = network().to(device(), { seed: 2 });
    await loadModel(other, file("m.safetensors"));
    expect(await other.state()).to.deep.equal(await model.state());
  });

  it("of convolutions learn", async () => {
    using model = network().to(device(), { seed: 3 });
    using adam = new Adam(model.parameters(), { lr: 0.02 });
    using step = device().program({ x: f32(12, 8, 8, 2), y: i32(12) }, ({ x, y }) =>
      adam.minimize(crossEntropy(model.forward(x), y)),
    );
    const batch = { x: floats(1, 12 * 128), y: Int32Array.from({ length: 12 }, (_, i) => i % 3) };
    const first = (await step.run(batch)).loss;
    for (let i = 0; i < 60; i++) await step.run(batch);
    expect((await step.run(batch)).loss).to.be.below(first / 10);
  });

  it("batch normalisation: a program that minimises takes its batch's statistics, any other the running ones", async () => {
    using model = new BatchNorm(1, { momentum: 0.25 }).to(device());
    using sgd = new SGD(model.parameters(), { lr: 0 });
    const shapes = { x: f32(4, 1), y: f32(4, 1) };
    using train = device().program(shapes, ({ x, y }) => {
      const output = model.forward(x);
      return { ...sgd.minimize(meanSquaredError(output, y)), output };
    });
    using evaluate = device().program({ x: f32(4, 1) }, ({ x }) => model.forward(x));
    const x = Float32Array.of(1, 3, 5, 11);
    const [m, variance] = [5, mean([16, 4, 0, 36])];
    const { output } = await train.run({ x, y: x });
    const batch = [...x].map((v) => (v - m) / Math.sqrt(variance + 1e-5));
    expect(distance(output as Float32Array, batch)).to.be.below(1e-6);
    // The running variance takes the unbiased one: 4/3 of it.
    const [running, spread] = [0.25 * m, 0.75 + (0.25 * variance * 4) / 3];
    const state = async () => Object.values(await model.state()).map(({ data }) => data[0] as number);
    expect(distance(await state(), [1, 0, running, spread])).to.be.below(1e-6);
    const outside = [...x].map((v) => (v - running) / Math.sqrt(spread + 1e-5));
    expect(distance((await evaluate.run({ x })) as Float32Array, outside)).to.be.below(1e-6);
    expect(distance(await state(), [1, 0, running, spread]), "evaluation changes nothing").to.be.below(1e-6);
    expect(String(evaluate)).to.not.match(/reduce/);
  });

  it("batch normalisation: what is not finite, or nothing, leaves the running statistics as they are", async () => {
    using model = new BatchNorm(2).to(device());
    const options = { training: true };
    using program = device().program({ x: f32(3, 2) }, ({ x }) => model.forward(x), options);
    using empty = device().program({ x: f32(0, 2) }, ({ x }) => model.forward(x), options);
    await program.run({ x: Float32Array.of(1, 2, 3, 5, 8, 13) });
    const before = await model.state();
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 3e38])
      await program.run({ x: Float32Array.of(1, 2, bad, 5, bad, 13) });
    await empty.run({ x: new Float32Array(0) });
    expect(await model.state()).to.deep.equal(before);
    await program.run({ x: Float32Array.of(2, 3, 5, 8, 13, 21) });
    expect(await model.state()).not.to.deep.equal(before);
  });

  it("batch normalisation of one row gives beta, and numbers", async () => {
    using model = new BatchNorm(2).to(device());
    using program = device().program({ x: f32(1, 2) }, ({ x }) => model.forward(x), { training: true });
    expect([...((await program.run({ x: Float32Array.of(3, -4) })) as Float32Array)]).to.deep.equal([0, 0]);
    expect([...((await model.state()).running_var?.data ?? [])].every(Number.isFinite)).to.equal(true);
  });

  it("a tied weight has the sum of its gradients, and learns", async () => {
    using model = new Language().to(device(), { seed: 5 });
    const [x, y] = [1, 2].map((seed) => Int32Array.from(floats(seed, 12, 0, 11), Math.floor));
    const [tokens] = model.parameters();
    const loss = (i: Tensor, t: Tensor) => crossEntropy(model.forward(i), t);
    using program = device().program({ i: i32(2, 6), t: i32(2, 6) }, ({ i, t }) => {
      const value = loss(i, t);
      return { value, g: gradients(value, [tokens as never])[0] as Tensor };
    });
    const batch = { i: x as Int32Array, t: y as Int32Array };
    const { g } = await program.run(batch);
    const weights = await (tokens?.value.read() as Promise<Float32Array>);
    // Central differences in f32 of a loss of size 2: rounding 2e-7 / 2h, curvature h^2; both below 1e-3 at h = 0.01.
    for (const place of [0, 5, 17, 40, 87]) {
      const at = async (delta: number): Promise<number> => {
        tokens?.value.write(weights.with(place, (weights[place] as number) + delta));
        return (await program.run(batch)).value as unknown as number;
      };
      const slope = ((await at(0.01)) - (await at(-0.01))) / 0.02;
      expect(slope, `element ${place}`).to.be.closeTo((g as Float32Array)[place] as number, 2e-3);
    }
    tokens?.value.write(weights);
    using adam = new Adam(model.parameters(), { lr: 0.02 });
    using step = device().program({ i: i32(2, 6), t: i32(2, 6) }, ({ i, t }) => adam.minimize(loss(i, t)));
    const first = (await step.run(batch)).loss;
    for (let k = 0; k < 100; k++) await step.run(batch);
    expect((await step.run(batch)).loss).to.be.below(first / 10);
  });

  it("causal attention does not look ahead", async () => {
    using model = new MultiHeadAttention(8, 2, { causal: true }).to(device(), { seed: 6 });
    using program = device().program({ x: f32(1, 5, 8) }, ({ x }) => model.forward(x));
    const x = floats(9, 40);
    const before = (await program.run({ x })) as Float32Array;
    const after = (await program.run({ x: x.map((v, i) => (i < 24 ? v : -v)) })) as Float32Array;
    expect(after.slice(0, 24)).to.deep.equal(before.slice(0, 24));
    expect(distance(after.slice(24), before.slice(24))).to.be.above(0.01);
  });

  it("refuse misuse", async () => {
    await expectError("ADASTEP_ARGUMENT", /Conv2d: 'outputs'.*0/, () => new Conv2d(1, 0, 3));
    await expectError("ADASTEP_ARGUMENT", /Conv2d: 'kernel'/, () => new Conv2d(1, 1, [3] as never));
    await expectError(
      "ADASTEP_ARGUMENT",
      /Conv2d.*"dilation"/,
      () => new Conv2d(1, 1, 3, { dilation: 2 } as never),
    );
    await expectError("ADASTEP_ARGUMENT", /MaxPool2d: 'padding'/, () => new MaxPool2d(2, { padding: 2 }));
    await expectError("ADASTEP_ARGUMENT", /AvgPool2d: 'stride'.*0/, () => new AvgPool2d(2, { stride: 0 }));
    await expectError(
      "ADASTEP_ARGUMENT",
      /BatchNorm: 'momentum'.*2/,
      () => new BatchNorm(3, { momentum: 2 }),
    );
    await expectError("ADASTEP_ARGUMENT", /RMSNorm: 'eps'/, () => new RMSNorm(3, { eps: -1 }));
    await expectError("ADASTEP_ARGUMENT", /LayerNorm: 'features'/, () => new LayerNorm(0));
    await expectError(
      "ADASTEP_ARGUMENT",
      /'heads'.*3.*divisor of 'dim', 8/,
      () => new MultiHeadAttention(8, 3),
    );
    using attention = new MultiHeadAttention(8, 2).to(device());
    await expectError("ADASTEP_SHAPE", /MultiHeadAttention: 'x'.*\[batch, positions, 8\]/, () =>
      device().program({ x: f32(5, 8) }, ({ x }) => attention.forward(x)),
    );
    using norm = new BatchNorm(3).to(device());
    await expectError("ADASTEP_SHAPE", /batchNorm: 'gamma'.*f32 \[4\]/, () =>
      device().program({ x: f32(5, 4) }, ({ x }) => sum(norm.forward(x))),
    );
  });
});
