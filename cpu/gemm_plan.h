// How a GEMM is cut: k into blocks, C into tiles for the threads.
#pragma once
#include "cpu/gemm_vector.h"

namespace adastep {
namespace ADASTEP_NUMERICS {
namespace gemm {

// A packed block of A of kBlockRows rows and kDepth steps fills three quarters of a L2 cache of 1 MiB (512
// KiB with AVX2), a packed panel of B once or twice the L1 cache; kBlockCols bounds the accumulators in
// scratch memory.
constexpr int64_t kDepth = 512, kBlockRows = 24 * kTileRows, kBlockCols = 2048;
// Columns of a product of few rows whose accumulators stay in the L1 cache.
constexpr int64_t kStrip = 1024;
// Multiply-adds worth the wake-up of a thread.
constexpr int64_t kThreadWork = 1 << 18;

ADASTEP_HD int64_t quotient_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
ADASTEP_HD int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }
ADASTEP_HD int64_t max_of(int64_t a, int64_t b) { return a > b ? a : b; }

// Whether C^T is the better matrix to compute: C has few columns, and vectors along them would stay half
// empty.
static inline bool fills_lanes_better(int64_t m, int64_t n) {
  const auto lanes = [](int64_t count) { return quotient_up(count, kWidth) * kWidth; };
  return n < kTileCols && 5 * n * lanes(m) < 4 * m * lanes(n);
}

// How many threads `work` multiply-adds are worth.
static inline int64_t workers_for(int64_t work, int threads) {
  return max_of(1, min_of(threads, work / kThreadWork));
}

// How many columns of each of `batch` products of few rows make an item, `work` multiply-adds in all.
static inline int64_t strip_of(int64_t batch, int64_t n, int64_t work, int threads) {
  const int64_t strips = max_of(1, workers_for(work, threads) / batch);
  return min_of(quotient_up(quotient_up(n, strips), kTileCols) * kTileCols, kStrip);
}

// How many equal items of `work` multiply-adds make a task.
static inline int64_t items_per_task(int64_t items, int64_t work, int threads) {
  const int64_t share = quotient_up(items, workers_for(items * work, threads));
  return max_of(1, min_of(share, kThreadWork / max_of(1, work)));
}

// Every matrix C is cut into grid_rows x grid_cols tiles of rows x cols, smaller at the far edges.
struct Grid {
  int64_t rows, cols, grid_rows, grid_cols;

  Grid(int64_t m, int64_t n, int64_t wanted_rows, int64_t wanted_cols)
      : rows(quotient_up(m, wanted_rows)),
        cols(quotient_up(quotient_up(n, wanted_cols), kTileCols) * kTileCols),
        grid_rows(quotient_up(m, rows)),
        grid_cols(quotient_up(n, cols)) {}
};

// The cut with the shortest busiest thread, by a model in which a step of k over a tile costs its area and
// the packing of its edges (about 8 multiply-adds an element).
static Grid plan(int64_t batch, int64_t m, int64_t n, int64_t k, int threads) {
  constexpr int64_t kPacking = 8;
  const int64_t workers = workers_for(batch * m * n * max_of(k, 1), threads);
  const int64_t least_rows = quotient_up(m, kBlockRows), least_cols = quotient_up(n, kBlockCols);
  Grid best(m, n, least_rows, least_cols);
  int64_t best_cost = INT64_MAX;
  for (int64_t rows = least_rows; workers > 1 && rows < least_rows + workers; ++rows) {
    for (int64_t rounds = 1; rounds <= 4; ++rounds) {
      const Grid grid(m, n, rows, max_of(least_cols, workers * rounds / (rows * batch)));
      const int64_t area = grid.rows * grid.cols, edges = grid.rows + grid.cols;
      const int64_t turns = quotient_up(grid.grid_rows * grid.grid_cols * batch, workers);
      const int64_t cost = turns * (area + kPacking * edges);
      if (cost < best_cost) best = grid, best_cost = cost;
    }
  }
  return best;
}

}  // namespace gemm
}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
