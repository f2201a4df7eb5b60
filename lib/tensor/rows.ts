// Gradients of tables as lists of rows: what lookups add to which row, without a dense gradient.

import type { Shape } from "../device/dtype.js";
import { ArgumentError, DTypeError, ShapeError } from "../errors.js";
import { liftF32 } from "./arguments.js";
import { Parameter } from "./parameter.js";
import { output, recording, type Value } from "./recorder.js";
import { sum } from "./reduce.js";
import { concat, reshape } from "./shape.js";
import { type Scalar, Tensor } from "./tensor.js";

/** What one lookup adds to its table: position i adds `weights[i] * values[source[i]]` to row `indices[i]`. */
export interface RowContribution<T = Tensor> {
  /** i32 [rows] */
  readonly indices: T;
  /** f32 [valueRows, dim] */
  readonly values: T;
  /** How the positions of a bag find its gradient; absent where values has a row per position, in their order. */
  readonly bags?: BagLookup<T> | undefined;
}

/** Positions in bags: the bag of each is its row of values. */
export interface BagLookup<T = Tensor> {
  readonly count: number;
  /** i32 [count]; absent where all bags are equally long. */
  readonly offsets: T | undefined;
  readonly mean: boolean;
  /** f32 [rows] */
  readonly weights: T | undefined;
}

/** Indices into a table of `vocabulary` rows, in order: fields of the operations in core/ops/sparse.h. */
export interface RowList {
  readonly rows: number;
  readonly vocabulary: number;
  readonly indices: Tensor;
  readonly order: Tensor;
  readonly starts: Tensor;
  readonly count: Tensor;
}

/** The gradient of a table [vocabulary, dim] as fields of the operations that take one. */
export interface RowGradient extends RowList {
  readonly dim: number;
  readonly valueRows: number;
  readonly values: Tensor;
  readonly source: Tensor | undefined;
  readonly weights: Tensor | undefined;
}

/** The table of a lookup and its shape. */
export function liftTable(
  operation: string,
  value: Value,
): { table: Tensor; vocabulary: number; dim: number } {
  const table = liftF32(operation, "table", value);
  const [vocabulary, dim] = table.shape;
  if (table.rank !== 2 || vocabulary === undefined || dim === undefined) {
    throw new ShapeError({
      argument: `${operation}: 'table'`,
      got: `${table}`,
      accepted: "[vocabulary, dim]",
    });
  }
  return { table, vocabulary, dim };
}

/** A tensor of i32: indices, offsets. */
export function liftI32(operation: string, name: string, value: Value): Tensor {
  const tensor = recording(operation).lift(`${operation}: '${name}'`, value);
  if (tensor.dtype !== "i32") {
    throw new DTypeError({ argument: `${operation}: '${name}'`, got: `${tensor}`, accepted: "i32" });
  }
  return tensor;
}

/** What the operation reads that tells which row of values each position takes and with what factor; `first` is the row of bag 0. */
export function mapFields<T extends { readonly length: number }>(
  { indices, bags }: RowContribution<T>,
  first: number,
) {
  const n = indices.length;
  // Without bags every position is one of its own.
  const { count, offsets, mean, weights } = bags ?? { count: n, mean: false };
  return { n, bags: count, offsets, first, mean, weights };
}

function mapOf(contribution: RowContribution, first: number): { source: Tensor; weights: Tensor } {
  const n = contribution.indices.length;
  const [source, weights] = [output([n], "i32"), output([n])];
  recording("rowGradients").emit("bagMap", {
    ...mapFields(contribution, first),
    ...{ bag: source, scale: weights },
  });
  return { source, weights };
}

const sortedOf = new WeakMap<Tensor, Map<number, RowList>>(); // by table size

/** Records the order of indices, once for indices that only the program knows. */
export function sortIndices(indices: Tensor, vocabulary: number): RowList {
  const known = sortedOf.get(indices)?.get(vocabulary);
  if (known) return known;
  const rows = indices.length;
  const sorted = {
    order: output([rows], "i32"),
    starts: output([rows + 1], "i32"),
    count: output([1], "i32"),
  };
  recording("rowGradients").emit("sortRows", { rows, vocabulary, indices, ...sorted });
  const list = { rows, vocabulary, indices, ...sorted };
  if (indices.memory.external === undefined) {
    sortedOf.set(indices, (sortedOf.get(indices) ?? new Map()).set(vocabulary, list));
  }
  return list;
}

/** Records what has to happen to the rows of a table before a lookup reads them. */
export function prepareLookup(table: Value, indices: Tensor): void {
  if (!(table instanceof Parameter) || !table.beforeLookup || indices.length === 0) return;
  table.beforeLookup(sortIndices(indices, table.shape[0] as number));
}

/**
 * One list of all contributions, in the order of use, sorted by row: what updates of the table take. Recorded inside
 * `device.program(...)`; undefined if there are none.
 */
export function sortRows(table: Value, contributions: readonly RowContribution[]): RowGradient | undefined {
  const { vocabulary, dim } = liftTable("rowGradients", table);
  const used = contributions.filter(({ indices }) => indices.length > 0);
  const [first] = used;
  if (!first) return undefined;
  const only = used.length === 1;
  const flat = used.map(({ indices }) => reshape(indices, [indices.length]));
  const indices = only ? (flat[0] as Tensor) : concat(flat);
  const blocks = used.map(({ values }) => reshape(values, [values.length / Math.max(1, dim), dim]));
  const values = only ? (blocks[0] as Tensor) : concat(blocks);
  const mapped = used.some(({ bags }) => bags);
  const weighted = used.some(({ bags }) => bags?.mean || bags?.weights);
  let row = 0;
  const maps = used.map((contribution, i) => {
    const map = mapped ? mapOf(contribution, row) : undefined;
    row += (blocks[i] as Tensor).shape[0] as number;
    return map;
  });
  const all = (tensors: (Tensor | undefined)[]): Tensor =>
    (only ? tensors[0] : concat(tensors as Tensor[])) as Tensor;
  return {
    ...sortIndices(only ? first.indices : indices, vocabulary),
    ...{ dim, valueRows: row, values },
    source: mapped ? all(maps.map((map) => map?.source)) : undefined,
    weights: weighted ? all(maps.map((map) => map?.weights)) : undefined,
  };
}

/** The sum of the squares of the gradient, rows of the same index added up first. */
export function sumOfRowSquares(gradient: RowGradient): Scalar {
  const recorder = recording("rowGradients");
  const squares = output([gradient.rows]);
  recorder.emit("rowSquares", { ...gradient, squares });
  return sum(squares);
}

/** The dense gradient, of the shape [vocabulary, dim]. */
export function denseRows(shape: Shape, gradient: RowGradient | undefined): Tensor {
  const recorder = recording("rowGradients");
  const zeros = recorder.full(shape, 0);
  if (!gradient) return zeros;
  const gtable = new Tensor("f32", shape, zeros.memory);
  recorder.emit("addRows", { ...gradient, gtable });
  return gtable;
}

/** Refuses a table whose gradient would have to be dense. */
export function refuseDense(table: Tensor): never {
  throw new ArgumentError({
    argument: "gradients",
    got: `a sparse table ${table} in an operation that is no lookup`,
    accepted: "embedding and embeddingBag of a sparse table; sparse: false for other uses",
  });
}
