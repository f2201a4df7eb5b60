// What a step watches, limits, skips and scales, against plain arithmetic in double.

import { expect } from "chai";
import {
  Adam,
  add,
  type Device,
  f32,
  LAMB,
  mul,
  type Optimizer,
  type Parameter,
  Prodigy,
  parameter,
  SGD,
  type StepOptions,
  sum,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { floats } from "../support/numbers.js";

const SIZES = { a: 1500, b: 7 };
type Name = keyof typeof SIZES;
const NAMES: readonly Name[] = ["a", "b"];

function setUp(device: Device, make: (p: readonly Parameter[]) => Optimizer, options: StepOptions) {
  const values = NAMES.map((name, i) => device.from(floats(i + 1, SIZES[name])));
  const grads = NAMES.map((name) => device.alloc("f32", [SIZES[name]]));
  const parameters = NAMES.map((name, i) => parameter(name, values[i] as never, grads[i] as never));
  const optimizer = make(parameters);
  const step = async (gradients: readonly Float32Array[]): Promise<Float32Array[]> => {
    gradients.forEach((gradient, i) => {
      grads[i]?.write(gradient);
    });
    optimizer.step(options);
    return await Promise.all(values.map((value) => value.read()));
  };
  const dispose = (): void => {
    optimizer.dispose();
    for (const buffer of [...values, ...grads]) buffer.dispose();
  };
  return { optimizer, step, values, [Symbol.dispose]: dispose };
}

const norm = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((total, v) => total + v * v, 0));
const gradients = (seed: number): Float32Array[] =>
  NAMES.map((name, i) => floats(seed + 10 * i, SIZES[name]));
const close = (actual: number, expected: number, what: string): void => {
  expect(Math.abs(actual - expected), `${what}: ${actual}, expected ${expected}`).to.be.at.most(
    2e-5 * Math.abs(expected) + 1e-12, // sums of 1500 terms in f32
  );
};

