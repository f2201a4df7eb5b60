// State in bf16 and in 8 bits: it keeps means, keeps zeros, ends where f32 ends, and continues bit for bit.

import { expect } from "chai";
import {
  crossEntropy,
  type Device,
  f32,
  Linear,
  meanSquaredError,
  namedDataset,
  type Optimizer,
  type OptimizerState,
  type Precision,
  parameter,
  relu,
  Sequential,
  Trainer,
  tanh,
} from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { floats } from "../support/numbers.js";
import { type ClassName, construct, type Options } from "./variants.js";

const PACKED: readonly Precision[] = ["bf16", "u8"];

/** Every rule of at most two states. */
const CASES: readonly [ClassName, Options][] = [
  ["SGD", { lr: 0.02, momentum: 0.9 }],
  ["AdaGrad", { lr: 0.1 }],
  ["Adam", { lr: 0.02 }],
  ["AdamW", { lr: 0.02 }],
  ["Adam", { lr: 0.02, betas: [0.9, 0.9] }],
  ["RMSprop", { lr: 0.01 }],
  ["RMSprop", { lr: 0.002, momentum: 0.9 }],
  ["RMSprop", { lr: 0.01, centered: true }],
  ["Adadelta", { lr: 5 }],
  ["Adamax", { lr: 0.02 }],
  ["Adamax", { lr: 0.02, betas: [0.9, 0.9] }],
  ["NAdam", { lr: 0.02 }],
  ["RAdam", { lr: 0.02 }],
  ["Lion", { lr: 0.005 }],
];

/** Parameters `w` with gradients of the test's own. */
function bring(device: Device, name: ClassName, options: Options, initial: Float32Array) {
  const [w, g] = [device.from(initial), device.alloc("f32", [initial.length])];
  const optimizer = construct(name, [parameter("w", w, g)], options);
  return {
    w,
    g,
    optimizer,
    step(gradient: Float32Array): void {
      g.write(gradient);
      optimizer.step();
    },
    [Symbol.dispose](): void {
      for (const thing of [optimizer, g, w]) thing.dispose();
    },
  };
}

async function stateOf(optimizer: Optimizer, name: string): Promise<Float32Array> {
  return (await optimizer.state()).parameters.w?.[name] as Float32Array;
}

const withState = (state: OptimizerState, name: string, values: Float32Array): OptimizerState => ({
  ...state,
  parameters: { w: { ...state.parameters.w, [name]: values } },
});

const meanOf = (values: Float32Array): number => values.reduce((sum, v) => sum + v, 0) / values.length;

