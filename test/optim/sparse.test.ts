// Updates of the rows in use: against PyTorch's sparse trajectories, against the dense optimizers, and how far catch-up is from
// the dense trajectory.

import { readFileSync } from "node:fs";
import { expect } from "chai";
import {
  AdaGrad,
  type Device,
  embedding,
  f32,
  i32,
  mul,
  type Optimizer,
  parameter,
  SGD,
  sum,
} from "../../lib/index.js";
import { checkCatchUp, SparseTable } from "../../lib/optim/sparse.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { distance, floats, random } from "../support/numbers.js";
import { adam, Harness, type Setup } from "./sparse-harness.js";

interface Case {
  readonly name: string;
  readonly class: "SGD" | "AdaGrad" | "SparseAdam" | "Adam" | "AdamW" | "RowWiseAdaGrad";
  readonly options: {
    readonly lr?: number;
    readonly weightDecay?: number;
    readonly maximize?: boolean;
    readonly lrDecay?: number;
    readonly initialAccumulatorValue?: number;
    readonly eps?: number;
    readonly betas?: readonly [number, number];
    readonly momentum?: number;
    readonly decoupled?: boolean;
  };
  readonly sparse: "lazy" | "dense";
  readonly float64: {
    readonly parameters: number[][];
    readonly state: Record<string, number[]>;
    readonly stateScale: Record<string, number[]>;
  };
}

interface Golden {
  readonly table: [number, number];
  readonly initial: number[];
  readonly steps: { readonly rows: number[]; readonly values: number[][] }[];
  readonly cases: Case[];
}

const golden: Golden = JSON.parse(readFileSync(new URL("../golden/sparse.json", import.meta.url), "utf8"));
const UNIT = 2 ** -24;

/** The settings of a case of torch's, if it is one of ours. */
function setupOf({ class: name, options, sparse }: Case): Setup | undefined {
  const { weightDecay = 0, maximize = false, eps } = options;
  const common = (lr: number) => [options.lr ?? lr, weightDecay, Number(maximize)];
  const sums = { running: [0], initialState: options.initialAccumulatorValue ?? 0 };
  if (name === "Adam" || name === "AdamW")
    return adam("catchUp", { lr: 1e-3, ...(name === "AdamW" ? { weightDecay: 0.01 } : {}), ...options });
  // torch's SparseAdam has eps beside the uncorrected root: the same only where eps is tiny.
  if (name === "SparseAdam") return eps === undefined ? adam("lazy", { lr: 1e-3, ...options }) : undefined;
  if (sparse === "dense" || options.decoupled) return undefined;
  if (name === "SGD") return { rule: "sgd", mode: "lazy", hyper: common(0.01), running: [0] };
  const mode = name === "RowWiseAdaGrad" ? "rowWise" : "lazy";
  return { rule: "adagrad", mode, hyper: [...common(0.01), options.lrDecay ?? 0, eps ?? 1e-10], ...sums };
}

async function runGolden(device: Device, setup: Setup) {
  using harness = new Harness(device, Float32Array.from(golden.initial), golden.table, setup);
  const steps: Float32Array[] = [];
  for (const { rows, values } of golden.steps) {
    await harness.step({ rows, values: Float32Array.from(values.flat()) });
    steps.push(await harness.read());
  }
  harness.table.flush();
  return { steps, end: await harness.read(), states: await harness.table.readStates() };
}

