// Catch-up Adam: how far it is from the dense trajectory, and what it does to rows before they are read.

import { expect } from "chai";
import {
  AdamW,
  type Device,
  embedding,
  embeddingBag,
  f32,
  i32,
  meanSquaredError,
  parameter,
  type Tensor,
  type Value,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { distance, floats, random } from "../support/numbers.js";
import { golden, runGolden, setupOf } from "./sparse-golden.js";
import { adam, Harness } from "./sparse-harness.js";

interface Schedule {
  readonly lr: (step: number) => number;
  readonly weightDecay: number;
  readonly betas: readonly [number, number];
}

/** Dense Adam(W) in double on the same rows. */
class DenseAdam {
  readonly m: Float64Array;
  readonly v: Float64Array;
  readonly p: Float64Array;
  t = 0;
  constructor(
    initial: Float32Array,
    readonly dim: number,
    readonly schedule: Schedule,
  ) {
    this.p = Float64Array.from(initial);
    this.m = new Float64Array(initial.length);
    this.v = new Float64Array(initial.length);
  }
  step(rows: readonly number[], values: Float32Array): void {
    const g = new Float64Array(this.p.length);
    rows.forEach((row, i) => {
      for (let j = 0; j < this.dim; j++)
        g[row * this.dim + j] = (g[row * this.dim + j] as number) + (values[i * this.dim + j] as number);
    });
    const { betas, weightDecay } = this.schedule;
    const lr = this.schedule.lr(this.t++);
    const [c1, c2] = betas.map((beta) => 1 - beta ** this.t) as [number, number];
    for (let i = 0; i < this.p.length; i++) {
      const gi = g[i] as number;
      const m = betas[0] * (this.m[i] as number) + (1 - betas[0]) * gi;
      const v = betas[1] * (this.v[i] as number) + (1 - betas[1]) * gi * gi;
      this.m[i] = m;
      this.v[i] = v;
      this.p[i] =
        (this.p[i] as number) * (1 - lr * weightDecay) - ((lr / c1) * m) / (Math.sqrt(v / c2) + 1e-8);
    }
  }
}

/** Mean distance from the dense trajectory at its end, relative to how far that has gone on the mean. */
async function distanceFromDense(
  device: Device,
  mode: "lazy" | "catchUp",
  every: number,
  steps: number,
  schedule: Schedule,
) {
  const [vocabulary, dim] = [100, 4];
  const initial = floats(3, vocabulary * dim);
  const reference = new DenseAdam(initial, dim, schedule);
  const { betas, weightDecay } = schedule;
  using harness = new Harness(device, initial, [vocabulary, dim], adam(mode, { lr: 0, betas, weightDecay }));
  const next = random(17);
  const n = vocabulary / every;
  for (let i = 0; i < steps; i++) {
    const rows = Array.from({ length: n }, () => Math.floor(next() * vocabulary));
    // Drift and noise: a part of the gradient has a sign of its own per element.
    const values = Float32Array.from({ length: n * dim }, (_, k) => {
      const place = (rows[Math.floor(k / dim)] as number) * dim + (k % dim);
      return (place % 3) - 1 + 2 * (next() + next() + next() - 1.5);
    });
    harness.hyper[0] = schedule.lr(i);
    await harness.step({ rows, values });
    reference.step(rows, values);
  }
  harness.table.flush();
  const p = await harness.read();
  let [apart, travel] = [0, 0];
  for (let i = 0; i < p.length; i++) {
    apart += Math.abs((p[i] as number) - (reference.p[i] as number));
    travel += Math.abs((initial[i] as number) - (reference.p[i] as number));
  }
  return apart / travel;
}

onEachDevice("catch-up Adam", (device) => {
  const constant: Schedule = { lr: () => 1e-2, weightDecay: 0, betas: [0.9, 0.999] };
  const cosine: Schedule = {
    ...constant,
    lr: (step) => 5e-3 * (1 + Math.cos((Math.PI * step) / 2000)),
    weightDecay: 0.1,
  };
  const rows: [string, Schedule, number][] = [
    ["constant lr", constant, 10],
    ["constant lr", constant, 100],
    ["weight decay, lr that changes", cosine, 10],
    ["weight decay, lr that changes", cosine, 100],
  ];
  for (const [name, schedule, every] of rows) {
    it(`stays with the dense trajectory where lazy Adam does not: ${name}, a row in ${every} steps`, async function () {
      this.timeout(600_000);
      const steps = device().kind === "cuda" ? 60 : 2000; // the emulator takes its time
      const caught = await distanceFromDense(device(), "catchUp", every, steps, schedule);
      const lazy = await distanceFromDense(device(), "lazy", every, steps, schedule);
      if (process.env.ADASTEP_PRINT)
        console.log(`      catch-up ${(100 * caught).toFixed(3)} %, lazy ${(100 * lazy).toFixed(1)} %`);
      expect(caught).to.be.below(0.01);
      expect(lazy).to.be.above(10 * caught);
    });
  }

  it("is within 2 % of torch's dense Adam and AdamW from the first steps on", async () => {
    for (const test of golden.cases) {
      const setup = setupOf(test);
      if (setup?.mode !== "catchUp") continue;
      const { end } = await runGolden(device(), setup);
      const expected = test.float64.parameters.at(-1) as number[];
      const travel = expected.reduce((s, v, i) => s + Math.abs(v - (golden.initial[i] as number)), 0);
      const apart = expected.reduce((s, v, i) => s + Math.abs(v - (end[i] as number)), 0);
      if (process.env.ADASTEP_PRINT)
        console.log(`      ${test.name}: ${((100 * apart) / travel).toFixed(2)} %`);
      expect(apart / travel, test.name).to.be.below(0.02);
    }
  });

  it("brings rows up to date before a lookup reads them, and all by flush, once", async () => {
    const setup = adam("catchUp", { lr: 0.1, weightDecay: 0.1 });
    using a = new Harness(device(), floats(1, 40), [10, 4], setup);
    for (let i = 0; i < 9; i++)
      await a.step({ rows: i === 0 ? [0, 1, 2] : [3, 3, 4], values: floats(i, 12) });
    const stale = await a.read();
    using look = device().program({ rows: i32(3) }, ({ rows }) => embedding(a.parameter, rows));
    const seen = (await look.run({ rows: Int32Array.of(7, 1, 1) })) as Float32Array;
    const looked = await a.read();
    a.table.flush();
    const all = await a.read();
    a.table.flush();
    expect(await a.read()).to.deep.equal(all);
    expect(seen).to.deep.equal(
      Float32Array.of(...all.subarray(28, 32), ...all.subarray(4, 8), ...all.subarray(4, 8)),
    );
    expect(looked.subarray(4, 8)).to.deep.equal(all.subarray(4, 8));
    expect(looked.subarray(8, 12)).to.deep.equal(stale.subarray(8, 12));
    expect(all.subarray(8, 12)).to.not.deep.equal(stale.subarray(8, 12));
    expect(all.subarray(12, 20)).to.deep.equal(stale.subarray(12, 20));
  });

  it("decays a row that was never in use by the product of all steps", async () => {
    using a = new Harness(
      device(),
      new Float32Array(40).fill(1),
      [10, 4],
      adam("catchUp", { lr: 0, weightDecay: 0.5 }),
    );
    let product = 1;
    for (let i = 0; i < 50; i++) {
      a.hyper[0] = 0.01 * (i % 7);
      product *= 1 - 0.5 * a.hyper[0];
      await a.step({ rows: [0], values: new Float32Array(4) });
    }
    a.table.flush();
    expect(distance(await a.read(), new Array(40).fill(product))).to.be.below(1e-6);
  });

  it("trains a model, whose gradient depends on the rows, as dense Adam does", async function () {
    this.timeout(600_000);
    const steps = device().kind === "cuda" ? 40 : 1500;
    const [caught, lazy] = [
      await modelDistance(device(), "catchUp", steps),
      await modelDistance(device(), "lazy", steps),
    ];
    if (process.env.ADASTEP_PRINT)
      console.log(`      catch-up ${(100 * caught).toFixed(2)} %, lazy ${(100 * lazy).toFixed(1)} %`);
    expect(caught).to.be.below(0.02);
    expect(lazy).to.be.above(5 * caught);
  });
});

const [WORDS, WIDTH, LENGTH, TEXTS] = [300, 8, 4, 8];

/** How far from dense AdamW the table of a regression on means of rare words ends, relative to its way. */
async function modelDistance(device: Device, mode: "lazy" | "catchUp", steps: number): Promise<number> {
  const settings = { lr: 5e-3, weightDecay: 0.01 };
  const initial = floats(1, WORDS * WIDTH);
  using value = device.from(initial, [WORDS, WIDTH]);
  using dense = new AdamW([parameter("w", value)], settings);
  using sparse = new Harness(device, initial, [WORDS, WIDTH], adam(mode, settings));
  const inputs = { i: i32(TEXTS, LENGTH), y: f32(TEXTS, WIDTH) };
  const loss = (table: Value, { i, y }: { i: Tensor; y: Tensor }) =>
    meanSquaredError(embeddingBag(table, i), y);
  using denseStep = device.program(inputs, (batch) => dense.minimize(loss(value, batch)));
  using sparseStep = device.program(inputs, (batch) => sparse.recordUpdate([loss(sparse.parameter, batch)]));
  const next = random(23);
  const truth = floats(2, WORDS * WIDTH);
  for (let k = 0; k < steps; k++) {
    const i = Int32Array.from({ length: TEXTS * LENGTH }, () => Math.floor(WORDS * next() ** 2));
    const y = Float32Array.from({ length: TEXTS * WIDTH }, (_, at) => {
      const words = i.subarray(Math.floor(at / WIDTH) * LENGTH, (Math.floor(at / WIDTH) + 1) * LENGTH);
      const sum = words.reduce((s, word) => s + (truth[word * WIDTH + (at % WIDTH)] as number), 0);
      return sum / LENGTH + 0.3 * (next() - 0.5);
    });
    await denseStep.run({ i, y });
    await sparseStep.run({ i, y });
  }
  sparse.table.flush();
  const [p, q] = [await value.read(), await sparse.read()];
  const way = p.reduce((s, v, at) => s + Math.abs(v - (initial[at] as number)), 0);
  return p.reduce((s, v, at) => s + Math.abs(v - (q[at] as number)), 0) / way;
}
