// Embedding lookup and its gradient.
#include "core/ops/embedding.h"
#include "cuda/kernels/tree.cuh"

using namespace adastep;

// A warp per row.
extern "C" __global__ void __launch_bounds__(kThreads) adastep_embedding(Embedding op, FaultReport fault) {
  for (int64_t row = WarpGroup::first(); row < op.rows; row += WarpGroup::stride()) {
    const int32_t index = op.indices.data[row];
    const bool valid = index >= 0 && index < op.vocabulary;
    if (!valid && WarpGroup::begin() == 0) report(fault, row, index, op.vocabulary);
    const float* from = op.table.data + index * op.dim;
    float* to = op.y.data + row * op.dim;
    for (int64_t j = WarpGroup::begin(); j < op.dim; j += kLanes) to[j] = valid ? from[j] : 0.0f;
  }
}

namespace {

constexpr int kTileColumns = 4 * kLanes;  // of a table row, four per lane

// Whether an earlier position holds the same index. The same for all lanes.
__device__ bool is_repeated(const int32_t* indices, int64_t position, int32_t index) {
  for (int64_t first = 0; first < position; first += kLanes) {
    const int64_t j = first + WarpGroup::begin();
    if (__any_sync(0xffffffffu, j < position && indices[j] == index)) return true;
  }
  return false;
}

}  // namespace

// A warp per position and tile of columns. The warp of the first position of an index adds the rows of all
// its positions in ascending order; the others leave. Nothing is shared, so no atomics: the order is fixed.
extern "C" __global__ void __launch_bounds__(kThreads)
    adastep_embedding_grad(EmbeddingGrad op, FaultReport fault) {
  const int64_t tiles = (op.dim + kTileColumns - 1) / kTileColumns;
  const int32_t* indices = op.indices.data;
  __builtin_assume(op.rows >= 0);  // or the compiler makes a second loop for rows below zero
  for (int64_t i = WarpGroup::first(); i < op.rows * tiles; i += WarpGroup::stride()) {
    const int64_t position = i % op.rows;
    const int64_t column = i / op.rows * kTileColumns + WarpGroup::begin();
    const int32_t index = indices[position];
    if (index < 0 || index >= op.vocabulary) {
      if (WarpGroup::begin() == 0) report(fault, position, index, op.vocabulary);
      continue;
    }
    if (is_repeated(indices, position, index)) continue;

    float* to = op.gtable.data + index * op.dim + column;
    float sum[4];
    for (int t = 0; t < 4; t++) sum[t] = column + t * kLanes < op.dim ? to[t * kLanes] : 0.0f;
    for (int64_t first = position; first < op.rows; first += kLanes) {
      const int64_t j = first + WarpGroup::begin();
      uint32_t same = __ballot_sync(0xffffffffu, j < op.rows && indices[j] == index);
      for (; same != 0; same &= same - 1) {
        const float* gy = op.gy.data + (first + __ffs(same) - 1) * op.dim + column;
        for (int t = 0; t < 4; t++) {
          if (column + t * kLanes < op.dim) sum[t] += gy[t * kLanes];
        }
      }
    }
    for (int t = 0; t < 4; t++) {
      if (column + t * kLanes < op.dim) to[t * kLanes] = sum[t];
    }
  }
}
