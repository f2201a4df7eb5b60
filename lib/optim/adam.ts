// Adam and AdamW: one rule, two placements of the weight decay.

import { checkBoolean, checkKeys, checkNumber, given } from "../check.js";
import { ArgumentError, describe } from "../errors.js";
import type { Parameter } from "../tensor/parameter.js";
import { type CommonOptions, Optimizer, type RuleSetup } from "./optimizer.js";

/** Options of Adam and AdamW; defaults as torch.optim.Adam and torch.optim.AdamW. */
export interface AdamOptions extends CommonOptions {
  /** Default 1e-3. */
  readonly lr?: number;
  /** Decay of the running means of g and of g^2. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Added to the corrected square root. Default 1e-8. Keras adds 1e-7 to the uncorrected one. */
  readonly eps?: number;
}

function setupOf(
  owner: string,
  options: AdamOptions,
  decoupled: boolean,
  decay: number,
): { lr: number; setup: RuleSetup } {
  checkKeys(owner, options, ["lr", "weightDecay", "maximize", "betas", "eps"]);
  const atLeast0 = (name: "lr" | "weightDecay" | "eps", fallback: number): number =>
    checkNumber(`${owner}: '${name}'`, given(options[name], fallback), "a number, 0 or more", (v) => v >= 0);
  const betas: unknown = given(options.betas, [0.9, 0.999]);
  if (!Array.isArray(betas) || betas.length !== 2) {
    throw new ArgumentError({ argument: `${owner}: 'betas'`, got: describe(betas), accepted: "two numbers" });
  }
  const [beta1, beta2] = Array.from(betas as unknown[], (beta, i) =>
    checkNumber(`${owner}: 'betas[${i}]'`, beta, "0 <= beta < 1", (v) => v >= 0 && v < 1),
  ) as [number, number];
  const setup = {
    rule: "adam",
    hyper: [beta1, beta2, atLeast0("eps", 1e-8), Number(decoupled)],
    weightDecay: atLeast0("weightDecay", decay),
    maximize: checkBoolean(`${owner}: 'maximize'`, given(options.maximize, false)),
    running: [0, 1, 1],
  };
  return { lr: atLeast0("lr", 1e-3), setup };
}

/**
 * Adam (Kingma & Ba 2014), as torch.optim.Adam:
 *   g = g + weightDecay p;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;
 *   p = p - lr / (1 - beta1^t) m / (sqrt(v) / sqrt(1 - beta2^t) + eps).
 * Keeps two states, `exp_avg` (m) and `exp_avg_sq` (v).
 */
export class Adam extends Optimizer {
  constructor(parameters: readonly Parameter[], options: AdamOptions = {}) {
    const { lr, setup } = setupOf("Adam", options, false, 0);
    super(parameters, lr, setup);
  }
}

/**
 * Adam with decoupled weight decay (Loshchilov & Hutter 2017), as torch.optim.AdamW: as Adam, but instead of g + weightDecay p
 * the parameters first shrink, p = (1 - lr weightDecay) p. weightDecay is 0.01 by default.
 */
export class AdamW extends Optimizer {
  constructor(parameters: readonly Parameter[], options: AdamOptions = {}) {
    const { lr, setup } = setupOf("AdamW", options, true, 0.01);
    super(parameters, lr, setup);
  }
}
