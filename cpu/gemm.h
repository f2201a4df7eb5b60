// General matrix multiplication on the CPU, after Goto & van de Geijn, "Anatomy of high-performance matrix
// multiplication" (2008): packed panels around a microkernel that keeps a tile of C in registers.
//
// Every element of C is one fma chain in ascending k from +0, however C is cut into tiles and k into blocks:
// a later block continues the chains from where an earlier one stored them. So all levels with fma, any
// number of threads and CUDA agree in every bit.
#pragma once
#include "core/ops/gemm.h"
#include "cpu/gemm_finish.h"
#include "cpu/gemm_micro.h"
#include "cpu/gemm_pack.h"
#include "cpu/gemm_plan.h"
#include "cpu/parallel.h"

namespace adastep {
namespace ADASTEP_NUMERICS {
namespace gemm {

// One product of a batch. Swapped, the tiles below compute C^T = op(B)^T op(A)^T, with the roles of A and B
// exchanged, and only the epilogue knows: few columns of C become few rows, and vectors stay full.
struct Product {
  Operand a, b;  // m = a.size, n = b.size
  int64_t k;
  float* c;
  int64_t ldc;
  bool swapped;
  Epilogue epilogue;
};

// Work memory of one tile.
struct TileScratch {
  float *a, *b, *acc;
};

struct Tile {
  int64_t row, col, rows, cols;
};

// Whether the chains of a panel can rest in C itself between blocks of k.
static inline bool rests_in_c(const Product& p, int64_t cols) {
  return p.epilogue.beta == 0 && !p.swapped && cols % kWidth == 0;
}

// Panels of accumulators that must rest in scratch memory between blocks of k, at least one.
static inline int64_t resting_panels(bool in_c, int64_t k, int64_t cols) {
  return in_c || k <= kDepth ? 1 : quotient_up(cols, kTileCols);
}

static inline TileScratch scratch_of(const cpu::Parallel& parallel, int thread, const Grid& grid, int64_t k,
                                     bool in_c) {
  const int64_t depth = min_of(k, kDepth);
  const int64_t a = quotient_up(grid.rows, kTileRows) * kTileRowsPadded * depth;
  const int64_t b = kTileCols * depth;
  const int64_t acc = resting_panels(in_c, k, grid.cols) * kTileCols * grid.rows;
  TileScratch scratch;
  scratch.a = static_cast<float*>(parallel.scratch(parallel.pool, thread, 4 * (a + b + acc)));
  scratch.b = scratch.a + a;
  scratch.acc = scratch.b + b;
  return scratch;
}

static void finish(const Product& p, const float* acc, int64_t ld, int64_t row, int64_t col, int rows,
                   int cols) {
  if (!p.swapped) {
    for (int i = 0; i < rows; ++i) {
      finish_row(p.epilogue, acc + i * ld, p.c + (row + i) * p.ldc + col, col, cols);
    }
    return;
  }
  for (int j = 0; j < cols; ++j) {
    float column[kTileRows];
    for (int i = 0; i < rows; ++i) column[i] = acc[i * ld + j];
    finish_row(p.epilogue, column, p.c + (col + j) * p.ldc + row, row, rows);
  }
}

// Row panels of a tile differ by at most one row: kTileRows or a little less.
struct RowPanels {
  int64_t count, rows, longer;  // the first `longer` panels have rows + 1

