// How the state of an optimizer is kept, and what else is kept beside the parameters.

import { checkChoice, checkInteger, checkNumber, given } from "../check.js";
import { ArgumentError, DTypeError } from "../errors.js";
import type { Parameter } from "../tensor/parameter.js";
import type { InitialState } from "./family.js";
import type { Precision } from "./precision.js";
import type { SparseMode } from "./sparse.js";

/** How the state of an optimizer is kept. */
export interface StorageOptions {
  /**
   * Of each state: 4 bytes (f32), 2 (bf16) or 1.03 (u8: 8 bits relative to the largest of 128). bf16 and u8 are for optimizers of at
   * most two states. What is kept of sparse tables is f32. Default "f32".
   */
  readonly precision?: Precision;
  /**
   * Decay d of a running mean of the parameters (EMA), d mean + (1 - d) p after each step that is taken, for `withAverage`. It begins
   * with the parameters as they are then, of which d^n is left after n steps: 1 / (1 - d), the steps that it is a mean of, has to be
   * well below n. Default: none is kept.
   */
  readonly average?: number;
  /** Keeps the parameters in bf16 too, stochastically rounded in the same pass, for `copyOf`. Default: no. */
  readonly copy?: "bf16";
  /** Seeds stochastic rounding. Default 0. */
  readonly seed?: number;
  /** How the rows of tables with row gradients (`sparse: true` of Embedding and EmbeddingBag) are updated. Default "lazy". */
  readonly sparse?: SparseMode;
}

export const STORAGE = ["precision", "average", "copy", "seed", "sparse"] as const;

export function checkStorage(owner: string, options: StorageOptions) {
  const { average, copy } = options;
  return {
    precision: checkChoice(`${owner}: 'precision'`, given(options.precision, "f32"), ["f32", "bf16", "u8"]),
    average:
      average === undefined
        ? undefined
        : checkNumber(`${owner}: 'average'`, average, "a number from 0 to 1", (v) => v >= 0 && v <= 1),
    copy: copy === undefined ? undefined : checkChoice(`${owner}: 'copy'`, copy, ["bf16"]),
    sparse: checkChoice(`${owner}: 'sparse'`, given(options.sparse, "lazy"), ["lazy", "rowWise", "catchUp"]),
    seed: checkInteger(`${owner}: 'seed'`, given(options.seed, 0), 0, 2 ** 32 - 1),
  };
}

/** Throws if a rule's states cannot be kept so, or there is no use for a copy. */
export function checkStored(
  owner: string,
  { precision, copy, average }: ReturnType<typeof checkStorage>,
  rule: {
    readonly states: readonly string[];
    readonly initial: Readonly<Record<string, InitialState>>;
    readonly gathers: boolean;
  },
  parameters: readonly Parameter[],
): void {
  const { states, initial, gathers } = rule;
  const parameterLike = states.find((name) => initial[name] === "parameter");
  if (precision !== "f32" && (states.length > 2 || parameterLike !== undefined || gathers)) {
    const why = parameterLike
      ? `'${parameterLike}', which holds parameters`
      : gathers
        ? "what it makes of whole parameters"
        : `the ${states.length} states that it keeps`;
    throw new ArgumentError({
      argument: `${owner}: 'precision'`,
      got: `"${precision}"`,
      accepted: `"f32" for ${why}`,
    });
  }
  const table = parameters.find(({ sparse }) => sparse);
  const kept = average !== undefined ? "average" : copy !== undefined ? "copy" : undefined;
  if (table && kept) {
    throw new ArgumentError({
      argument: `${owner}: '${kept}'`,
      got: `the sparse table "${table.name}", of which a step sees only the rows in use`,
      accepted: "dense parameters",
    });
  }
  const half = parameters.find(({ value }) => value.dtype === "bf16");
  if (copy !== undefined && half) {
    throw new DTypeError({
      argument: `${owner}: 'copy'`,
      got: `"${half.name}", which is bf16 itself`,
      accepted: "f32 parameters",
    });
  }
}
