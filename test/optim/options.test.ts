// Options of every optimizer class: what is refused, and in which words.

import { expect } from "chai";
import { Adafactor, Muon, Parameter, Prodigy, parameter } from "../../lib/index.js";
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
  Prodigy: {
    decoupled: FLAGS,
    betas: BETAS,
    beta3: [-1, 1, Number.NaN, "0.9"],
    eps: NUMBERS,
    useBiasCorrection: FLAGS,
    safeguardWarmup: FLAGS,
    d0: [...NUMBERS, 0],
    dCoef: [...NUMBERS, 0],
    growthRate: [1, 0, Number.NaN, "2", null],
  },
  Muon: {
    momentum: [...NUMBERS, 1.5],
    nesterov: FLAGS,
    nsCoefficients: [1, [1, 2], [1, 2, "3"], [1, Number.NaN, 3], null],
    nsSteps: [-1, 0.5, "5", null],
    eps: NUMBERS,
    adjustLr: ["adamw", 1, null],
  },
  Adafactor: {
    beta2Decay: [1, Number.NaN, "x", null],
    eps: [1e-30, [1e-30], [-1, 1], ["x", 1], null],
    d: [...NUMBERS, 0],
    minDimSizeToFactor: [-1, 0.5, "2", null],
  },
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
  ["Muon", { precision: "bf16" }, /'precision'.*whole parameters/],
  ["Adafactor", { precision: "u8" }, /'precision'.*whole parameters/],
  ["Prodigy", { precision: "bf16" }, /'precision'.*'p0'/],
  ["Muon", { semantics: "keras" }, /'semantics'.*"torch"/],
  ["AdamW", { decoupled: false }, /"decoupled"/],
];

onEachDevice("options of the optimizers", (device) => {
  for (const name of Object.keys(CLASSES) as ClassName[]) {
    it(`${name} refuses what it cannot take`, async () => {
      using w = device().alloc("f32", [1, 3]);
      const p = [parameter("w", w)];
      for (const [option, values] of Object.entries({ ...COMMON, ...WRONG[name] })) {
        for (const value of values) {
          const pattern = new RegExp(`${name}: '${option}(\\[[012]\\])?'`);
          await expectError("ADASTEP_ARGUMENT", pattern, () => construct(name, p, { [option]: value }));
        }
      }
      await expectError("ADASTEP_ARGUMENT", /"learningRate"/, () => construct(name, p, { learningRate: 1 }));
      await expectError("ADASTEP_ARGUMENT", /options/, () => construct(name, p, null as never));
    });
  }

  it("Muon takes matrices only, Prodigy one group, and both no tables", async () => {
    using w = device().alloc("f32", [3]);
    using rows = device().alloc("f32", [3, 2]);
    const vector = parameter("b", w);
    await expectError(
      "ADASTEP_SHAPE",
      /Muon: 'parameters'.*"b" of shape \[3\].*AdamW/,
      () => new Muon([vector]),
    );
    const groups = [{ match: (name: string) => name === "b", lr: 0.5 }];
    const two = [vector, parameter("c", rows)];
    await expectError("ADASTEP_ARGUMENT", /Prodigy: 'groups'.*2 groups/, () => new Prodigy(two, { groups }));
    for (const Class of [Muon, Prodigy, Adafactor]) {
      const table = new Parameter("t", rows, undefined, true);
      await expectError("ADASTEP_ARGUMENT", /the sparse table "t"/, () => new Class([table]));
    }
  });

  it("Adafactor ends with a decay after which only the first step counts", async () => {
    using w = device().from(Float32Array.of(1, 2, 3), [1, 3]);
    using g = device().from(Float32Array.of(1, -1, 2), [1, 3]);
    using adafactor = new Adafactor([parameter("w", w, g)], { beta2Decay: -1e300 });
    const state = async () => (await adafactor.state()).parameters;
    adafactor.step();
    const first = await state();
    g.fill(5);
    adafactor.step();
    expect(await state()).to.deep.equal(first);
  });

  for (const [name, options, pattern] of CONFLICTS) {
    it(`${name} refuses ${JSON.stringify(options)}`, async () => {
      using w = device().alloc("f32", [1, 3]);
      await expectError("ADASTEP_ARGUMENT", pattern, () => construct(name, [parameter("w", w)], options));
    });
  }
});