onEachDevice("watching a step", (device) => {
  it("gives norms, ratios, agreement and staleness of each parameter", async () => {
    using run = setUp(device(), (p) => new Adam(p, { lr: 0.01, betas: [0.5, 0.9] }), { watch: 2 });
    await run.step(gradients(100));
    const first = await run.optimizer.telemetry();
    expect(
      first.map(({ updateNorm }) => updateNorm),
      "the first step does not watch",
    ).to.deep.equal([0, 0]);
    const before = await Promise.all(run.values.map((value) => value.read()));
    const { parameters: states } = await run.optimizer.state();
    const g = gradients(200);
    const after = await run.step(g);
    const moments = (await run.optimizer.state()).parameters;
    for (const [i, watched] of (await run.optimizer.telemetry()).entries()) {
      const name = NAMES[i] as Name;
      const [own, was, is] = [g[i], before[i], after[i]] as [Float32Array, Float32Array, Float32Array];
      const delta = is.map((value, k) => value - (was[k] as number));
      expect(watched).to.include({ name, size: SIZES[name], nonFinite: 0 });
      close(watched.gradNorm, norm(own), "gradNorm");
      close(watched.paramNorm, norm(was), "paramNorm");
      close(watched.updateNorm, norm(delta), "updateNorm");
      close(watched.updateRatio, norm(delta) / norm(was), "updateRatio");
      close(watched.largestUpdate, Math.max(...delta.map(Math.abs)), "largestUpdate");
      const mean = states[name]?.exp_avg as Float32Array;
      const agree = own.filter((v, k) => v * (mean[k] as number) > 0).length;
      expect(watched.agreement).to.be.closeTo(agree / own.length, 1e-6);
      const second = moments[name]?.exp_avg_sq as Float32Array;
      const stale = own.reduce((total, v, k) => total + (v * v) / (second[k] as number), 0) / own.length;
      close(watched.staleness as number, stale, "staleness");
    }
  });

  it("stays with the last step that was watched, also for rules that measure every step", async () => {
    const makers: [string, (p: readonly Parameter[]) => Optimizer, StepOptions][] = [
      ["LAMB", (p) => new LAMB(p), {}],
      ["Prodigy", (p) => new Prodigy(p), {}],
      ["updateRms", (p) => new SGD(p, { lr: 0.5 }), { clip: { updateRms: 0.1 } }],
    ];
    for (const [name, make, options] of makers) {
      using run = setUp(device(), make, { watch: 2, ...options });
      const figures = async () =>
        (await run.optimizer.telemetry()).map(({ gradNorm: _, nonFinite: __, ...watched }) => watched);
      for (const seed of [1, 2]) await run.step(gradients(seed));
      const watched = await figures();
      expect(watched[0]?.updateNorm, name).to.be.above(0);
      const g = gradients(3);
      await run.step(g);
      expect(await figures(), name).to.deep.equal(watched);
      close((await run.optimizer.telemetry())[0]?.gradNorm as number, norm(g[0] as Float32Array), name);
    }
  });

  it("counts what is not finite, and skips it with a guard: parameters, state and step count stay", async () => {
    using run = setUp(device(), (p) => new Adam(p), { guard: {}, watch: 1 });
    await run.step(gradients(1));
    const before = await run.optimizer.state();
    const values = await Promise.all(run.values.map((value) => value.read()));
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const g = gradients(2);
      (g[0] as Float32Array)[777] = bad;
      expect(await run.step(g)).to.deep.equal(values);
    }
    const after = await run.optimizer.state();
    expect(after.parameters).to.deep.equal(before.parameters);
    expect(after.running).to.deep.equal(before.running);
    const events = await run.optimizer.events();
    expect(events.map(({ attempt, cause, action }) => [attempt, cause, action])).to.deep.equal([
      [2, "nonFiniteGradient", "skip"],
      [3, "nonFiniteGradient", "skip"],
    ]);
    expect(await run.optimizer.events(), "told once").to.deep.equal([]);
  });

  it("tells the norm of the gradient without its loss scale, also of a step that is skipped", async () => {
    const size = 1500;
    using a = device().from(floats(1, size), [size]);
    using b = device().from(floats(2, size), [size]);
    using adam = new Adam([parameter("a", a), parameter("b", b)], { lr: 1e-3 });
    const options = { guard: { spike: "skip" }, lossScale: { initial: 1024 }, watch: 1 } as const;
    using program = device().program({ x: f32(size) }, ({ x }) =>
      adam.minimize(add(sum(mul(a, x)), sum(mul(mul(b, x), 2))), options),
    );
    for (const [i, factor] of [1, 1, 1, 1000, 1].entries()) {
      const x = floats(3, size).map((v) => factor * v);
      const { gradNorm } = await program.run({ x });
      const watched = await adam.telemetry();
      close(watched[0]?.gradNorm as number, norm(x), `step ${i}, a`);
      close(watched[1]?.gradNorm as number, 2 * norm(x), `step ${i}, b`);
      close(gradNorm, Math.sqrt(5) * norm(x), `step ${i}, all`);
    }
    expect((await adam.events()).map(({ attempt, action }) => [attempt, action])).to.deep.equal([
      [4, "skip"],
    ]);
  });

  it("gives zeros for a parameter without elements", async () => {
    using w = device().alloc("f32", [0, 4]);
    using g = device().alloc("f32", [0, 4]);
    using sgd = new SGD([parameter("w", w, g)]);
    sgd.step({ watch: 1 });
    expect((await sgd.telemetry())[0]).to.include({ size: 0, gradNorm: 0, updateNorm: 0, largestUpdate: 0 });
  });

  it("limits norm, value, norm of each tensor, and root mean square of the update", async () => {
    const g = gradients(3);
    const total = norm(g.flatMap((own) => [...own]));
    const limits: [StepOptions["clip"], (v: number, own: Float32Array) => number][] = [
      [{ norm: 2 }, (v) => (v * 2) / (total + 1e-6)],
      [{ value: 0.25 }, (v) => Math.max(-0.25, Math.min(0.25, v))],
      [{ tensorNorm: 1 }, (v, own) => v * Math.min(1, 1 / (norm(own) + 1e-6))],
      [{ norm: 20, value: 0.3 }, (v) => Math.max(-0.3, Math.min(0.3, v * Math.min(1, 20 / (total + 1e-6))))],
      [{ updateRms: 0.1 }, (v, own) => v * Math.min(1, 0.1 / (norm(own) / Math.sqrt(own.length)))],
    ];
    for (const [clip, limited] of limits) {
      using run = setUp(device(), (p) => new SGD(p, { lr: 0.5 }), { clip: clip ?? {} });
      const before = await Promise.all(run.values.map((value) => value.read()));
      for (const [i, after] of (await run.step(g)).entries()) {
        const own = g[i] as Float32Array;
        for (const [k, value] of after.entries()) {
          const expected = (before[i]?.[k] as number) - 0.5 * limited(own[k] as number, own);
          expect(value, JSON.stringify(clip)).to.be.closeTo(expected, 2e-6);
        }
      }
    }
  });

  it("refuses a limit where the trust ratio has the say", async () => {
    using run = setUp(device(), (p) => new LAMB(p), { clip: { updateRms: 1 } });
    await expectError("ADASTEP_ARGUMENT", /LAMB: 'clip.updateRms'/, () => run.step(gradients(1)));
  });

  it("scales the loss and its gradient back, grows the scale, and shrinks it after an overflow", async () => {
    using w = device().from(Float32Array.of(1, 2));
    using sgd = new SGD([parameter("w", w)], { lr: 0.5 });
    const lossScale = { initial: 4, growth: 2, shrink: 0.25, interval: 2 };
    using program = device().program({ x: f32(2) }, ({ x }) => sgd.minimize(sum(mul(x, w)), { lossScale }));
    const scale = async (): Promise<number> => (await sgd.state()).guard[3] as number;
    expect((await program.run({ x: Float32Array.of(3, 4) })).gradNorm).to.equal(5);
    expect((await sgd.telemetry())[0]?.gradNorm, "without the scale").to.equal(5);
    expect([...(await w.read())]).to.deep.equal([-0.5, 0]);
    await program.run({ x: Float32Array.of(0, 0) });
    expect(await scale()).to.equal(8);
    expect((await program.run({ x: Float32Array.of(3, 4) })).gradNorm).to.equal(5);
    const before = await w.read();
    await program.run({ x: Float32Array.of(3e38, 0) }); // 8 times that is infinite
    expect(await w.read()).to.deep.equal(before);
    expect(await scale()).to.equal(2);
  });

  it("begins with its initial scale at the first step that scales, whenever that is", async () => {
    using w = device().from(Float32Array.of(1, 2));
    using sgd = new SGD([parameter("w", w)], { lr: 0.5 });
    const record = (options: StepOptions) =>
      device().program({ x: f32(2) }, ({ x }) => sgd.minimize(sum(mul(x, w)), options));
    using plain = record({});
    using scaled = record({ lossScale: { initial: 1024 } });
    const scale = async (): Promise<number> => (await sgd.state()).guard[3] as number;
    const x = Float32Array.of(0.5, -0.25);
    await plain.run({ x });
    expect(await scale(), "none before").to.equal(0);
    const before = await sgd.state();
    await scaled.run({ x });
    expect(await scale()).to.equal(1024);
    expect([...(await w.read())]).to.deep.equal([0.5, 2.25]);
    const scaledState = await sgd.state();
    sgd.load(before);
    expect(await scale()).to.equal(0);
    await scaled.run({ x });
    expect(await scale(), "begins anew").to.equal(1024);
    sgd.load({ ...scaledState, guard: scaledState.guard.map((word, i) => (i === 3 ? 8 : word)) });
    await scaled.run({ x });
    expect(await scale(), "goes on").to.equal(8);
  });

  it("takes the gradients of a loss that is not scaled as they are, after others were scaled", async () => {
    using w = device().from(Float32Array.of(3, 4));
    using sgd = new SGD([parameter("w", w)], { lr: 1 });
    const run = async (options: StepOptions): Promise<[gradNorm: number, moved: number]> => {
      using program = device().program({ x: f32(2) }, ({ x }) => sgd.minimize(sum(mul(x, w)), options));
      w.write(Float32Array.of(3, 4));
      const { gradNorm } = await program.run({ x: Float32Array.of(0.75, 1) });
      const [a = 0, b = 0] = await w.read();
      return [gradNorm, Math.hypot(3 - a, 4 - b)];
    };
    expect(await run({ lossScale: { initial: 1024 } })).to.deep.equal([1.25, 1.25]);
    expect(await run({})).to.deep.equal([1.25, 1.25]);
    expect(await run({ clip: { norm: 10 } })).to.deep.equal([1.25, 1.25]);
    expect((await run({ clip: { adaptive: 0.05 } }))[1], "of a norm of 5").to.be.closeTo(0.25, 1e-6);
    expect(await run({ lossScale: { initial: 1 } }), "by the scale that it has").to.deep.equal([1.25, 1.25]);
    expect((await sgd.state()).guard[3]).to.equal(1024);
  });

  it("refuses to scale a loss of which it has the gradients alone", async () => {
    using run = setUp(device(), (p) => new SGD(p), { lossScale: { initial: 4 } });
    await expectError("ADASTEP_ARGUMENT", /SGD\.step: 'lossScale'.*minimize/, () => run.step(gradients(1)));
  });
});
