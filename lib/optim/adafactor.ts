// Adafactor: a second moment kept as its rows and its columns.

import { ArgumentError, describe } from "../errors.js";
import { add, div, maximum, mul, sqrt, square } from "../tensor/elementwise.js";
import type { Parameter } from "../tensor/parameter.js";
import { mean } from "../tensor/reduce.js";
import type { Tensor } from "../tensor/tensor.js";
import { type Gathered, refuseTables } from "./compose.js";
import type { CommonOptions, Family, OptionSpec, Semantics, WithGroups } from "./family.js";
import { Optimizer } from "./optimizer.js";
import { above0, atLeast0, flag, semantics, whole } from "./specs.js";

/** Options of Adafactor; defaults as torch.optim.Adafactor. */
export interface AdafactorOptions extends CommonOptions {
  /** The most that a step takes, relative to the root mean square of the parameter. Default 0.01, Keras 1e-3. */
  readonly lr?: number;
  /** Decoupled. Default 0. */
  readonly weightDecay?: number;
  /** Exponent of the share t^beta2Decay that a step has in the means of g^2, 0 or less. Default -0.8. */
  readonly beta2Decay?: number;
  /**
   * What keeps the second moment from 0, and the least root mean square of a parameter. Default [2^-23, 1e-3], Keras and optax
   * [1e-30, 1e-3].
   */
  readonly eps?: readonly [number, number];
  /** The most root mean square of an update before lr. Default 1. */
  readonly d?: number;
  /** optax: the least that both dimensions of a matrix must be for rows and columns to be kept. Default 128; others 1. */
  readonly minDimSizeToFactor?: number;
}

const pair: OptionSpec<readonly [number, number]> = {
  default: (dialect) => [dialect === "torch" ? 2 ** -23 : 1e-30, 1e-3],
  check: (argument, value) => {
    if (!Array.isArray(value) || value.length !== 2)
      throw new ArgumentError({ argument, got: describe(value), accepted: "two numbers" });
    const list: readonly unknown[] = value;
    const number = (i: number): number => atLeast0(0).check(`${argument.slice(0, -1)}[${i}]'`, list[i]);
    return [number(0), number(1)];
  },
};

const FAMILY: Family<AdafactorOptions> = {
  name: "Adafactor",
  options: {
    lr: atLeast0({ torch: 0.01, keras: 1e-3 }),
    weightDecay: atLeast0(0),
    maximize: flag(false),
    semantics: semantics("torch", "keras", "optax"),
    beta2Decay: {
      default: () => -0.8,
      check: (argument, value) => -atLeast0(0).check(argument, typeof value === "number" ? -value : value),
    },
    eps: pair,
    d: above0(1),
    minDimSizeToFactor: { ...whole(1), default: (dialect) => (dialect === "optax" ? 128 : 1) },
  },
  rule: () => "adafactor",
  hyper: ({ beta2Decay, semantics }) => [beta2Decay, Number(semantics === "optax")],
  running: () => [0],
  accepts: refuseTables,
  composition: (options) => ({
    states: (shape) => {
      const axes = axesOf(shape, options);
      return axes
        ? { row_var: shape.with(axes[1], 1), col_var: shape.with(axes[0], 1) }
        : { variance: shape };
    },
    compose: (gathered) => compose(gathered, options),
  }),
};

// Where Step of core/rules/adafactor.h has them.
const [KEPT, FRESH, KEEP] = [0, 1, 2];
// What f32 can still divide by: a mean of squares that is 0 belongs to gradients that are 0.
const LEAST = 2 ** -126;

/** The dimensions of rows and columns, in the order of the shape: the last two, with optax the two largest. Undefined: not factored. */
function axesOf(
  shape: readonly number[],
  { semantics: dialect, minDimSizeToFactor }: Required<AdafactorOptions>,
): readonly [row: number, column: number] | undefined {
  const order = [...shape.keys()];
  // Of equal ones the later are the larger, as numpy.argsort has it for so few.
  if (dialect === "optax") order.sort((a, b) => (shape[a] as number) - (shape[b] as number));
  const axes = order.slice(-2).sort((a, b) => a - b);
  const large = axes.every((axis) => (shape[axis] as number) >= minDimSizeToFactor);
  return axes.length === 2 && large ? (axes as [number, number]) : undefined;
}

const rms = (x: Tensor): Tensor => sqrt(mean(square(x)));

function compose(gathered: Gathered, options: Required<AdafactorOptions>): Tensor {
  const { eps, d, semantics: dialect } = options;
  const g = gathered.gathered;
  const variance = maximum(
    secondMoment(gathered, options),
    Math.max(floorOf(dialect, eps[0] * eps[0]), LEAST),
  );
  const update = div(g, sqrt(variance));
  const size = rms(gathered.value);
  const relative = maximum(dialect === "keras" ? mul(size, gathered.scalar(KEEP)) : size, eps[1]);
  return mul(update, div(relative, maximum(mul(rms(update), 1 / d), 1)));
}

/** torch keeps the second moment itself from 0, the others add to the squares that it is made of. */
const floorOf = (dialect: Semantics, least: number): number => (dialect === "torch" ? least : 0);

/** The new second moment, and its rows and columns where the parameter has them. */
function secondMoment(gathered: Gathered, options: Required<AdafactorOptions>): Tensor {
  const { eps, semantics: dialect } = options;
  const g = square(gathered.gathered);
  const squares = dialect === "torch" ? g : add(g, eps[0]);
  const renew = (name: string, fresh: Tensor): Tensor => {
    const before = mul(gathered.state(name), gathered.scalar(KEPT));
    const after = add(before, mul(fresh, gathered.scalar(FRESH)));
    gathered.keep(name, after);
    return after;
  };
  const axes = axesOf(gathered.shape, options);
  if (!axes) return renew("variance", squares);
  const row = renew("row_var", mean(squares, { axis: axes[1], keepDims: true }));
  const column = renew("col_var", mean(squares, { axis: axes[0], keepDims: true }));
  // Divided first: the product of both overflows from gradients of 4e9 on.
  const share = maximum(
    mean(row, { axis: axes[0], keepDims: true }),
    Math.max(floorOf(dialect, eps[0]), LEAST),
  );
  return mul(div(row, share), column);
}

/**
 * Adafactor (Shazeer & Stern 2018, arXiv:1804.04235): the second moment v of a matrix is the product of the means of its rows and
 * of its columns, so that the state is rows + columns numbers; of a vector it is kept whole. With f = t^beta2Decay
 *
 *   r = (1 - f) r + f mean of g^2 over each row;  c the same over each column;  v = r c / mean(r)
 *   u = g / sqrt(v) / max(1, rms(g / sqrt(v)) / d) max(eps[1], rms(p))
 *   torch   g^2;           sqrt(max(v, eps[0]^2));  p = (1 - lr weightDecay) p - min(lr, 1 / sqrt(t)) u
 *   keras   g^2 + eps[0];  sqrt(v);                 the same, with rms(p) after the decay
 *   optax   g^2 + eps[0];  sqrt(v);                 p = (1 - weightDecay) p - lr u
 *
 * Of more than two dimensions the last two are rows and columns, with optax the two largest. A step makes v for each parameter, beside
 * two passes over gradients, parameters and room of their size. Keeps `row_var` and `col_var` or `variance`, in f32.
 */
export class Adafactor extends Optimizer {
  constructor(parameters: readonly Parameter[], options: WithGroups<AdafactorOptions> = {}) {
    super(parameters, options, FAMILY);
  }
}
