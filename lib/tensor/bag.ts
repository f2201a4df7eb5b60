// Sums and means of table rows, a bag of them at a time.

import { checkChoice, checkKeys, given } from "../check.js";
import { sameShape } from "../device/dtype.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { liftF32 } from "./arguments.js";
import { output, recording, type Value } from "./recorder.js";
import { type BagLookup, denseRows, liftI32, liftTable, prepareLookup, sortRows } from "./rows.js";
import type { Tensor } from "./tensor.js";

/** Bags of indices as one value: what a trainer gives the model for the rows of a SparseDataset. */
export interface Bags {
  /** i32 [n] with offsets, [bags, length] without. */
  readonly indices: Value;
  /** Where each bag begins, i32 [bags], ascending from 0. */
  readonly offsets?: Value | undefined;
  /** A factor per index, f32, of the shape of `indices`; with mode `"sum"` only. */
  readonly weights?: Value | undefined;
}

/** Options of `embeddingBag`. */
export interface BagOptions {
  /** Where each bag begins, i32 [bags], ascending from 0. Default: `indices` is [bags, length]. */
  readonly offsets?: Value | undefined;
  /** What becomes of a bag's rows. Default `"mean"`, as torch; of an empty bag 0. */
  readonly mode?: "sum" | "mean" | undefined;
  /** A factor per index, f32, of the shape of `indices`; with mode `"sum"` only. */
  readonly weights?: Value | undefined;
}

interface Arguments extends BagLookup {
  readonly table: Tensor;
  readonly indices: Tensor;
  readonly vocabulary: number;
  readonly dim: number;
}

function checkShapes({ indices, offsets, weights }: Omit<Arguments, "count">): void {
  if (indices.rank !== (offsets ? 1 : 2)) {
    throw new ShapeError({
      argument: "embeddingBag: 'indices'",
      got: `${indices}`,
      accepted: "[n] with offsets, [bags, length] without",
    });
  }
  if (offsets && (offsets.rank !== 1 || (offsets.length === 0 && indices.length > 0))) {
    throw new ShapeError({ argument: "embeddingBag: 'offsets'", got: `${offsets}`, accepted: "[bags]" });
  }
  if (weights && !sameShape(weights.shape, indices.shape)) {
    throw new ShapeError({
      argument: "embeddingBag: 'weights'",
      got: `${weights}`,
      accepted: `the shape of 'indices', ${indices}`,
    });
  }
}

/** Bags, or indices with what the options say of them. */
function bagsOf(which: Value | Bags, { offsets, weights }: BagOptions): Bags {
  if (typeof which !== "object" || which === null || !("indices" in which))
    return { indices: which, offsets, weights };
  checkKeys("embeddingBag: 'indices'", which, ["indices", "offsets", "weights"]);
  if (!offsets && !weights) return which;
  throw new ArgumentError({
    argument: `embeddingBag: '${offsets ? "offsets" : "weights"}'`,
    got: "one beside bags",
    accepted: "that of the bags alone",
  });
}

function lift(rowsOf: Value, which: Value | Bags, options: BagOptions): Arguments {
  checkKeys("embeddingBag", options, ["offsets", "mode", "weights"]);
  const shape = liftTable("embeddingBag", rowsOf);
  const bags = bagsOf(which, options);
  const indices = liftI32("embeddingBag", "indices", bags.indices);
  const offsets = bags.offsets && liftI32("embeddingBag", "offsets", bags.offsets);
  const weights = bags.weights && liftF32("embeddingBag", "weights", bags.weights);
  const mean = checkChoice("embeddingBag: 'mode'", given(options.mode, "mean"), ["sum", "mean"]) === "mean";
  if (weights && mean) {
    throw new ArgumentError({
      argument: "embeddingBag: 'weights'",
      got: `weights with mode "mean"`,
      accepted: `weights with mode "sum"`,
    });
  }
  const lifted = { ...shape, indices, offsets, weights, mean };
  checkShapes(lifted);
  return { ...lifted, count: offsets ? offsets.length : (indices.shape[0] as number) };
}

/**
 * Sums or means of rows of `table` (f32 [vocabulary, dim]), a bag of indices at a time: f32 [bags, dim], as
 * torch.nn.functional.embedding_bag; `which` are the indices, or bags with offsets and weights of their own. The rows of a bag add up in their order. An index out of range, or offsets that do
 * not ascend from 0, reject the run with a DeviceError.
 */
export function embeddingBag(rowsOf: Value, which: Value | Bags, options: BagOptions = {}): Tensor {
  const recorder = recording("embeddingBag");
  const { table, indices, vocabulary, dim, ...bags } = lift(rowsOf, which, options);
  const { count, offsets, mean, weights } = bags;
  const y = output([count, dim]);
  const places = { n: indices.length, bags: count, offsets };
  prepareLookup(rowsOf, indices);
  recorder.emit("embeddingBag", { ...places, vocabulary, dim, mean, table, indices, weights, y });
  recorder.derive([y], weights ? [table, weights] : [table], ([gy]) => {
    const rows = () => ({ indices, values: gy as Tensor, bags });
    const ofTable = [table, () => denseRows(table.shape, sortRows(table, [rows()])), rows] as const;
    if (!weights) return [ofTable];
    const ofWeights = () => {
      const gweights = output(weights.shape);
      recorder.emit("bagWeightGrad", { ...places, vocabulary, dim, table, indices, gy, gweights });
      return gweights;
    };
    return [ofTable, [weights, ofWeights] as const];
  });
  return y;
}
