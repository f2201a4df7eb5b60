// Stochastic gradient descent.

import { checkBoolean, checkKeys, checkNumber, given } from "../check.js";
import { ArgumentError } from "../errors.js";
import type { Parameter } from "../tensor/parameter.js";
import { type CommonOptions, Optimizer } from "./optimizer.js";

/** Options of SGD; defaults as torch.optim.SGD, except that lr has one. */
export interface SGDOptions extends CommonOptions {
  /** Default 0.01. */
  readonly lr?: number;
  /** Factor on the running direction. Default 0. */
  readonly momentum?: number;
  /** Takes 1 - dampening of each gradient into the direction. Default 0. */
  readonly dampening?: number;
  /** Nesterov momentum (Sutskever et al. 2013); needs momentum > 0 and dampening 0. Default false. */
  readonly nesterov?: boolean;
}

/**
 * SGD, with momentum as torch.optim.SGD:
 *   g = g + weightDecay p;  b = momentum b + (1 - dampening) g, first b = g;  p = p - lr b, or p - lr (g + momentum b).
 * Keeps one state (`momentum_buffer`) if momentum is not 0, else none.
 */
export class SGD extends Optimizer {
  constructor(parameters: readonly Parameter[], options: SGDOptions = {}) {
    checkKeys("SGD", options, ["lr", "weightDecay", "maximize", "momentum", "dampening", "nesterov"]);
    const lr = checkNumber("SGD: 'lr'", given(options.lr, 0.01), "a number, 0 or more", (v) => v >= 0);
    const weightDecay = checkNumber(
      "SGD: 'weightDecay'",
      given(options.weightDecay, 0),
      "a number, 0 or more",
      (v) => v >= 0,
    );
    const momentum = checkNumber(
      "SGD: 'momentum'",
      given(options.momentum, 0),
      "a number, 0 or more",
      (v) => v >= 0,
    );
    const dampening = checkNumber(
      "SGD: 'dampening'",
      given(options.dampening, 0),
      "a finite number",
      () => true,
    );
    const nesterov = checkBoolean("SGD: 'nesterov'", given(options.nesterov, false));
    const maximize = checkBoolean("SGD: 'maximize'", given(options.maximize, false));
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      throw new ArgumentError({
        argument: "SGD: 'nesterov'",
        got: `true with momentum ${momentum} and dampening ${dampening}`,
        accepted: "true only with momentum above 0 and dampening 0",
      });
    }
    super(parameters, lr, {
      rule: momentum === 0 ? "sgd" : "sgdMomentum",
      hyper: momentum === 0 ? [] : [momentum, dampening, Number(nesterov)],
      weightDecay,
      maximize,
      running: [0],
    });
  }
}
