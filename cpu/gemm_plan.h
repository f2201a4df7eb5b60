// How a GEMM is cut: k into blocks, C into tiles for the threads.
#pragma once
#include "cpu/gemm_vector.h"

namespace adastep {
namespace ADASTEP_NUMERICS {
namespace gemm {

// A packed panel of B of kDepth steps fits the L1 cache, a packed block of A of kBlockRows rows half the L2.
constexpr int64_t kDepth = 256, kBlockRows = 24 * kTileRows, kBlockCols = 2048;
// Multiply-adds worth the wake-up of a thread.
constexpr int64_t kThreadWork = 1 << 18;

ADASTEP_HD int64_t quotient_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
ADASTEP_HD int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }
ADASTEP_HD int64_t max_of(int64_t a, int64_t b) { return a > b ? a : b; }

// Every matrix C is cut into grid_rows x grid_cols tiles; `per_task` tiles in a row make a task.
struct Grid {
  int64_t rows, cols;  // of a tile, the last ones may be smaller
  int64_t grid_rows, grid_cols;
  int64_t per_task;
};

static inline Grid grid_of(int64_t m, int64_t n, int64_t grid_rows, int64_t grid_cols) {
  Grid grid;
  grid.rows = quotient_up(m, grid_rows);
  grid.cols = quotient_up(quotient_up(n, grid_cols), kTileCols) * kTileCols;
  grid.grid_rows = quotient_up(m, grid.rows);
  grid.grid_cols = quotient_up(n, grid.cols);
  grid.per_task = 1;
  return grid;
}

// The cut with the shortest busiest thread, by a model in which a step of k over a tile costs its area and
// the packing of its edges (about 8 multiply-adds an element).
static Grid plan(int64_t batch, int64_t m, int64_t n, int64_t k, int threads) {
  constexpr int64_t kPacking = 8;
  const int64_t work = batch * m * n * max_of(k, 1);
  const int64_t workers = max_of(1, min_of(threads, work / kThreadWork));
  const int64_t least_rows = quotient_up(m, kBlockRows), least_cols = quotient_up(n, kBlockCols);
  Grid best{};
  int64_t best_cost = INT64_MAX;
  for (int64_t rows = least_rows; rows < least_rows + workers; ++rows) {
    for (int64_t rounds = 1; rounds <= 4; ++rounds) {
      const Grid grid = grid_of(m, n, rows, max_of(least_cols, workers * rounds / (rows * batch)));
      const int64_t tiles = grid.grid_rows * grid.grid_cols * batch;
      const int64_t cost =
          quotient_up(tiles, workers) * (grid.rows * grid.cols + kPacking * (grid.rows + grid.cols));
      if (cost < best_cost) best = grid, best_cost = cost;
    }
  }
  best.per_task = max_of(1, min_of(quotient_up(batch * best.grid_rows * best.grid_cols, workers),
                                   kThreadWork / max_of(1, best.rows * best.cols * k)));
  return best;
}

}  // namespace gemm
}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
