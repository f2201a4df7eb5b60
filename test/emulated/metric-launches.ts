// Launches of the kernels that figures of evaluations need.

import type { Launch } from "./launches.js";

export const METRIC_LAUNCHES: readonly Launch[] = [
  {
    op: "labelRank",
    size: "64x1024",
    fields: { rows: 64, cols: 1024 },
    buffers: { x: 65536 },
    others: { labels: Int32Array.from({ length: 64 }, (_, i) => i), rank: new Int32Array(64) },
  },
  ...["sum", "spread"].map(
    (fn): Launch => ({
      op: "accumulate",
      size: `${fn} 256x256`,
      fields: { fn, rows: 256, cols: 256, groups: 1, scale: 1 },
      buffers: { a: 65536 },
      others: { total: new Float64Array(3 * 256) },
    }),
  ),
];
