// A tile of C: the work of one thread on one product.
#pragma once
#include "cpu/gemm_finish.h"
#include "cpu/gemm_micro.h"
#include "cpu/gemm_pack.h"
#include "cpu/gemm_plan.h"

namespace adastep {
namespace ADASTEP_NUMERICS {
namespace gemm {

// One product of a batch. If swapped, C^T = op(B)^T op(A)^T is computed, with the roles of A and B exchanged,
// and only the epilogue knows: few columns of C become few rows, and vectors stay full.
struct Product {
  Operand a, b;
  int64_t k;
  float* c;
  int64_t ldc;
  bool swapped;
  Epilogue epilogue;

  // Whether the chains of so many columns can rest in C itself while another block of k is prepared.
  bool rests_in_c(int64_t cols) const { return epilogue.beta == 0 && !swapped && cols % kWidth == 0; }
};

struct Tile {
  int64_t row, col, rows, cols;
};

static void finish(const Product& p, const float* acc, int64_t ld, int64_t row, int64_t col, int64_t rows,
                   int64_t cols) {
  const float* bias = p.epilogue.bias;
  if (p.swapped) {
    float* c = p.c + col * p.ldc + row;
    finish_columns(p.epilogue, acc, ld, bias ? bias + row : nullptr, c, p.ldc, rows, cols);
  } else {
    float* c = p.c + row * p.ldc + col;
    finish_rows(p.epilogue, acc, ld, bias ? bias + col : nullptr, c, p.ldc, rows, cols);
  }
}

// k in blocks of at most kDepth steps, at least one, about equal and of whole cache lines.
struct Blocks {
  int64_t count, depth;

  explicit Blocks(int64_t k)
      : count(max_of(1, quotient_up(k, kDepth))), depth(quotient_up(quotient_up(k, count), kLine) * kLine) {}
};

// Rows of a tile in panels that differ by at most one row: kTileRows or a little less.
struct RowPanels {
  int64_t count, rows, longer;  // the first `longer` panels have rows + 1

  explicit RowPanels(int64_t tile_rows)
      : count(quotient_up(tile_rows, kTileRows)), rows(tile_rows / count), longer(tile_rows % count) {}
  int64_t start(int64_t panel) const { return panel * rows + min_of(panel, longer); }
  int height(int64_t panel) const { return static_cast<int>(rows + (panel < longer)); }
};

// The parts of the scratch memory: A packed, one panel of B, accumulators that cannot rest in C. If chains
// rest there between blocks of k, every panel of columns needs a place of its own.
struct TileMemory {
  int64_t a, b, acc;
  bool places;

  TileMemory(const Grid& grid, int64_t k, bool in_c) {
    const Blocks blocks(k);
    a = quotient_up(grid.rows, kTileRows) * kTileRowsPadded * blocks.depth;
    b = kTileCols * blocks.depth;
    places = !in_c && blocks.count > 1;
    acc = grid.rows * (places ? grid.cols : kTileCols);
  }
  int64_t floats() const { return a + b + acc; }
};

// Asks for the cache lines of a tile's accumulators, to be written.
static inline void fetch(const float* acc, int64_t ld, int rows, int cols) {
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < cols; j += kLine) __builtin_prefetch(acc + i * ld + j, 1);
  }
}

// All row panels of a tile by one panel of `cols` columns from `col`, over one block of k.
struct ColumnPanel {
  const Product& p;
  const Tile& tile;
  const float* a;
  float* b;
  int64_t k0, depth, col;
  int cols;

  // Whole vectors of B that lie in memory as the kernel wants them are read there, and the first row panel
  // leaves a packed copy for the others.
  bool direct() const { return !p.b.along_k && cols % kWidth == 0 && p.b.precision == Precision::kF32; }

  Span first_span() const {
    Span span = span_of(0);
    if (direct()) {
      constexpr int64_t kDistance = 24;  // steps: about the latency of the L3 cache
      span.b = p.b.data + k0 * p.b.stride + col;
      span.b_step = p.b.stride;
      span.ahead = {span.b + kDistance * p.b.stride, kLine, p.b.stride, 0, 0};
    } else if (p.b.along_k) {
      // The next panel, before it is packed: its columns in kTileLines groups, each column a run of lines.
      const float* next = p.b.data + (col + kTileCols) * p.b.stride + k0;
      const int64_t run = depth / kLine;
      span.ahead = {next, kTileCols / kTileLines * p.b.stride, kLine, run, p.b.stride - kLine * run};
    }
    return span;
  }
  Span span_of(int64_t panel) const {
    return {depth, a + panel * depth * kTileRowsPadded, b, kTileCols, b, {b, 0, 0, 0, 0}};
  }

  void run(float* acc, int64_t ld, bool first, bool last) const {
    const RowPanels panels(tile.rows);
    if (!direct()) pack(p.b, k0, depth, col, cols, b, kTileCols);
    for (int64_t i = 0; i < panels.count; ++i) {
      const int height = panels.height(i), vectors = (cols + kWidth - 1) / kWidth;
      float* start = acc + panels.start(i) * ld;
      fetch(start + height * ld, ld, height, cols);
      const bool copies = i == 0 && panels.count > 1 && direct();
      micro_for(height, vectors, copies)(i == 0 ? first_span() : span_of(i), start, ld, first);
      if (last) finish(p, start, ld, tile.row + panels.start(i), col, height, cols);
    }
  }
};

static void run_tile(const Product& p, const Tile& tile, const TileMemory& memory, float* scratch) {
  const RowPanels panels(tile.rows);
  const Blocks blocks(p.k);
  float *a = scratch, *b = a + memory.a, *resting = b + memory.b;
  for (int64_t block = 0; block < blocks.count; ++block) {
    const int64_t k0 = block * blocks.depth, depth = min_of(blocks.depth, p.k - k0);
    for (int64_t i = 0; i < panels.count; ++i) {
      float* panel = a + i * depth * kTileRowsPadded;
      pack(p.a, k0, depth, tile.row + panels.start(i), panels.height(i), panel, kTileRowsPadded);
    }
    for (int64_t j = 0; j < tile.cols; j += kTileCols) {
      const int cols = static_cast<int>(min_of(kTileCols, tile.cols - j));
      const ColumnPanel panel{p, tile, a, b, k0, depth, tile.col + j, cols};
      const bool last = block == blocks.count - 1;
      if (p.rests_in_c(cols)) {
        float* acc = p.c + tile.row * p.ldc + tile.col + j;
        panel.run(acc, p.ldc, block == 0, last && !p.epilogue.nothing());
      } else {
        panel.run(resting + (memory.places ? j * tile.rows : 0), kTileCols, block == 0, last);
      }
    }
  }
}

}  // namespace gemm
}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
