// Schedule-free AdamW.

import { checkNumber } from "../check.js";
import type { Parameter } from "../tensor/parameter.js";
import { type CommonOptions, type Family, type OptionSpec, refuse, type WithGroups } from "./family.js";
import { Optimizer } from "./optimizer.js";
import { atLeast0, betas, flag, semantics, whole } from "./specs.js";

const LARGEST_POWER = 16;

/** A power that products and square roots make: the same on every device. */
const power = (value: number): OptionSpec<number> => ({
  default: () => value,
  check: (argument, v) =>
    checkNumber(
      argument,
      v,
      `a multiple of 0.5 from 0 to ${LARGEST_POWER}`,
      (n) => n >= 0 && n <= LARGEST_POWER && Number.isInteger(2 * n),
    ),
});

/** Options of ScheduleFreeAdamW; defaults as AdamWScheduleFree of facebookresearch/schedule_free. */
export interface ScheduleFreeAdamWOptions extends CommonOptions {
  /** Default 2.5e-3. */
  readonly lr?: number;
  /** Decay at y, in the step of z and after the division: lr weightDecay y. Default 0. */
  readonly weightDecay?: number;
  /** Share of the average in the point where gradients are taken, above 0, and decay of the mean of g^2. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the corrected square root. Default 1e-8. */
  readonly eps?: number;
  /** Steps in which lr grows linearly to its value. Default 0. */
  readonly warmupSteps?: number;
  /** Power of t in the weights of the average: a multiple of 0.5 up to 16. Default 0. */
  readonly r?: number;
  /** Power of the largest lr so far in the weights of the average: a multiple of 0.5 up to 16. Default 2. */
  readonly weightLrPower?: number;
}

const FAMILY: Family<ScheduleFreeAdamWOptions> = {
  name: "ScheduleFreeAdamW",
  options: {
    lr: atLeast0(2.5e-3),
    weightDecay: atLeast0(0),
    maximize: flag(false),
    semantics: semantics("torch"),
    betas: betas(0.9, 0.999),
    eps: atLeast0(1e-8),
    warmupSteps: whole(0),
    r: power(0),
    weightLrPower: power(2),
  },
  validate(owner, { betas: [beta1] }) {
    if (beta1 === 0) refuse(owner, "betas[0]", "0", "0 < beta < 1: the average is read back through it");
  },
  rule: () => "scheduleFreeAdamW",
  hyper: ({ betas, eps, warmupSteps, r, weightLrPower }) => [...betas, eps, warmupSteps, r, weightLrPower],
  running: () => [0, 1, 0, 0],
  initialState: () => ({ z: "parameter" }),
  ownAverage: ({ betas: [beta1] }) => ({ state: "z", share: beta1 }),
};

/**
 * AdamW without a schedule (Defazio et al. 2024). Gradients are taken at y = beta1 x + (1 - beta1) z, where z takes the steps
 * and x is the average of z, weighted by w = t^r max(lr)^weightLrPower:
 *   v = beta2 v + (1 - beta2) g^2;  u = g / (sqrt(v / (1 - beta2^t)) + eps) + weightDecay y;  z = z - lr u;
 *   x = (1 - c) x + c z, c = w / sum of w.
 * The parameters are y; what one evaluates and saves is x = (y - (1 - beta1) z) / beta1: `withAverage(() => saveModel(model, path))`
 * runs while the parameters are x and puts y back, so that there is no mode to forget. The running statistics of `BatchNorm` are not
 * exchanged: they are of y, and only training steps renew them. Keras averages with weightLrPower 0.
 * Keeps `z` and `exp_avg_sq` (v).
 */
export class ScheduleFreeAdamW extends Optimizer {
  constructor(parameters: readonly Parameter[], options: WithGroups<ScheduleFreeAdamWOptions> = {}) {
    super(parameters, options, FAMILY);
  }
}
