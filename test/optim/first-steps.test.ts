// First steps that one can compute by hand, where the dialects part: from parameter 0 unless a case says another.

import { expect } from "chai";
import { onEachDevice } from "../support/devices.js";
import { type ClassName, type Options, trajectory } from "./variants.js";

interface Case {
  readonly what: string;
  readonly class: ClassName;
  readonly options: Options;
  readonly initial?: number;
  readonly gradients: readonly number[];
  readonly lrs?: readonly number[];
  /** The parameter after each step. */
  readonly expected: readonly number[];
}

const torch = { semantics: "torch" };
const keras = { semantics: "keras" };
const optax = { semantics: "optax" };

/** lr falls from 1 to 0.1 under a gradient of 1: where lr is in the buffer, the old one goes on. */
const FALLING = { gradients: [1, 1], lrs: [1, 0.1] };

const SGD: readonly Case[] = [
  {
    what: "momentum",
    class: "SGD",
    options: { ...torch, momentum: 0.9 },
    ...FALLING,
    expected: [-1, -1 - 0.1 * 1.9],
  },
  {
    what: "momentum",
    class: "SGD",
    options: { ...keras, momentum: 0.9 },
    ...FALLING,
    expected: [-1, -1 - (0.9 + 0.1)],
  },
  {
    what: "Nesterov",
    class: "SGD",
    options: { ...torch, momentum: 0.9, nesterov: true },
    ...FALLING,
    expected: [-1.9, -1.9 - 0.1 * (1 + 0.9 * 1.9)],
  },
  {
    what: "Nesterov",
    class: "SGD",
    options: { ...keras, momentum: 0.9, nesterov: true },
    ...FALLING,
    expected: [-1.9, -1.9 - (0.9 * 1 + 0.1)],
  },
  {
    what: "dampening spares the first step",
    class: "SGD",
    options: { lr: 1, momentum: 0.9, dampening: 0.5 },
    gradients: [1, 1],
    expected: [-1, -1 - (0.9 + 0.5)],
  },
];

const ADAGRAD: readonly Case[] = [
  {
    what: "g = 0.01",
    class: "AdaGrad",
    options: { ...torch, lr: 0.01 },
    gradients: [0.01],
    expected: [-0.01],
  },
  // 31.6 times shorter: 0.01 0.01 / sqrt(0.1 + 0.0001 + 1e-7)
  {
    what: "g = 0.01",
    class: "AdaGrad",
    options: { ...keras, lr: 0.01 },
    gradients: [0.01],
    expected: [-3.1606961e-4],
  },
  {
    what: "g = 0.01",
    class: "AdaGrad",
    options: { ...optax, lr: 0.01 },
    gradients: [0.01],
    expected: [-3.1606961e-4],
  },
  // g^2 is 0 in f32
  {
    what: "a sum of 0",
    class: "AdaGrad",
    options: { ...keras, lr: 1, initialAccumulatorValue: 0 },
    gradients: [1e-24],
    expected: [-1e-24 / Math.sqrt(1e-7)],
  },
  {
    what: "a sum of 0",
    class: "AdaGrad",
    options: { ...optax, lr: 1, initialAccumulatorValue: 0 },
    gradients: [1e-24],
    expected: [0],
  },
];

/** With beta1 0 a step is lr g / denominator. */
const SQUARES = { betas: [0, 0.999], lr: 1, eps: 0, amsgrad: true };
const SPIKE = [1, 0.01, 0.01, 0.01, 0.01];
const steps = (denominators: readonly number[]): number[] => {
  let p = 0;
  return denominators.map((denominator, i) => {
    p -= (SPIKE[i] as number) / denominator;
    return p;
  });
};
const fading = [1, 2, 3, 4, 5].map((t) => Math.sqrt(0.001 / (1 - 0.999 ** t))); // 1, .707, .578, .500, .448

const ADAM: readonly Case[] = [
  { what: "g = 1e-8", class: "Adam", options: torch, gradients: [1e-8], expected: [-5.0e-4] },
  { what: "g = 1e-8", class: "Adam", options: optax, gradients: [1e-8], expected: [-5.0e-4] },
  { what: "g = 1e-8", class: "Adam", options: keras, gradients: [1e-8], expected: [-3.1523086e-6] },
  {
    what: "g = 1e-8, the same eps",
    class: "Adam",
    options: { ...keras, eps: 1e-8 },
    gradients: [1e-8],
    expected: [-3.065343e-5],
  },
  {
    what: "amsgrad after a spike",
    class: "Adam",
    options: { ...torch, ...SQUARES },
    gradients: SPIKE,
    expected: steps(fading),
  },
  {
    what: "amsgrad after a spike",
    class: "Adam",
    options: { ...keras, ...SQUARES },
    gradients: SPIKE,
    expected: steps(fading),
  },
  {
    what: "amsgrad after a spike",
    class: "Adam",
    options: { ...optax, ...SQUARES },
    gradients: SPIKE,
    expected: steps([1, 1, 1, 1, 1]),
  },
];

