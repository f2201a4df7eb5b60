// General matrix multiplication on the CPU, after Goto & van de Geijn, "Anatomy of high-performance matrix
// multiplication" (2008): packed panels around a microkernel that keeps a tile of C in registers.
//
// Every element of C is one fma chain in ascending k from +0, however C is cut into tiles and k into blocks:
// a later block continues the chains from where an earlier one stored them. So all levels with fma, any
// number of threads and CUDA agree in every bit. With bf16 operands are rounded on their way to the
// microkernel, and the chains are the same f32 ones: it shows what the rounding does, and is no faster.
#pragma once
#include "core/ops/gemm.h"
#include "cpu/gemm_plan.h"
#include "cpu/gemm_rows.h"
#include "cpu/gemm_tile.h"
#include "cpu/parallel.h"

namespace adastep {
namespace ADASTEP_NUMERICS {
namespace gemm {

static inline Product product_of(const Gemm& op, int64_t index, bool swapped) {
  const Operand a{op.a.data + index * op.stride_a, op.lda, op.m, !op.trans_a, op.precision};
  const Operand b{op.b.data + index * op.stride_b, op.ldb, op.n, op.trans_b, op.precision};
  const Epilogue epilogue{op.alpha, op.beta, op.bias.data, op.activation};
  float* c = op.c.data + index * op.stride_c;
  return Product{swapped ? b : a, swapped ? a : b, op.k, c, op.ldc, swapped, epilogue};
}

static inline float* scratch_floats(const cpu::Parallel& parallel, int thread, int64_t count) {
  return static_cast<float*>(parallel.scratch(parallel.pool, thread, 4 * count));
}

static void run_few_rows(const Gemm& op, bool swapped, int64_t m, int64_t n, const cpu::Parallel& parallel) {
  const int64_t strip = strip_of(op.batch, n, op.batch * m * n * op.k, parallel.threads);
  const int64_t strips = quotient_up(n, strip), all = op.batch * strips;
  const int64_t per_task = items_per_task(all, m * strip * op.k, parallel.threads);
  cpu::parallel_for(parallel, quotient_up(all, per_task), [&](int64_t task, int thread) {
    float* acc = scratch_floats(parallel, thread, kFewRows * kStrip);
    const int64_t end = min_of(all, (task + 1) * per_task);
    for (int64_t item = task * per_task; item < end; ++item) {
      const Product p = product_of(op, item / strips, swapped);
      const int64_t col = item % strips * strip, cols = min_of(strip, n - col);
      few_rows(p.a, p.b, p.k, col, cols, acc, kStrip);
      finish(p, acc, kStrip, 0, col, m, cols);
    }
  });
}

static void run_tiles(const Gemm& op, bool swapped, int64_t m, int64_t n, const cpu::Parallel& parallel) {
  const Grid grid = plan(op.batch, m, n, op.k, parallel.threads);
  const int64_t per_product = grid.grid_rows * grid.grid_cols, all = op.batch * per_product;
  const int64_t per_task = items_per_task(all, grid.rows * grid.cols * op.k, parallel.threads);
  const TileMemory memory(grid, op.k, op.beta == 0 && !swapped);
  cpu::parallel_for(parallel, quotient_up(all, per_task), [&](int64_t task, int thread) {
    float* scratch = scratch_floats(parallel, thread, memory.floats());
    const int64_t end = min_of(all, (task + 1) * per_task);
    for (int64_t item = task * per_task; item < end; ++item) {
      const int64_t row = item % per_product / grid.grid_cols * grid.rows,
                    col = item % grid.grid_cols * grid.cols;
      const Tile tile{row, col, min_of(grid.rows, m - row), min_of(grid.cols, n - col)};
      run_tile(product_of(op, item / per_product, swapped), tile, memory, scratch);
    }
  });
}

}  // namespace gemm

static void run(const Gemm& op, const cpu::Parallel& parallel) {
  if (op.batch == 0 || op.m == 0 || op.n == 0) return;
  const bool swapped = gemm::fills_lanes_better(op.m, op.n);
  const int64_t m = swapped ? op.n : op.m, n = swapped ? op.m : op.n;
  if (m <= gemm::kFewRows) {
    gemm::run_few_rows(op, swapped, m, n, parallel);
  } else {
    gemm::run_tiles(op, swapped, m, n, parallel);
  }
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