onEachDevice("state in less than 32 bits", (device) => {
  for (const precision of PACKED) {
    it(`${precision}: the sum of AdaGrad grows past where rounding to the nearest would stop it`, async () => {
      const n = 4096;
      using run = bring(device(), "AdaGrad", { lr: 0, precision }, floats(1, n));
      const ones = new Float32Array(n).fill(1);
      // A few elements far ahead, so that in 8 bits the others are not the largest of their block, which is exact.
      const ahead = ones.map((_, i) => (i % 256 === 0 ? 2 : 1));
      for (let i = 0; i < 700; i++) run.step(ahead);
      const sum = (await stateOf(run.optimizer, "sum")).filter((_, i) => i % 256 !== 0);
      // Each element walks at random around 700; its spread is that of 700 roundings by up to 2^-8 or 2^-3 of the value.
      expect(meanOf(sum)).to.be.closeTo(700, precision === "bf16" ? 7 : 35);
    });

    it(`${precision}: AdaGrad steps as in f32 beside one gradient that is 1e3 or 1e4 times the others`, async () => {
      for (const small of [1e-3, 1e-4]) {
        const moved: Float32Array[] = [];
        for (const kept of ["f32", precision]) {
          using run = bring(device(), "AdaGrad", { lr: 1e-3, precision: kept }, new Float32Array(1024));
          const gradient = new Float32Array(1024).map((_, i) => (i % 128 === 0 ? 1 : small));
          run.g.write(gradient);
          for (let i = 0; i < 1000; i++) run.optimizer.step();
          const sum = await stateOf(run.optimizer, "sum");
          expect(sum.every((v) => v > 0)).to.equal(true);
          moved.push(await run.w.read());
        }
        const [whole, packed] = moved as [Float32Array, Float32Array];
        packed.forEach((v, i) => {
          expect(v, `${small}, element ${i}`).to.be.closeTo(whole[i] as number, 0.05 * Math.abs(v));
        });
        expect(meanOf(packed)).to.be.closeTo(meanOf(whole), 0.005 * Math.abs(meanOf(whole)));
      }
    });

    it(`${precision}: Adam's mean of squares decays by beta2 and rises towards g^2`, async () => {
      const n = 8192;
      const squares = floats(2, n, 0.1, 1);
      for (const g of [0, 1]) {
        using run = bring(device(), "Adam", { lr: 0, precision }, new Float32Array(n));
        run.optimizer.load(withState(await run.optimizer.state(), "exp_avg_sq", squares));
        for (let i = 0; i < 1000; i++) run.step(new Float32Array(n).fill(g));
        const rest = 0.999 ** 1000;
        const expected = rest * meanOf(squares) + (1 - rest) * g * g;
        const mean = meanOf(await stateOf(run.optimizer, "exp_avg_sq"));
        expect(mean / expected).to.be.closeTo(1, precision === "bf16" ? 0.01 : 0.05);
      }
    });
  }

  for (const [name, options] of CASES) {
    for (const precision of PACKED) {
      const title = `${name} ${JSON.stringify({ ...options, precision })}`;

      it(`${title} rests where the gradient always was zero, and does not drift where it becomes so`, async () => {
        const n = 700;
        const touched = (i: number): boolean => i % 3 === 0;
        const lone = (i: number): boolean => i % 256 === 3; // goes on: the scale of its block stays large
        const [initial, g] = [floats(3, n), floats(4, n, 0.5, 2)];
        const drifts: number[] = [];
        for (const kept of ["f32", precision]) {
          using run = bring(device(), name, { ...options, weightDecay: 0, precision: kept }, initial);
          let settled: Float32Array = initial;
          for (let i = 0; i < 520; i++) {
            const active = i < 20 ? touched : lone;
            run.step(g.map((v, k) => (touched(k) && active(k) ? (i % 2 === 0 ? v : -v / 2) : 0)));
            if (i === 80) settled = await run.w.read(); // momentum is spent
          }
          const last = await run.w.read();
          expect(last.filter((_, k) => !touched(k))).to.deep.equal(initial.filter((_, k) => !touched(k)));
          for (const [state, values] of Object.entries((await run.optimizer.state()).parameters.w ?? {})) {
            if (state === "exp_inf") continue; // has eps in it
            expect(
              values.every((v, k) => touched(k) || v === 0),
              `${state} stays zero`,
            ).to.equal(true);
          }
          const moves = last.map((v, k) => (lone(k) ? 0 : Math.abs(v - (settled[k] as number))));
          drifts.push(Math.max(...moves));
        }
        const [whole, packed] = drifts as [number, number];
        expect(packed).to.be.below(3 * whole + 1e-3);
      });

      it(`${title} fits a line as f32 does`, async () => {
        const losses: number[] = [];
        for (const kept of ["f32", precision]) {
          using model = new Sequential(new Linear(16, 32), tanh, new Linear(32, 1)).to(device(), { seed: 5 });
          using optimizer = construct(name, model.parameters(), { ...options, precision: kept });
          using step = device().program({ x: f32(64, 16), y: f32(64, 1) }, ({ x, y }) =>
            optimizer.minimize(meanSquaredError(model.forward(x), y)),
          );
          const x = floats(6, 64 * 16);
          const y = Float32Array.from({ length: 64 }, (_, i) => {
            const row = x.subarray(16 * i, 16 * i + 16);
            return row.reduce((sum, v, k) => sum + (v * (k - 8)) / 8, 0);
          });
          let loss = 0;
          for (let i = 0; i < 300; i++) loss = (await step.run({ x, y })).loss;
          losses.push(loss);
        }
        const [whole, packed] = losses as [number, number];
        expect(packed, `f32 ${whole}`).to.be.below(3 * whole + 1e-3);
      });
    }
  }

  it("learns digits within a point and a half of f32", async function () {
    this.timeout(120_000);
    const { train, test } = await namedDataset("digits");
    for (const [name, lr] of [
      ["Adam", 3e-3],
      ["AdaGrad", 0.03],
    ] as const) {
      const accuracies: number[] = [];
      for (const precision of ["f32", ...PACKED]) {
        using model = new Sequential(new Linear(64, 64), relu, new Linear(64, 10)).to(device(), { seed: 1 });
        using optimizer = construct(name, model.parameters(), { lr, precision });
        await using trainer = new Trainer({
          device: device(),
          model,
          optimizer,
          loss: crossEntropy,
          seed: 1,
        });
        const { validation } = await trainer.fit(train, { epochs: 12, batchSize: 32, validation: test });
        accuracies.push(validation?.accuracy ?? 0);
      }
      const [whole, ...packed] = accuracies as [number, ...number[]];
      expect(whole).to.be.above(0.9);
      for (const accuracy of packed) expect(accuracy, `${name}: f32 ${whole}`).to.be.above(whole - 0.015);
    }
  });

  for (const precision of ["f32", ...PACKED] as const) {
    for (const [name, options] of CASES) {
      it(`${name} ${JSON.stringify({ ...options, precision })} continues from state() bit for bit`, async () => {
        const n = 515;
        const gradient = (i: number): Float32Array => floats(100 + i, n, -2, 2);
        const own = { ...options, precision, seed: 7 };
        using one = bring(device(), name, own, floats(8, n));
        for (let i = 0; i < 9; i++) one.step(gradient(i));
        using two = bring(device(), name, own, await one.w.read());
        two.optimizer.load(await one.optimizer.state());
        for (let i = 9; i < 20; i++) for (const run of [one, two]) run.step(gradient(i));
        expect(await two.w.read()).to.deep.equal(await one.w.read());
        expect(await two.optimizer.state()).to.deep.equal(await one.optimizer.state());
      });
    }
  }

  it("moves between precisions, rounded to the nearest", async () => {
    const n = 700;
    using whole = bring(device(), "Adam", {}, floats(1, n));
    for (let i = 0; i < 5; i++) whole.step(floats(20 + i, n));
    const state = await whole.optimizer.state();
    for (const precision of PACKED) {
      using packed = bring(device(), "Adam", { precision }, floats(1, n));
      packed.optimizer.load(state);
      expect(packed.optimizer.stepCount).to.equal(5);
      const rounded = await packed.optimizer.state();
      for (const name of ["exp_avg", "exp_avg_sq"]) {
        const [got, want] = [rounded.parameters.w?.[name], state.parameters.w?.[name]];
        const largest = Math.max(...(want ?? []).map(Math.abs));
        const relative = precision === "bf16" ? 2 ** -8 : 1 / 16;
        want?.forEach((v, i) => {
          expect(got?.[i]).to.be.closeTo(v, relative * Math.abs(v) + 1e-5 * largest);
        });
      }
      using back = bring(device(), "Adam", {}, floats(1, n));
      back.optimizer.load(rounded);
      expect((await back.optimizer.state()).parameters).to.deep.equal(rounded.parameters);
      back.step(floats(30, n));
      packed.step(floats(30, n));
      expect(await back.w.read(), "the same step from the same state").to.deep.equal(await packed.w.read());
    }
  });

  it("starts as f32 does", async () => {
    for (const precision of PACKED) {
      using run = bring(device(), "AdaGrad", { precision, initialAccumulatorValue: 0.25 }, floats(1, 300));
      expect(await stateOf(run.optimizer, "sum")).to.deep.equal(new Float32Array(300).fill(0.25));
    }
  });

  it("keeps each of several parameters apart, whatever their sizes", async () => {
    const sizes = [0, 1, 255, 256, 257, 3, 511, 512, 513, 1023, 1024, 1025];
    for (const precision of PACKED) {
      const values = sizes.map((n, i) => device().from(floats(i, n)));
      const grads = sizes.map((n, i) => device().from(floats(50 + i, n)));
      const parameters = values.map((value, i) => parameter(`p${i}`, value, grads[i]));
      using optimizer = construct("Adam", parameters, { precision });
      optimizer.step();
      const state = await optimizer.state();
      for (const [i, n] of sizes.entries()) {
        const got = state.parameters[`p${i}`]?.exp_avg ?? [];
        expect(got).to.have.length(n);
        floats(50 + i, n).forEach((g, k) => {
          expect(got[k], `p${i}[${k}] of ${n}`).to.be.closeTo(0.1 * g, 0.0126 * Math.abs(g) + 1e-6);
        });
      }
      for (const buffer of [...values, ...grads]) buffer.dispose();
    }
  });

  it("is refused where there are more than two states, or one that holds parameters", async () => {
    using w = device().alloc("f32", [3]);
    const p = [parameter("w", w)];
    for (const precision of PACKED) {
      for (const [name, options] of [
        ["Adam", { amsgrad: true }],
        ["RMSprop", { centered: true, momentum: 0.9 }],
      ] as const) {
        const pattern = new RegExp(`${name}: 'precision'.*"${precision}".*"f32" for the 3 states`);
        await expectError("ADASTEP_ARGUMENT", pattern, () => construct(name, p, { ...options, precision }));
      }
      await expectError("ADASTEP_ARGUMENT", /'precision'.*'z', which holds parameters/, () =>
        construct("ScheduleFreeAdamW", p, { precision }),
      );
    }
    await expectError("ADASTEP_ARGUMENT", /'precision'.*"f16"/, () =>
      construct("Adam", p, { precision: "f16" }),
    );
  });
});