/** alpha 0 and eps 0: every step is the sign of g. */
const SIGNS = { alpha: 0, eps: 0, momentum: 0.9 };

const RMSPROP: readonly Case[] = [
  {
    what: "eps outside",
    class: "RMSprop",
    options: { ...torch, lr: 1, alpha: 0.99 },
    gradients: [1e-4],
    expected: [-1e-4 / (1e-5 + 1e-8)],
  },
  {
    what: "eps inside",
    class: "RMSprop",
    options: { ...keras, lr: 1, alpha: 0.99, eps: 1e-8 },
    gradients: [1e-4],
    expected: [-1e-4 / Math.sqrt(1e-10 + 1e-8)],
  },
  {
    what: "eps inside",
    class: "RMSprop",
    options: { ...optax, lr: 1, alpha: 0.99 },
    gradients: [1e-4],
    expected: [-1e-4 / Math.sqrt(1e-10 + 1e-8)],
  },
  {
    what: "momentum",
    class: "RMSprop",
    options: { ...torch, ...SIGNS },
    ...FALLING,
    expected: [-1, -1 - 0.1 * 1.9],
  },
  {
    what: "momentum",
    class: "RMSprop",
    options: { ...keras, ...SIGNS },
    ...FALLING,
    expected: [-1, -1 - (0.9 + 0.1)],
  },
  {
    what: "momentum",
    class: "RMSprop",
    options: { ...optax, ...SIGNS },
    ...FALLING,
    expected: [-1, -1 - (0.9 + 0.1)],
  },
  // v = 1/2, a = 1/2, v - a^2 = 1/4
  {
    what: "centered",
    class: "RMSprop",
    options: { lr: 1, alpha: 0.5, eps: 0, centered: true },
    gradients: [1],
    expected: [-2],
  },
];

const OTHERS: readonly Case[] = [
  {
    what: "defaults",
    class: "Adadelta",
    options: torch,
    gradients: [1],
    expected: [-Math.sqrt(1e-6 / (0.1 + 1e-6))],
  },
  {
    what: "defaults",
    class: "Adadelta",
    options: keras,
    gradients: [1],
    expected: [-1e-3 * Math.sqrt(1e-7 / (0.05 + 1e-7))],
  },
  { what: "g = 1e-8", class: "Adamax", options: torch, gradients: [1e-8], expected: [-1e-3] },
  { what: "g = 1e-8", class: "Adamax", options: optax, gradients: [1e-8], expected: [-1e-3] },
  { what: "g = 1e-8", class: "Adamax", options: keras, gradients: [1e-8], expected: [-1e-3 / 11] },
  { what: "the momentum grows", class: "NAdam", options: torch, gradients: [1], expected: [-2.1129036e-3] },
  { what: "the momentum grows", class: "NAdam", options: keras, gradients: [1], expected: [-1.0627878e-3] },
  // 0.9 0.1 / (1 - 0.81) + 1
  {
    what: "the momentum is beta1",
    class: "NAdam",
    options: optax,
    gradients: [1],
    expected: [-2.9473684e-3],
  },
  {
    what: "rectified from step 6 on",
    class: "RAdam",
    options: { ...torch, lr: 1, eps: 0.1 },
    gradients: [1, 1, 1, 1, 1, 1],
    expected: [-1, -2, -3, -4, -5, -5.0112628],
  },
  {
    what: "rectified from step 6 on",
    class: "RAdam",
    options: { ...optax, lr: 1, eps: 0.1 },
    gradients: [1, 1, 1, 1, 1, 1],
    expected: [-1, -2, -3, -4, -5, -5.0234737],
  },
  // g^2 is infinite in f32, but not yet needed
  { what: "a gradient of 1e30", class: "RAdam", options: torch, gradients: [1e30], expected: [-1e27] },
  // m: 0.02, 0.0098: the third is 0.9 0.0098 - 0.1 0.1 < 0
  {
    what: "the sign of the mix",
    class: "Lion",
    options: { lr: 1 },
    gradients: [2, -1, -0.1, 0],
    expected: [-1, 0, 1, 0],
  },
  { what: "sign(0)", class: "Lion", options: { lr: 1 }, gradients: [0], expected: [0] },
];

