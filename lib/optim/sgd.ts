// Stochastic gradient descent.

import type { Parameter } from "../tensor/parameter.js";
import { type DecayOptions, type Family, refuse, type WithGroups } from "./family.js";
import { Optimizer } from "./optimizer.js";
import { atLeast0, decoupled, finite, flag, semantics } from "./specs.js";

/** Options of SGD; defaults as torch.optim.SGD, except that lr has one. */
export interface SGDOptions extends DecayOptions {
  /** Default 0.01. */
  readonly lr?: number;
  /** Factor on the running direction. Default 0. */
  readonly momentum?: number;
  /** Takes 1 - dampening of each gradient into the direction. Default 0, and always 0 with Keras and optax semantics. */
  readonly dampening?: number;
  /** Nesterov momentum (Sutskever et al. 2013); needs momentum > 0 and dampening 0. Default false. */
  readonly nesterov?: boolean;
}

const FAMILY: Family<SGDOptions> = {
  name: "SGD",
  options: {
    lr: atLeast0(0.01),
    weightDecay: atLeast0(0),
    maximize: flag(false),
    semantics: semantics("torch", "keras", "optax"),
    decoupled,
    momentum: atLeast0(0),
    dampening: finite(0),
    nesterov: flag(false),
  },
  validate(owner, { semantics, momentum, dampening, nesterov }) {
    if (nesterov && (momentum === 0 || dampening !== 0)) {
      const got = `true with momentum ${momentum} and dampening ${dampening}`;
      refuse(owner, "nesterov", got, "true only with momentum above 0 and dampening 0");
    }
    if (dampening !== 0 && semantics !== "torch")
      refuse(owner, "dampening", `${dampening}`, `0 with semantics "${semantics}"`);
  },
  rule: ({ momentum }) => (momentum === 0 ? "sgd" : "sgdMomentum"),
  hyper: ({ decoupled, momentum, dampening, nesterov, semantics }) =>
    momentum === 0
      ? [Number(decoupled)]
      : [Number(decoupled), momentum, dampening, Number(nesterov), Number(semantics === "keras")],
  running: () => [0],
};

/**
 * SGD, with momentum if it is not 0.
 *
 *   torch, optax   b = momentum b + (1 - dampening) g, first b = g;  p = p - lr b, with Nesterov p - lr (g + momentum b)
 *   keras          b = momentum b + lr g;                            p = p - b,    with Nesterov p - (lr g + momentum b)
 *
 * These differ when lr changes: Keras' buffer goes on with the learning rates of its time. Keeps one state (`momentum_buffer`)
 * if momentum is not 0, else none.
 */
export class SGD extends Optimizer {
  constructor(parameters: readonly Parameter[], options: WithGroups<SGDOptions> = {}) {
    super(parameters, options, FAMILY);
  }
}