  explicit RowPanels(int64_t tile_rows)
      : count(quotient_up(tile_rows, kTileRows)), rows(tile_rows / count), longer(tile_rows % count) {}
  int64_t start(int64_t panel) const { return panel * rows + min_of(panel, longer); }
  int height(int64_t panel) const { return static_cast<int>(rows + (panel < longer)); }
};

constexpr int64_t kAhead = 16;

static inline void fetch(const float* acc, int64_t ld, int rows, int cols) {
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < cols; j += 16) __builtin_prefetch(acc + i * ld + j, 1);
  }
}

static void run_tile(const Product& p, const Tile& tile, const TileScratch& scratch) {
  const RowPanels panels(tile.rows);
  const int64_t blocks = max_of(1, quotient_up(p.k, kDepth)), depth_of_block = quotient_up(p.k, blocks);
  const bool keep = resting_panels(rests_in_c(p, 0), p.k, tile.cols) > 1;
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t k0 = block * depth_of_block, depth = min_of(depth_of_block, p.k - k0);
    const int64_t a_panel = depth * kTileRowsPadded;
    for (int64_t i = 0; i < panels.count; ++i) {
      pack(p.a, k0, depth, tile.row + panels.start(i), panels.height(i), scratch.a + i * a_panel,
           kTileRowsPadded);
    }
    for (int64_t j = 0; j < tile.cols; j += kTileCols) {
      const int cols = static_cast<int>(min_of(kTileCols, tile.cols - j)),
                vectors = (cols + kWidth - 1) / kWidth;
      const bool in_c = rests_in_c(p, cols);
      float* acc = in_c ? p.c + tile.row * p.ldc + tile.col + j : scratch.acc + (keep ? j * tile.rows : 0);
      const int64_t ld = in_c ? p.ldc : kTileCols;
      // Whole vectors of B that lie in memory as the kernel wants them are read there; the first row panel
      // leaves a packed copy for the others.
      const bool direct = !p.b.along_k && cols % kWidth == 0;
      if (!direct) pack(p.b, k0, depth, tile.col + j, cols, scratch.b, kTileCols);
      for (int64_t i = 0; i < panels.count; ++i) {
        const int height = panels.height(i);
        float* start = acc + panels.start(i) * ld;
        fetch(acc + panels.start(i + 1) * ld, ld, panels.height(i), cols);
        Span span{depth, scratch.a + i * a_panel, scratch.b, kTileCols, scratch.b, {scratch.b, 0, 0, 0, 0}};
        if (direct && i == 0) {
          span.b = p.b.data + k0 * p.b.stride + tile.col + j;
          span.b_step = p.b.stride;
          span.ahead = {span.b + kAhead * p.b.stride, 16, p.b.stride, 0, 0};
        }
        if (p.b.along_k && i == 0) {
          const float* next = p.b.data + (tile.col + j + kTileCols) * p.b.stride + k0;
          const int64_t run = depth / 16;
          span.ahead = {next, p.b.stride * 16, 16, run, p.b.stride - 16 * run};
        }
        const bool copies = direct && i == 0 && panels.count > 1;
        micro_for(height, vectors, copies)(span, start, ld, block == 0);
        if (block == blocks - 1 && !(in_c && p.epilogue.nothing())) {
          finish(p, start, ld, tile.row + panels.start(i), tile.col + j, height, cols);
        }
      }
    }
  }
}

static inline Product product_of(const Gemm& op, int64_t index, bool swapped) {
  const Operand a{op.a.data + index * op.stride_a, op.lda, op.m, !op.trans_a};
  const Operand b{op.b.data + index * op.stride_b, op.ldb, op.n, op.trans_b};
  const Epilogue epilogue{op.alpha, op.beta, op.bias.data, op.activation};
  float* c = op.c.data + index * op.stride_c;
  return swapped ? Product{b, a, op.k, c, op.ldc, true, epilogue}
                 : Product{a, b, op.k, c, op.ldc, false, epilogue};
}

}  // namespace gemm

static void run(const Gemm& op, const cpu::Parallel& parallel) {
  using namespace gemm;
  if (op.batch == 0 || op.m == 0 || op.n == 0) return;
  const bool swapped = op.n < kWidth && op.m > op.n;
  const int64_t m = swapped ? op.n : op.m, n = swapped ? op.m : op.n;
  const Grid grid = plan(op.batch, m, n, op.k, parallel.threads);
  const bool in_c = op.beta == 0 && !swapped;
  const int64_t per_product = grid.grid_rows * grid.grid_cols, tiles = op.batch * per_product;
  cpu::parallel_for(parallel, quotient_up(tiles, grid.per_task), [&](int64_t task, int thread) {
    const TileScratch scratch = scratch_of(parallel, thread, grid, op.k, in_c);
    const int64_t end = min_of(tiles, (task + 1) * grid.per_task);
    for (int64_t t = task * grid.per_task; t < end; ++t) {
      Tile tile;
      tile.row = t % per_product / grid.grid_cols * grid.rows;
      tile.col = t % grid.grid_cols * grid.cols;
      tile.rows = min_of(grid.rows, m - tile.row);
      tile.cols = min_of(grid.cols, n - tile.col);
      run_tile(product_of(op, t / per_product, swapped), tile, scratch);
    }
  });
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
