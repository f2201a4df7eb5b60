// Muon: momentum whose update is made orthogonal.

import { checkChoice } from "../check.js";
import { ArgumentError, describe, ShapeError } from "../errors.js";
import { add, affine, div, maximum, mul, sqrt } from "../tensor/elementwise.js";
import { type MatmulOptions, matmul } from "../tensor/matmul.js";
import type { Parameter } from "../tensor/parameter.js";
import { sumOfSquares } from "../tensor/reduce.js";
import type { Tensor } from "../tensor/tensor.js";
import { refuseTables } from "./compose.js";
import type { CommonOptions, Family, OptionSpec, WithGroups } from "./family.js";
import { Optimizer } from "./optimizer.js";
import { atLeast0, finite, flag, fraction, semantics, whole } from "./specs.js";

/** How the learning rate goes with the shape [rows, columns] of a matrix. */
export type AdjustLr = "original" | "matchRmsAdamw";

/** Options of Muon; defaults as torch.optim.Muon. */
export interface MuonOptions extends CommonOptions {
  /** Default 1e-3. */
  readonly lr?: number;
  /** Decoupled. Default 0.1. */
  readonly weightDecay?: number;
  /** Decay of the running mean of g. Default 0.95. */
  readonly momentum?: number;
  /** Default true. */
  readonly nesterov?: boolean;
  /** a, b, c of the iteration x = a x + (b x x^T + c (x x^T)^2) x. Default [3.4445, -4.775, 2.0315]. */
  readonly nsCoefficients?: readonly [number, number, number];
  /** Default 5. */
  readonly nsSteps?: number;
  /** The least that the matrix is divided by before the iteration, in place of its Frobenius norm. Default 1e-7. */
  readonly eps?: number;
  /**
   * The factor on lr: "original" sqrt(max(1, rows / columns)), "matchRmsAdamw" 0.2 sqrt(max(rows, columns)), with which lr and
   * weightDecay may be AdamW's. Default "original".
   */
  readonly adjustLr?: AdjustLr;
}

const FACTORS: Readonly<Record<AdjustLr, (rows: number, columns: number) => number>> = {
  original: (rows, columns) => Math.sqrt(Math.max(1, rows / columns)),
  matchRmsAdamw: (rows, columns) => 0.2 * Math.sqrt(Math.max(rows, columns)),
};

const threeNumbers: OptionSpec<readonly [number, number, number]> = {
  default: () => [3.4445, -4.775, 2.0315],
  check: (argument, value) => {
    if (!Array.isArray(value) || value.length !== 3)
      throw new ArgumentError({ argument, got: describe(value), accepted: "three numbers" });
    const list: readonly unknown[] = value;
    const number = (i: number): number => finite(0).check(`${argument.slice(0, -1)}[${i}]'`, list[i]);
    return [number(0), number(1), number(2)];
  },
};

const FAMILY: Family<MuonOptions> = {
  name: "Muon",
  options: {
    lr: atLeast0(1e-3),
    weightDecay: atLeast0(0.1),
    maximize: flag(false),
    semantics: semantics("torch"),
    momentum: fraction(0.95),
    nesterov: flag(true),
    nsCoefficients: threeNumbers,
    nsSteps: whole(5),
    eps: atLeast0(1e-7),
    adjustLr: {
      default: () => "original",
      check: (argument, value) => checkChoice(argument, value, Object.keys(FACTORS) as AdjustLr[]),
    },
  },
  rule: () => "muon",
  hyper: ({ momentum, nesterov }) => [momentum, Number(nesterov)],
  running: () => [0],
  accepts: (owner, parameters) => {
    refuseTables(owner, parameters);
    const other = parameters.find(({ shape }) => shape.length !== 2);
    if (!other) return;
    const got = `"${other.name}" of shape [${other.shape.join(", ")}]`;
    const accepted = "matrices; an AdamW beside it for the other parameters (Optimizer.minimize)";
    throw new ShapeError({ argument: `${owner}: 'parameters'`, got, accepted });
  },
  composition: (options) => ({
    states: () => ({}),
    compose: ({ gathered, shape: [rows = 0, columns = 0] }) =>
      affine(orthogonal(gathered, options), FACTORS[options.adjustLr](rows, columns)),
  }),
};

/** In f32, whatever the program has for the model. */
const product = (a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor =>
  matmul(a, b, { ...options, precision: "f32" });

/** The quintic Newton-Schulz iteration towards U V^T of x = U S V^T; the products are of the smaller side. */
function orthogonal(
  update: Tensor,
  { eps, nsCoefficients: [a, b, c], nsSteps }: Required<MuonOptions>,
): Tensor {
  const [rows = 0, columns = 0] = update.shape;
  const tall = rows > columns;
  let x = div(update, maximum(sqrt(sumOfSquares(update)), eps));
  for (let i = 0; i < nsSteps; i++) {
    const gram = tall ? product(x, x, { transA: true }) : product(x, x, { transB: true });
    const polynomial = add(mul(gram, b), mul(product(gram, gram), c));
    x = add(mul(x, a), tall ? product(x, polynomial) : product(polynomial, x));
  }
  return x;
}

/**
 * Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon), for the matrices of hidden layers:
 *
 *   m = momentum m + (1 - momentum) g
 *   u = momentum m + (1 - momentum) g      (nesterov, else m)
 *   o = u made orthogonal: u / max(||u||, eps), then nsSteps times x = a x + (b x x^T + c (x x^T)^2) x
 *   p = (1 - lr weightDecay) p - lr factor o
 *
 * As torch.optim.Muon, whose code has running means where its documentation has sums, but in f32, where torch's products are in
 * bfloat16. A step takes 3 nsSteps products of matrices for each parameter beside two passes over parameters and state. Keeps
 * `momentum_buffer` (m), in f32, and room of the parameters' size. `Optimizer.minimize` takes its step together with that of the
 * optimizer of the other parameters.
 * @throws ShapeError for a parameter that is no matrix
 */
export class Muon extends Optimizer {
  constructor(parameters: readonly Parameter[], options: WithGroups<MuonOptions> = {}) {
    super(parameters, options, FAMILY);
  }
}
