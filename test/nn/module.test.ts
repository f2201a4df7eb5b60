// Modules: naming, placement, initial values, state, user-defined subclasses.

import { expect } from "chai";
import {
  Adam,
  add,
  Dropout,
  Embedding,
  f32,
  i32,
  LayerNorm,
  Linear,
  Module,
  meanSquaredError,
  relu,
  Sequential,
  type Tensor,
  type Value,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { floats } from "../support/numbers.js";

class Residual extends Module {
  readonly inner = new Linear(6, 6);
  readonly norm = new LayerNorm(6);
  readonly branches = [new Linear(6, 6), new Linear(6, 6, { bias: false })];
  forward(x: Value): Tensor {
    const h = this.norm.forward(add(x, relu(this.inner.forward(x))));
    return this.branches.reduce((sum, branch) => add(sum, branch.forward(h)), h);
  }
}

class Tied extends Module {
  readonly first = new Linear(4, 4);
  readonly second = this.first;
  forward(x: Value): Tensor {
    return this.second.forward(this.first.forward(x));
  }
}

onEachDevice("modules", (device) => {
  it("name parameters by field and place, with PyTorch's shapes", () => {
    using model = new Sequential(
      new Embedding(10, 6),
      new Residual(),
      relu,
      new Dropout(0.1),
      new Linear(6, 2),
    ).to(device());
    expect(model.parameters().map(({ name, shape }) => `${name} [${shape}]`)).to.deep.equal([
      "0.weight [10,6]",
      "1.inner.weight [6,6]",
      "1.inner.bias [6]",
      "1.norm.weight [6]",
      "1.norm.bias [6]",
      "1.branches.0.weight [6,6]",
      "1.branches.0.bias [6]",
      "1.branches.1.weight [6,6]",
      "4.weight [2,6]",
      "4.bias [2]",
    ]);
  });

  it("list a shared parameter once and add up its gradients", async () => {
    using model = new Tied().to(device());
    expect(model.parameters()).to.have.length(2);
    using adam = new Adam(model.parameters(), { lr: 0.05 });
    using step = device().program({ x: f32(8, 4), y: f32(8, 4) }, ({ x, y }) =>
      adam.minimize(meanSquaredError(model.forward(x), y)),
    );
    const batch = { x: floats(1, 32), y: floats(1, 32).map((v) => 0.5 * v) };
    const first = (await step.run(batch)).loss;
    for (let i = 0; i < 200; i++) await step.run(batch);
    expect((await step.run(batch)).loss).to.be.below(first / 50);
  });

  it("draw initial values by seed: the same for the same, bounded as PyTorch's", async () => {
    const weights = async (seed: number): Promise<Float32Array> => {
      using model = new Linear(100, 50).to(device(), { seed });
      return (await model.state()).weight?.data ?? new Float32Array();
    };
    const [a, b, c] = [await weights(1), await weights(1), await weights(2)];
    expect(a).to.deep.equal(b);
    expect(a).to.not.deep.equal(c);
    expect(Math.max(...a)).to.be.within(0.099, 0.1);
    expect(Math.min(...a)).to.be.within(-0.1, -0.099);
    using table = new Embedding(200, 50).to(device(), { seed: 1 });
    const normal = (await table.state()).weight?.data ?? new Float32Array();
    const mean = normal.reduce((s, v) => s + v, 0) / normal.length;
    const deviation = Math.sqrt(normal.reduce((s, v) => s + (v - mean) ** 2, 0) / normal.length);
    // 10,000 standard normal numbers: the mean is within 4 / 100, the deviation within 4 / sqrt(20,000).
    expect(Math.abs(mean)).to.be.below(0.04);
    expect(Math.abs(deviation - 1)).to.be.below(0.03);
  });

  it("train a model of user-defined modules", async () => {
    using model = new Sequential(new Embedding(10, 6), new Residual(), new Linear(6, 2)).to(device(), {
      seed: 3,
    });
    using adam = new Adam(model.parameters(), { lr: 0.01 });
    using step = device().program({ i: i32(10), y: f32(10, 2) }, ({ i, y }) =>
      adam.minimize(meanSquaredError(model.forward(i), y)),
    );
    const batch = { i: Int32Array.from({ length: 10 }, (_, k) => k), y: floats(8, 20) };
    const first = (await step.run(batch)).loss;
    for (let k = 0; k < 150; k++) await step.run(batch);
    expect((await step.run(batch)).loss).to.be.below(first / 20);
  });

  it("refuse misuse", async () => {
    const model = new Linear(2, 3);
    await expectError("ADASTEP_ARGUMENT", /without a device/, () => model.parameters());
    await expectError("ADASTEP_ARGUMENT", /'device'/, () => model.to("cpu" as never));
    using placed = model.to(device());
    await expectError("ADASTEP_ARGUMENT", /has a device already/, () => placed.to(device()));
    await expectError("ADASTEP_ARGUMENT", /'inputs'.*0/, () => new Linear(0, 1));
    await expectError("ADASTEP_ARGUMENT", /'p'.*1/, () => new Dropout(1));
    await expectError("ADASTEP_ARGUMENT", /layer 1.*5/, () => new Sequential(relu, 5 as never));
    await expectError("ADASTEP_SHAPE", /linear: 'x'.*\[4, 5\].*\[\.\.\., 2\]/, () =>
      device().program({ x: f32(4, 5) }, ({ x }) => placed.forward(x)),
    );
    const state = await placed.state();
    await expectError("ADASTEP_ARGUMENT", /"other"/, () =>
      placed.load({ ...state, other: state.bias as never }),
    );
    await expectError("ADASTEP_ARGUMENT", /no "bias"/, () => placed.load({ weight: state.weight as never }));
    await expectError("ADASTEP_SHAPE", /'weight'.*\[2, 3\].*\[3, 2\]/, () =>
      placed.load({ ...state, weight: { shape: [2, 3], data: new Float32Array(6) } } as never),
    );
  });
});