onEachDevice("sparse updates", (device) => {
  for (const test of golden.cases) {
    const setup = setupOf(test);
    if (!setup || setup.mode === "catchUp") continue;
    it(`follow PyTorch: ${test.name}`, async () => {
      const { steps, states } = await runGolden(device(), setup);
      const largest = golden.initial.map(Math.abs);
      for (const [i, expected] of test.float64.parameters.entries()) {
        for (const [j, value] of expected.entries()) {
          largest[j] = Math.max(largest[j] as number, Math.abs(value));
          const error = Math.abs((steps[i]?.[j] as number) - value) / (largest[j] as number);
          expect(error / UNIT, `step ${i}, element ${j}`).to.be.below(16);
        }
      }
      expect(Object.keys(states)).to.have.members(Object.keys(test.float64.state));
      for (const [name, expected] of Object.entries(test.float64.state)) {
        for (const [j, value] of expected.entries()) {
          const scale = (test.float64.stateScale[name]?.[j] as number) || 1e-30;
          expect(Math.abs((states[name]?.[j] as number) - value) / scale / UNIT, `${name}[${j}]`).to.be.below(
            16,
          );
        }
      }
    });
  }

  const sgd: Setup = { rule: "sgd", mode: "lazy", hyper: [0.1, 0, 0], running: [0] };
  const adagrad: Setup = { rule: "adagrad", mode: "lazy", hyper: [0.1, 0, 0, 0.02, 1e-10], running: [0] };
  const dense: [string, Setup, (p: ReturnType<typeof parameter>[]) => Optimizer][] = [
    ["SGD", sgd, (p) => new SGD(p, { lr: 0.1 })],
    ["AdaGrad", adagrad, (p) => new AdaGrad(p, { lr: 0.1, lrDecay: 0.02 })],
  ];
  for (const [name, setup, make] of dense) {
    for (const [vocabulary, dim, n] of [
      [50, 3, 200],
      [3, 130, 70],
      [1000, 64, 40],
    ] as const) {
      it(`are those of the dense ${name}, bit for bit: ${n} indices of [${vocabulary}, ${dim}]`, async () => {
        const initial = floats(1, vocabulary * dim);
        using harness = new Harness(device(), initial, [vocabulary, dim], setup);
        using value = device().from(initial, [vocabulary, dim]);
        using optimizer = make([parameter("w", value)]);
        using program = device().program({ rows: i32(n), values: f32(n, dim) }, ({ rows, values }) =>
          optimizer.minimize(sum(mul(embedding(value, rows), values))),
        );
        const next = random(9);
        for (let i = 0; i < 4; i++) {
          const rows = Array.from({ length: n }, () => Math.floor(vocabulary * next() ** 2));
          const values = floats(i, n * dim);
          await harness.step({ rows, values });
          await program.run({ rows: Int32Array.from(rows), values });
        }
        expect(await harness.read()).to.deep.equal(await value.read());
      });
    }
  }

  it("take several lookups of a table as one", async () => {
    const setup = adam("lazy", { lr: 0.1 });
    using one = new Harness(device(), floats(1, 40), [10, 4], setup);
    using two = new Harness(device(), floats(1, 40), [10, 4], setup);
    for (let i = 0; i < 3; i++) {
      const [rows, values] = [[1, 5, 1, 9, 5, 5], floats(i, 24)];
      await one.step({ rows, values });
      await two.step(
        { rows: rows.slice(0, 2), values: values.slice(0, 8) },
        { rows: rows.slice(2), values: values.slice(8) },
      );
    }
    expect(await one.read()).to.deep.equal(await two.read());
  });

  it("continue from their state bit for bit", async () => {
    for (const setup of [
      adagrad,
      { ...adagrad, mode: "rowWise" as const },
      adam("lazy", { lr: 0.1 }),
      adam("catchUp", { lr: 0.1, weightDecay: 0.1 }),
    ]) {
      const run = async (harness: Harness, from: number, to: number) => {
        for (let i = from; i < to; i++)
          await harness.step({ rows: [i % 7, (i * i) % 10, 3], values: floats(i, 12) });
      };
      using through = new Harness(device(), floats(1, 40), [10, 4], setup);
      await run(through, 0, 12);
      const states = await through.table.readStates();
      const running = setup.running.map((_, k) => (k === 0 ? 12 : (setup.hyper[2 + k] as number) ** 12));
      using resumed = new Harness(device(), await through.read(), [10, 4], {
        ...setup,
        running: setup.rule === "adam" ? powers(setup, 12) : running,
      });
      resumed.table.writeStates("load", states);
      await run(through, 12, 20);
      await run(resumed, 12, 20);
      expect(await resumed.read(), setup.mode).to.deep.equal(await through.read());
      expect(await resumed.table.readStates()).to.deep.equal(await through.table.readStates());
    }
  });

  it("refuse misuse", async () => {
    using value = device().alloc("f32", [4, 3]);
    const p = parameter("w", value);
    await expectError("ADASTEP_ARGUMENT", /"rowWise" of adam/, () => new SparseTable(p, "adam", "rowWise"));
    await expectError("ADASTEP_ARGUMENT", /"catchUp" of sgd/, () => new SparseTable(p, "sgd", "catchUp"));
    using flat = device().alloc("f32", [4]);
    await expectError(
      "ADASTEP_SHAPE",
      /\[vocabulary, dim\]/,
      () => new SparseTable(parameter("w", flat), "sgd"),
    );
    using table = new SparseTable(p, "adagrad", "rowWise", 0.5);
    expect(table.bytes).to.equal(16);
    expect([...((await table.readStates()).sum ?? [])]).to.deep.equal([0.5, 0.5, 0.5, 0.5]);
    await expectError("ADASTEP_SHAPE", /load: 'w.sum'.*4 elements of f32/, () =>
      table.writeStates("load", { sum: new Float32Array(3) }),
    );
    const betas = [0.9, 0.999] as const;
    checkCatchUp("Adam", { betas, weightDecay: 0.1, decoupled: true });
    await expectError("ADASTEP_ARGUMENT", /Adam: 'sparse'.*weightDecay/, () =>
      checkCatchUp("Adam", { betas, weightDecay: 0.1, decoupled: false }),
    );
    await expectError("ADASTEP_ARGUMENT", /square root/, () =>
      checkCatchUp("Adam", { betas: [0.9, 0.5], weightDecay: 0, decoupled: true }),
    );
    using harness = new Harness(device(), floats(1, 12), [4, 3], sgd);
    await expectError("ADASTEP_DEVICE", /4/, () => harness.step({ rows: [1, 4], values: floats(1, 6) }));
    device().reset();
  });
});

/** The running values of Adam after `t` steps: products, as the device makes them. */
function powers({ hyper }: Setup, t: number): number[] {
  const [, , , beta1, beta2] = hyper as [number, number, number, number, number];
  let [p1, p2] = [1, 1];
  for (let i = 0; i < t; i++) {
    p1 *= beta1;
    p2 *= beta2;
  }
  return [t, p1, p2];
}

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
});
