// State in bf16 and in 8 bits: it keeps means, keeps zeros, ends where f32 ends, and continues bit for bit.

import { expect } from "chai";
import {
  type Device,
  type Optimizer,
  type OptimizerState,
  type Precision,
  parameter,
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
  ["RMSprop", { lr: 0.01 }],
  ["RMSprop", { lr: 0.002, momentum: 0.9 }],
  ["RMSprop", { lr: 0.01, centered: true }],
  ["Adadelta", { lr: 5 }],
  ["Adamax", { lr: 0.02 }],
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
        using packed = bring(device(), name, { ...options, weightDecay: 0, precision }, initial);
        using whole = bring(device(), name, { ...options, weightDecay: 0 }, initial);
        for (let i = 0; i < 520; i++) {
          const active = i < 20 ? touched : lone;
          const gradient = g.map((v, k) => (touched(k) && active(k) ? (i % 2 === 0 ? v : -v / 2) : 0));
          packed.step(gradient);
          whole.step(gradient);
        }
        const [got, want] = await Promise.all([packed.w.read(), whole.w.read()]);
        const states = Object.values((await packed.optimizer.state()).parameters.w ?? {});
        const lr = options.lr as number;
        for (let k = 0; k < n; k++) {
          if (!touched(k)) {
            expect(got[k], `w[${k}]`).to.equal(initial[k]);
            for (const state of states) expect(Math.abs(state[k] as number), `state of w[${k}]`).to.equal(0);
          } else if (!lone(k)) {
            expect(got[k], `w[${k}]`).to.be.closeTo(want[k] as number, Math.max(20 * lr, 0.05));
          }
        }
      });
    }
  }
});
