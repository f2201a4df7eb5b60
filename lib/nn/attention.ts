// Multi-head self-attention.

import { checkBoolean, checkInteger, checkKeys, given } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { liftF32 } from "../tensor/arguments.js";
import { attention, joinHeads, splitHeads } from "../tensor/attention.js";
import { linear } from "../tensor/matmul.js";
import type { Value } from "../tensor/recorder.js";
import type { Tensor } from "../tensor/tensor.js";
import { constant, uniform } from "./init.js";
import { Linear } from "./layers.js";
import { type Declared, Module } from "./module.js";

const MAX_SIZE = 2 ** 31 - 1;

/** Options of `MultiHeadAttention`. */
export interface AttentionOptions {
  /** Whether a position sees only those up to itself. Default false. */
  readonly causal?: boolean;
  /** Default true. */
  readonly bias?: boolean;
}

/**
 * Self-attention with several heads (Vaswani et al. 2017). Parameters as torch.nn.MultiheadAttention: in_proj_weight
 * [3 dim, dim] (Glorot uniform), in_proj_bias [3 dim] (zeros), out_proj.weight [dim, dim], out_proj.bias [dim].
 */
export class MultiHeadAttention extends Module {
  readonly projection: Declared;
  readonly bias: Declared | undefined;
  readonly output: Linear;
  readonly causal: boolean;

  /** @param heads a divisor of `dim` */
  constructor(
    readonly dim: number,
    readonly heads: number,
    options: AttentionOptions = {},
  ) {
    super();
    const owner = "MultiHeadAttention";
    checkKeys(owner, options, ["causal", "bias"]);
    checkInteger(`${owner}: 'dim'`, dim, 1, MAX_SIZE);
    checkInteger(`${owner}: 'heads'`, heads, 1, MAX_SIZE);
    if (dim % heads !== 0) {
      throw new ArgumentError({
        argument: `${owner}: 'heads'`,
        got: `${heads}`,
        accepted: `a divisor of 'dim', ${dim}`,
      });
    }
    this.causal = checkBoolean(`${owner}: 'causal'`, given(options.causal, false));
    const bias = checkBoolean(`${owner}: 'bias'`, given(options.bias, true));
    this.projection = this.declare([3 * dim, dim], uniform(Math.sqrt(6 / (4 * dim))));
    this.bias = bias ? this.declare([3 * dim], constant(0)) : undefined;
    this.output = new Linear(dim, dim, { bias });
  }

  protected override fields(): Iterable<[string, unknown]> {
    return [
      ["in_proj_weight", this.projection],
      ["in_proj_bias", this.bias],
      ["out_proj", this.output],
    ];
  }

  /** x f32 [batch, positions, dim] -> the same shape. */
  forward(value: Value): Tensor {
    const x = liftF32("MultiHeadAttention", "x", value);
    if (x.rank !== 3 || x.shape[2] !== this.dim) {
      const accepted = `[batch, positions, ${this.dim}]`;
      throw new ShapeError({ argument: "MultiHeadAttention: 'x'", got: `${x}`, accepted });
    }
    const [q, k, v] = splitHeads(linear(x, this.projection.parameter, this.bias?.parameter), this.heads);
    return this.output.forward(joinHeads(attention(q, k, v, { causal: this.causal })));
  }
}
