// Options of every optimizer class: what is refused, and in which words.

import { parameter } from "../../lib/index.js";
import { onEachDevice } from "../support/devices.js";
import { expectError } from "../support/errors.js";
import { CLASSES, type ClassName, construct, type Options } from "./variants.js";

const NUMBERS = [-1, Number.NaN, Number.POSITIVE_INFINITY, "1", null];
const FLAGS = [0, "true", null];
const BETAS = [0.9, [0.9], [0.9, 1], [-0.1, 0.9], [0.9, "x"], null];
const POWERS = [-1, 0.3, 17, "2", null];

/** Options of each class beside lr, weightDecay, maximize and semantics, with values that are refused. */
const WRONG: Readonly<Record<ClassName, Readonly<Record<string, readonly unknown[]>>>> = {
  SGD: {
    decoupled: FLAGS,
    momentum: NUMBERS,
    dampening: [Number.NaN, "0", null],
    nesterov: FLAGS,
  },
  AdaGrad: { decoupled: FLAGS, lrDecay: NUMBERS, initialAccumulatorValue: NUMBERS, eps: NUMBERS },
  Adam: { decoupled: FLAGS, betas: BETAS, eps: NUMBERS, amsgrad: FLAGS },
  AdamW: { betas: BETAS, eps: NUMBERS, amsgrad: FLAGS },
  RMSprop: { decoupled: FLAGS, alpha: [...NUMBERS, 1.5], eps: NUMBERS, momentum: NUMBERS, centered: FLAGS },
  Adadelta: { decoupled: FLAGS, rho: [...NUMBERS, 1.5], eps: NUMBERS },
  Adamax: { decoupled: FLAGS, betas: BETAS, eps: NUMBERS },
  NAdam: { decoupled: FLAGS, betas: BETAS, eps: NUMBERS, momentumDecay: [-1, Number.NaN, "1", null] },
  RAdam: { decoupled: FLAGS, betas: BETAS, eps: NUMBERS },
  Lion: { decoupled: FLAGS, betas: BETAS },
  LAMB: { betas: BETAS, eps: NUMBERS },
  ScheduleFreeAdamW: {
    betas: [...BETAS, [0, 0.9]],
    eps: NUMBERS,
    warmupSteps: [-1, 0.5, "2", null],
    r: POWERS,
    weightLrPower: POWERS,
  },
};

const COMMON = { lr: NUMBERS, weightDecay: NUMBERS, maximize: FLAGS, semantics: ["tf", "Torch", null, 1] };

/** Options that are right one by one, and the one that the error names. */
const CONFLICTS: readonly [ClassName, Options, RegExp][] = [
  ["SGD", { nesterov: true }, /'nesterov'.*momentum 0/],
  ["SGD", { nesterov: true, momentum: 0.9, dampening: 0.5 }, /'nesterov'.*dampening 0\.5/],
  ["SGD", { semantics: "keras", momentum: 0.9, dampening: 0.5 }, /'dampening'.*keras/],
  ["SGD", { semantics: "optax", momentum: 0.9, dampening: 0.5 }, /'dampening'.*optax/],
  ["AdaGrad", { semantics: "keras", lrDecay: 0.5 }, /'lrDecay'.*keras/],
  ["RAdam", { semantics: "keras" }, /'semantics'.*"torch" or "optax"/],
  ["ScheduleFreeAdamW", { semantics: "keras" }, /'semantics'.*"torch"/],
  ["AdamW", { decoupled: false }, /"decoupled"/],
];

onEachDevice("options of the optimizers", (device) => {
  for (const name of Object.keys(CLASSES) as ClassName[]) {
    it(`${name} refuses what it cannot take`, async () => {
      using w = device().alloc("f32", [3]);
      const p = [parameter("w", w)];
      for (const [option, values] of Object.entries({ ...COMMON, ...WRONG[name] })) {
        for (const value of values) {
          const pattern = new RegExp(`${name}: '${option}(\\[[01]\\])?'`);
          await expectError("ADASTEP_ARGUMENT", pattern, () => construct(name, p, { [option]: value }));
        }
      }
      await expectError("ADASTEP_ARGUMENT", /"learningRate"/, () => construct(name, p, { learningRate: 1 }));
      await expectError("ADASTEP_ARGUMENT", /options/, () => construct(name, p, null as never));
    });
  }

  for (const [name, options, pattern] of CONFLICTS) {
    it(`${name} refuses ${JSON.stringify(options)}`, async () => {
      using w = device().alloc("f32", [3]);
      await expectError("ADASTEP_ARGUMENT", pattern, () => construct(name, [parameter("w", w)], options));
    });
  }
});
