// Tables of rows: a row per index, or a sum or mean of rows per bag of indices.

import { checkBoolean, checkChoice, checkInteger, checkKeys, given } from "../check.js";
import { type Bags, embeddingBag } from "../tensor/bag.js";
import { embedding } from "../tensor/embedding.js";
import type { Value } from "../tensor/recorder.js";
import type { Tensor } from "../tensor/tensor.js";
import { normal } from "./init.js";
import { type Declared, Module } from "./module.js";

const MAX_SIZE = 2 ** 31 - 1;

/** Options of `Embedding`. */
export interface EmbeddingOptions {
  /** The gradient is a list of rows: optimizers update the rows in use, and no other. Default false. */
  readonly sparse?: boolean;
}

/** The table of a module. */
abstract class Table extends Module {
  /** f32 [vocabulary, dim], standard normal. */
  readonly weight: Declared;

  constructor(
    owner: string,
    readonly vocabulary: number,
    readonly dim: number,
    sparse: unknown,
  ) {
    super();
    checkInteger(`${owner}: 'vocabulary'`, vocabulary, 1, MAX_SIZE);
    checkInteger(`${owner}: 'dim'`, dim, 1, MAX_SIZE);
    const isSparse = checkBoolean(`${owner}: 'sparse'`, given(sparse, false));
    this.weight = this.declare([vocabulary, dim], normal(1), { sparse: isSparse });
  }
}

/** Rows of a table by index. Parameter as torch.nn.Embedding: weight [vocabulary, dim], standard normal. */
export class Embedding extends Table {
  constructor(vocabulary: number, dim: number, options: EmbeddingOptions = {}) {
    checkKeys("Embedding", options, ["sparse"]);
    super("Embedding", vocabulary, dim, options.sparse);
  }

  /** indices i32 [...] -> f32 [..., dim]. */
  forward(indices: Value): Tensor {
    return embedding(this.weight.parameter, indices);
  }
}

/** Options of `EmbeddingBag`. */
export interface EmbeddingBagOptions extends EmbeddingOptions {
  /** What becomes of a bag's rows. Default `"mean"`, as torch; of an empty bag 0. */
  readonly mode?: "sum" | "mean";
}

/**
 * Sums or means of rows of a table, a bag of indices at a time, without the rows in between. Parameter as
 * torch.nn.EmbeddingBag: weight [vocabulary, dim], standard normal.
 */
export class EmbeddingBag extends Table {
  readonly mode: "sum" | "mean";

  constructor(vocabulary: number, dim: number, options: EmbeddingBagOptions = {}) {
    checkKeys("EmbeddingBag", options, ["mode", "sparse"]);
    super("EmbeddingBag", vocabulary, dim, options.sparse);
    this.mode = checkChoice("EmbeddingBag: 'mode'", given(options.mode, "mean"), ["sum", "mean"]);
  }

  /**
   * indices i32 [n], offsets i32 [bags] (where each bag begins, ascending from 0) -> f32 [bags, dim]; without offsets
   * indices are [bags, length]. Or bags, which have all three: of a SparseDataset, in a Trainer.
   * @param weights a factor per index, with mode `"sum"`
   */
  forward(indices: Value | Bags, offsets?: Value, weights?: Value): Tensor {
    return embeddingBag(this.weight.parameter, indices, { offsets, mode: this.mode, weights });
  }
}
