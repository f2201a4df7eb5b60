// The optimizers of the comparison: what each is called, and how it is made. All but the learning rate are defaults.

import { AdaGrad } from "../optim/adagrad.js";
import { Adam, AdamW } from "../optim/adam.js";
import type { Optimizer } from "../optim/optimizer.js";
import { RMSprop } from "../optim/rmsprop.js";
import { SGD } from "../optim/sgd.js";
import type { Parameter } from "../tensor/parameter.js";
import type { OptimizerName } from "./names.js";

/** An optimizer to be compared. */
export interface ComparedOptimizer {
  /** As tables show it. */
  readonly title: string;
  /** Whether each parameter gets a step length of its own: what the promises are about. */
  readonly adaptive: boolean;
  readonly make: (parameters: readonly Parameter[], lr: number) => Optimizer;
}

export const OPTIMIZERS: Readonly<Record<OptimizerName, ComparedOptimizer>> = {
  sgd: { title: "SGD", adaptive: false, make: (params, lr) => new SGD(params, { lr }) },
  momentum: {
    title: "SGD, momentum 0.9",
    adaptive: false,
    make: (params, lr) => new SGD(params, { lr, momentum: 0.9 }),
  },
  adagrad: { title: "AdaGrad", adaptive: true, make: (params, lr) => new AdaGrad(params, { lr }) },
  rmsprop: { title: "RMSprop", adaptive: true, make: (params, lr) => new RMSprop(params, { lr }) },
  adam: { title: "Adam", adaptive: true, make: (params, lr) => new Adam(params, { lr }) },
  adamw: { title: "AdamW", adaptive: true, make: (params, lr) => new AdamW(params, { lr }) },
};
