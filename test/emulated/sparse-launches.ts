// Launches of the operations on lists of rows: a gradient of 1024 rows in 256 of 512 table rows, four each.

import { STEP } from "../../lib/device/encode.js";
import type { Launch } from "./launches.js";

const [ROWS, VOCABULARY, DIM, RUNS] = [1024, 512, 128, 256];
const size = `${ROWS} of ${VOCABULARY}x${DIM}`;

const indices = Int32Array.from({ length: ROWS }, (_, i) => 2 * ((i * 37) % RUNS));
const sorted = {
  indices,
  order: Int32Array.from(indices.keys()).sort(
    (a, b) => (indices[a] as number) - (indices[b] as number) || a - b,
  ),
  starts: Int32Array.from({ length: ROWS + 1 }, (_, r) => Math.min(4 * r, ROWS)),
  count: Int32Array.of(RUNS),
};
const list = { rows: ROWS, vocabulary: VOCABULARY };
const gradient = { ...list, dim: DIM, valueRows: ROWS };
const table = VOCABULARY * DIM;
const values = { values: ROWS * DIM };

/** Step 9 of Adam with lr 1e-3; every row was touched last at step 3. */
const clock = Float64Array.of(9, 1, 0, 0, 0, 1e-3, 0, 0.9, 0.999, 1e-8, 0);
const times = {
  lastStep: new Int32Array(VOCABULARY).fill(3),
  lastLr: new Float32Array(VOCABULARY).fill(1e-3),
  logDecay: new Float64Array(VOCABULARY),
};
/** What `advance` prepares for one group: nothing skipped or clipped; then factor, lr and a step of the rule. */
const prepared = new Float32Array(24);
prepared.set([0, 0, 1, Number.POSITIVE_INFINITY, 0, 0, 0, 1, 1, 1e-3]);
prepared.set([0, 1, 0.9, 0.1, 0.999, 1e-3, 2e-3, 3, 1e-8], 10);
const one = { groups: 1, group: 0 };
const adam = { p: table, state0: table, state1: table };

/** Rows in use of the updates, and their length. */
export const SPARSE = { runs: RUNS, dim: DIM };

export const SPARSE_LAUNCHES: readonly Launch[] = [
  {
    op: "sortRows",
    size: `8192 of 256`,
    fields: { rows: 8192, vocabulary: 256 },
    buffers: {},
    others: {
      indices: Int32Array.from({ length: 8192 }, (_, i) => (i * 37) % 256),
      order: new Int32Array(8192),
      starts: new Int32Array(8193),
      count: new Int32Array(1),
    },
  },
  { op: "rowSquares", size, fields: gradient, buffers: { ...values, squares: ROWS }, others: sorted },
  ...[false, true].map(
    (after): Launch => ({
      op: "watchRows",
      size: `${size}, ${after ? "after" : "before"}`,
      fields: { ...gradient, after },
      buffers: { ...values, p: table, kept: ROWS * DIM, partial: STEP.sums * ROWS },
      others: { ...sorted, prepared: Float32Array.of(0, 2, 1, 0, 0, 0, 0, 1) },
    }),
  ),
  { op: "addRows", size, fields: gradient, buffers: { ...values, gtable: table }, others: sorted },
  {
    op: "sparseUpdate",
    size,
    fields: { ...gradient, ...one, mode: "lazy", rule: "adam" },
    buffers: { ...values, ...adam },
    others: { ...sorted, prepared },
  },
  {
    op: "sparseUpdate",
    size,
    fields: { ...gradient, ...one, mode: "rowWise", rule: "adagrad" },
    buffers: { ...values, p: table, state0: VOCABULARY },
    others: { ...sorted, prepared },
  },
  {
    op: "sparseUpdate",
    size,
    fields: { ...gradient, ...one, mode: "catchUp", rule: "adam" },
    buffers: { ...values, ...adam },
    others: { ...sorted, prepared, clock, ...times },
  },
  {
    op: "sparseClock",
    size: "",
    fields: one,
    buffers: {},
    others: { prepared, step: Float64Array.of(10), clock },
  },
  {
    op: "sparseFlush",
    size: `${VOCABULARY}x${DIM}`,
    fields: { vocabulary: VOCABULARY, dim: DIM },
    buffers: adam,
    others: { clock, ...times },
  },
  {
    op: "catchUpRows",
    size,
    fields: { ...list, dim: DIM },
    buffers: adam,
    others: { ...sorted, clock, ...times },
  },
  {
    op: "embeddingBag",
    size: `${ROWS} in 64 bags of ${DIM}`,
    fields: { n: ROWS, bags: 64, vocabulary: VOCABULARY, dim: DIM, mean: true },
    buffers: { table, y: 64 * DIM },
    others: { indices },
  },
  {
    op: "bagMap",
    size: `${ROWS} in 64 bags`,
    fields: { n: ROWS, bags: 64, first: 0, mean: true },
    buffers: { scale: ROWS },
    others: { bag: new Int32Array(ROWS) },
  },
  {
    op: "bagWeightGrad",
    size: `${ROWS} in 64 bags of ${DIM}`,
    fields: { n: ROWS, bags: 64, vocabulary: VOCABULARY, dim: DIM },
    buffers: { table, gy: 64 * DIM, gweights: ROWS },
    others: { indices },
  },
];