const STEADY = { lr: 0.1, betas: [0.9, 0.999], eps: 0 };

const SCHEDULE_FREE: readonly Case[] = [
  // z: -.1, -.2; x: -.1, -.15
  {
    what: "the average",
    class: "ScheduleFreeAdamW",
    options: STEADY,
    gradients: [1, 1],
    expected: [-0.1, -0.155],
  },
  // z: -.05, -.15; weights .05^2 and .1^2; x: -.05, -.13
  {
    what: "warm-up",
    class: "ScheduleFreeAdamW",
    options: { ...STEADY, warmupSteps: 2 },
    gradients: [1, 1],
    expected: [-0.05, -0.132],
  },
  // weights .05^2 and 2 .1^2; x: -.05, -.15 + .1 / 9
  {
    what: "warm-up and r",
    class: "ScheduleFreeAdamW",
    options: { ...STEADY, warmupSteps: 2, r: 1 },
    gradients: [1, 1],
    expected: [-0.05, -0.15 + 0.09 / 9],
  },
  {
    what: "weights without lr",
    class: "ScheduleFreeAdamW",
    options: { ...STEADY, warmupSteps: 2, weightLrPower: 0 },
    gradients: [1, 1],
    expected: [-0.05, 0.9 * -0.1 + 0.1 * -0.15],
  },
  // at y = 1: z = 1 - .1 (1 + .5)
  {
    what: "weight decay",
    class: "ScheduleFreeAdamW",
    options: { ...STEADY, weightDecay: 0.5 },
    initial: 1,
    gradients: [1],
    expected: [0.85],
  },
];

/** Weight decay 0.5 of a parameter 1 without a gradient: decoupled it is 1 - 0.1 0.5; as L2 it is a step of the rule. */
const DECAY = { lr: 0.1, weightDecay: 0.5, eps: 0 };
const decay = (name: ClassName, options: Options, expected: number): Case => ({
  what: "weight decay",
  class: name,
  options: { ...DECAY, ...options },
  initial: 1,
  gradients: [0],
  expected: [expected],
});

const WEIGHT_DECAY: readonly Case[] = [
  decay("AdaGrad", torch, 0.9),
  decay("AdaGrad", { decoupled: true }, 0.95),
  decay("AdaGrad", keras, 0.95),
  decay("AdaGrad", { ...keras, decoupled: false, initialAccumulatorValue: 0 }, 0.9),
  decay("Adam", torch, 0.9),
  decay("Adam", optax, 0.9),
  decay("Adam", keras, 0.95),
  decay("AdamW", torch, 0.95),
  decay("Adamax", torch, 0.9),
  decay("Adamax", keras, 0.95),
  decay("RMSprop", { alpha: 0 }, 0.9),
  decay("RMSprop", { ...keras, alpha: 0 }, 0.95),
  decay("NAdam", { decoupled: true }, 0.95),
  decay("RAdam", torch, 0.95),
  decay("RAdam", { decoupled: true, maximize: true }, 0.95),
  { ...decay("Lion", {}, 0.95), options: { lr: 0.1, weightDecay: 0.5 } },
  { ...decay("Lion", {}, 0.9), options: { lr: 0.1, weightDecay: 0.5, decoupled: false } },
  { ...decay("AdamW", {}, 1 - 1e-3 * 0.01), options: torch },
  { ...decay("AdamW", {}, 1 - 1e-3 * 0.004), options: keras },
  { ...decay("AdamW", {}, 1 - 1e-3 * 1e-4), options: optax },
];

onEachDevice("first steps", (device) => {
  for (const test of [
    ...SGD,
    ...ADAGRAD,
    ...ADAM,
    ...RMSPROP,
    ...OTHERS,
    ...SCHEDULE_FREE,
    ...WEIGHT_DECAY,
  ]) {
    it(`${test.class} ${JSON.stringify(test.options)}: ${test.what}`, async () => {
      const gradients = test.gradients.map((g) => [g]);
      const run = await trajectory(device(), test, [test.initial ?? 0], gradients, test.lrs);
      for (const [i, expected] of test.expected.entries()) {
        const actual = run.steps[i]?.[0] as number;
        const scale = Math.max(Math.abs(expected), ...test.expected.slice(0, i).map(Math.abs));
        expect(Math.abs(actual - expected), `step ${i + 1}: ${actual}, expected ${expected}`).to.be.at.most(
          1e-6 * scale,
        );
      }
    });
  }
});
