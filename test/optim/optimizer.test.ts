// What optimizers share: options, clipping, following a schedule, state, flat memory.

import { expect } from "chai";
import {
  AdaGrad,
  Adam,
  AdamW,
  add,
  cosine,
  f32,
  Linear,
  meanSquaredError,
  mul,
  parameter,
  relu,
  Sequential,
  SGD,
  sum,
  warmup,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { distance, floats } from "../support/numbers.js";

onEachDevice("optimizers", (device) => {
  it("refuse bad options", async () => {
    using w = device().alloc("f32", [3]);
    const p = [parameter("w", w)];
    for (const Optimizer of [SGD, AdaGrad, Adam, AdamW]) {
      for (const lr of [-1, Number.NaN, Number.POSITIVE_INFINITY, "1", null]) {
        await expectError(
          "ADASTEP_ARGUMENT",
          new RegExp(`${Optimizer.name}: 'lr'.*0 or more`),
          () => new Optimizer(p, { lr } as never),
        );
      }
      await expectError("ADASTEP_ARGUMENT", /'weightDecay'/, () => new Optimizer(p, { weightDecay: -1 }));
      await expectError(
        "ADASTEP_ARGUMENT",
        /"learningRate"/,
        () => new Optimizer(p, { learningRate: 1 } as never),
      );
      await expectError("ADASTEP_ARGUMENT", /'parameters'/, () => new Optimizer([]));
      await expectError("ADASTEP_ARGUMENT", /'parameters'/, () => new Optimizer([w] as never));
      await expectError("ADASTEP_ARGUMENT", /two named "w"/, () => new Optimizer([...p, ...p]));
    }
    await expectError("ADASTEP_ARGUMENT", /betas\[1\].*1/, () => new Adam(p, { betas: [0.9, 1] }));
    await expectError("ADASTEP_ARGUMENT", /'betas'/, () => new Adam(p, { betas: 0.9 } as never));
    await expectError("ADASTEP_ARGUMENT", /'nesterov'/, () => new SGD(p, { nesterov: true }));
    await expectError("ADASTEP_ARGUMENT", /'eps'/, () => new AdaGrad(p, { eps: -1 }));
    using sgd = new SGD(p);
    (sgd.groups[0] as { lr: number }).lr = Number.NaN;
    await expectError("ADASTEP_ARGUMENT", /'lr'.*NaN/, () => sgd.step());
  });

  it("take a new lr at the next step, without recording again", async () => {
    using w = device().from(Float32Array.of(10));
    using sgd = new SGD([parameter("w", w)], { lr: 1 });
    using step = device().program({ x: f32(1) }, ({ x }) => sgd.minimize(sum(mul(x, w))));
    await step.run({ x: Float32Array.of(1) });
    (sgd.groups[0] as { lr: number }).lr = 0.5;
    await step.run({ x: Float32Array.of(1) });
    expect([...(await w.read())]).to.deep.equal([8.5]);
  });

  it("clip by the global norm over all parameters", async () => {
    using a = device().from(Float32Array.of(0, 0));
    using b = device().from(Float32Array.of(0));
    using sgd = new SGD([parameter("a", a), parameter("b", b)], { lr: 1 });
    using step = device().program({ x: f32(2), y: f32(1) }, ({ x, y }) => {
      const loss = sum(mul(x, a));
      return { ...sgd.minimize(add(loss, sum(mul(y, b))), { clip: { norm: 2 } }) };
    });
    const { gradNorm } = await step.run({ x: Float32Array.of(2, 4), y: Float32Array.of(4) });
    expect(gradNorm).to.equal(6);
    const scale = 2 / (6 + 1e-6);
    expect(distance(await a.read(), [-2 * scale, -4 * scale])).to.be.below(1e-6);
    expect(distance(await b.read(), [-4 * scale])).to.be.below(1e-6);
    await step.run({ x: Float32Array.of(0.5, 0), y: Float32Array.of(0) });
    expect(
      distance(await a.read(), [-2 * scale - 0.5, -4 * scale]),
      "a short gradient is left alone",
    ).to.be.below(1e-6);
  });

  it("follow a schedule by the steps taken", async () => {
    using w = device().from(Float32Array.of(0));
    using sgd = new SGD([parameter("w", w)], { lr: 1 });
    const schedule = warmup(2).then(cosine({ steps: 4, to: 0.5 }));
    using step = device().program({ x: f32(1) }, ({ x }) => sgd.minimize(sum(mul(x, w)), { schedule }));
    let expected = 0;
    for (let i = 0; i < 8; i++) {
      await step.run({ x: Float32Array.of(1) });
      expected -= schedule(i);
      expect((await w.read())[0]).to.be.closeTo(expected, 1e-6);
    }
  });

  it("hold a model in one segment, and continue from state() bit for bit", async () => {
    const make = () => {
      const model = new Sequential(new Linear(5, 7), relu, new Linear(7, 3)).to(device(), { seed: 2 });
      const adam = new AdamW(model.parameters(), { lr: 0.01 });
      const step = device().program({ x: f32(4, 5), y: f32(4, 3) }, ({ x, y }) =>
        adam.minimize(meanSquaredError(model.forward(x), y)),
      );
      return { model, adam, step };
    };
    const batch = (i: number) => ({ x: floats(i, 20), y: floats(i + 99, 12) });
    const one = make();
    const updates = String(one.step).match(/ update /g) ?? [];
    // One for all parameters, as they lie in one block, except where each buffer has memory of its own.
    expect(updates).to.have.length(process.env.ADASTEP_POOL === "exact" ? 4 : 1);
    for (let i = 0; i < 10; i++) await one.step.run(batch(i));
    const two = make();
    two.model.load(await one.model.state());
    two.adam.load(await one.adam.state());
    expect(two.adam.stepCount).to.equal(10);
    for (let i = 10; i < 20; i++) {
      const [a, b] = await Promise.all([one.step.run(batch(i)), two.step.run(batch(i))]);
      expect(a).to.deep.equal(b);
    }
    expect(await two.model.state()).to.deep.equal(await one.model.state());
    expect(Object.keys((await one.adam.state()).parameters)).to.deep.equal([
      "0.weight",
      "0.bias",
      "2.weight",
      "2.bias",
    ]);
    const state = await one.adam.state();
    const { "0.bias": _, ...rest } = state.parameters;
    await expectError("ADASTEP_SHAPE", /0\.bias\.exp_avg/, () =>
      two.adam.load({ ...state, parameters: rest }),
    );
    for (const { model, adam, step } of [one, two]) for (const thing of [step, adam, model]) thing.dispose();
  });

  it("leave memory between the user's own parameters alone", async () => {
    using block = device().from(new Float32Array(30).fill(1));
    const own = [parameter("a", block.view(0, [10])), parameter("b", block.view(20, [10]))];
    using adamW = new AdamW(own, { lr: 0.1, weightDecay: 0.5 });
    adamW.step();
    const values = [...(await block.read())];
    expect(values.slice(10, 20)).to.deep.equal(new Array(10).fill(1));
    expect(values[0]).to.be.closeTo(0.95, 1e-6);
  });

  it("refuse parameters that share memory", async () => {
    using block = device().alloc("f32", [30]);
    using grad = device().alloc("f32", [10]);
    const of = (start: number, g?: typeof grad) => parameter(`p${start}`, block.view(start, [10]), g);
    await expectError("ADASTEP_ARGUMENT", /p0 and p5 in the same memory/, () => new SGD([of(0), of(5)]));
    await expectError(
      "ADASTEP_ARGUMENT",
      /gradient of p0 and the gradient of p10/,
      () => new SGD([of(0, grad), of(10, grad)]),
    );
  });

  it("keep a model alive whose parameters are all that is left of it", async () => {
    const parameters = (() => new Linear(4, 2).to(device()).parameters())();
    for (let i = 0; i < 5; i++) {
      (globalThis as { gc?: () => void }).gc?.();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    using sgd = new SGD(parameters);
    sgd.step();
    expect(await parameters[0]?.value.read()).to.have.length(8);
  });

  it("refuse a schedule that is none, and state that does not fit", async () => {
    using w = device().alloc("f32", [1]);
    using sgd = new SGD([parameter("w", w)], { momentum: 0.9, lr: 0.5 });
    using step = device().program({ x: f32(1) }, ({ x }) =>
      sgd.minimize(sum(mul(x, w)), { schedule: (() => Number.NaN) as never }),
    );
    await expectError("ADASTEP_ARGUMENT", /factor at step 0.*NaN/, () =>
      step.run({ x: new Float32Array(1) }),
    );
    await expectError("ADASTEP_ARGUMENT", /"clips"/, () =>
      device().program({ x: f32(1) }, ({ x }) => sgd.minimize(sum(mul(x, w)), { clips: 1 } as never)),
    );
    const reading = sgd.state();
    sgd.step();
    const state = await reading;
    expect(state.step, "a step taken while it is read does not show").to.equal(0);
    await expectError("ADASTEP_ARGUMENT", /'step'.*"5"/, () => sgd.load({ ...state, step: "5" as never }));
    await expectError("ADASTEP_ARGUMENT", /'lr'/, () => sgd.load({ ...state, lr: ["x"] as never }));
    await expectError("ADASTEP_ARGUMENT", /'running'/, () => sgd.load({ ...state, running: [[0, 1]] }));
    sgd.load({ ...state, lr: [0.25] });
    expect(sgd.groups[0]?.lr).to.equal(0.25);
  });

  it("update a thousand small parameters of one's own", async () => {
    const parameters = Array.from({ length: 1000 }, (_, i) => {
      const value = device().from(Float32Array.of(i, -i));
      return parameter(`p${i}`, value, device().from(Float32Array.of(1, 2)));
    });
    using sgd = new SGD(parameters, { lr: 0.5 });
    sgd.step();
    expect([...((await parameters[10]?.value.read()) ?? [])]).to.deep.equal([9.5, -11]);
    for (const { value, grad } of parameters) {
      value.dispose();
      grad?.dispose();
    }
  });
});
