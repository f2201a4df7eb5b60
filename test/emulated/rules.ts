// Every update rule with its kernel and numbers to start from.

import { RULES as SCHEMA } from "../../lib/device/encode.js";

interface Row {
  readonly rule: string;
  /** What core/rules/all.h calls it. */
  readonly type: string;
  readonly hyper: readonly number[];
  /** States that the update does not write. */
  readonly rests?: number;
  /** Whether the last state is gathered before the update. */
  readonly gathers?: boolean;
}

const ROWS: readonly Row[] = [
  { rule: "sgd", type: "Sgd", hyper: [0.1, 0.01, 0, 0] },
  { rule: "sgdMomentum", type: "SgdMomentum", hyper: [0.1, 0.01, 0, 0, 0.9, 0, 0, 0] },
  { rule: "adagrad", type: "AdaGrad", hyper: [0.1, 0.01, 0, 0, 0.1, 1e-10, 0, 0] },
  { rule: "adam", type: "Adam", hyper: [1e-3, 0.01, 0, 0, 0.9, 0.999, 1e-8, 0] },
  { rule: "amsgrad", type: "Amsgrad", hyper: [1e-3, 0.01, 0, 0, 0.9, 0.999, 1e-8, 0, 0] },
  { rule: "rmsprop", type: "Rmsprop", hyper: [0.01, 0.01, 0, 0, 0.99, 0, 1e-8, 0, 0] },
  { rule: "rmspropMomentum", type: "RmspropMomentum", hyper: [0.01, 0.01, 0, 0, 0.9, 0.9, 1e-7, 1, 1] },
  { rule: "rmspropCentered", type: "RmspropCentered", hyper: [0.01, 0.01, 0, 0, 0.9, 0, 1e-7, 1, 1] },
  {
    rule: "rmspropCenteredMomentum",
    type: "RmspropCenteredMomentum",
    hyper: [0.01, 0.01, 0, 0, 0.99, 0.9, 1e-8, 0, 0],
  },
  { rule: "adadelta", type: "Adadelta", hyper: [1, 0.01, 0, 0, 0.9, 1e-6] },
  { rule: "adamax", type: "Adamax", hyper: [2e-3, 0.01, 0, 0, 0.9, 0.999, 1e-8, 0] },
  { rule: "nadam", type: "NAdam", hyper: [2e-3, 0.01, 0, 0, 0.9, 0.999, 1e-8, 0.9998] },
  { rule: "radam", type: "RAdam", hyper: [1e-3, 0.01, 0, 0, 0.9, 0.999, 1e-8, 1] },
  { rule: "lamb", type: "Lamb", hyper: [1e-3, 0.01, 0, 0.9, 0.999, 1e-6] },
  { rule: "lion", type: "Lion", hyper: [1e-4, 0.01, 0, 1, 0.9, 0.99] },
  {
    rule: "prodigy",
    type: "Prodigy",
    hyper: [1, 0.01, 0, 1, 0.9, 0.999, 0.9995, 1e-8, 0, 0, 1e-6, 1, 1e9],
    rests: 1,
  },
  { rule: "muon", type: "Muon", hyper: [1e-3, 0.1, 0, 0.95, 1], gathers: true },
  { rule: "adafactor", type: "Adafactor", hyper: [0.01, 0.01, 0, -0.8, 0], gathers: true },
  {
    rule: "scheduleFreeAdamW",
    type: "ScheduleFreeAdamW",
    hyper: [2.5e-3, 0.01, 0, 0.9, 0.999, 1e-8, 0, 0, 2],
  },
];

/** Rules with their hyper-parameters, and how many running scalars they have and how many states a parameter. */
export const RULES = ROWS.map(({ rule, type, hyper, rests = 0, gathers = false }) => {
  const known = SCHEMA.get(rule);
  if (!known) throw new Error(`there is no rule "${rule}"`);
  const { running, states } = known;
  return { rule, kernel: `adastep_update_${type}`, hyper, running, states: states.length, rests, gathers };
});
