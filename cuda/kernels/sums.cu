// Sums over parameters, what is settled by them, and snapshots.
#include "core/settle.h"
#include "cuda/kernels/sums.cuh"

using namespace adastep;

namespace {

__device__ float gradient_at(const GradientSums& op, int64_t i) {
  return op.dtype == DType::kF32 ? reinterpret_cast<const float*>(op.g.data)[i]
                                 : bf16_decode(reinterpret_cast<const uint16_t*>(op.g.data)[i]);
}

__device__ void load_gradients(const GradientSums& op, int64_t start, int valid, float (&g)[4]) {
  const float* const from = reinterpret_cast<const float*>(op.g.data) + start;
  if (op.dtype == DType::kF32 && valid == 4 && aligned16(from)) {
    const float4 all = quad(from);
    g[0] = all.x, g[1] = all.y, g[2] = all.z, g[3] = all.w;
    return;
  }
#pragma unroll
  for (int e = 0; e < 4; e++) g[e] = e < valid ? gradient_at(op, start + e) : 0.0f;
}

__device__ float fold_column(int64_t column, int64_t n, const float* values) {
  const auto element = [values](int64_t i) { return values[i]; };
  return column == kSums - 1 ? fold_chunk<MaxFold>(0, n, element) : fold_chunk<SumFold>(0, n, element);
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads) adastep_gradient_sums(GradientSums op) {
  for (int64_t index = WarpGroup::first(); index < op.tiles; index += WarpGroup::stride()) {
    const Tile tile = tile_of(op, index);
    if (tile.n == 0) continue;
    float sums[kSums] = {};
    for (int first = 4 * WarpGroup::begin(); first < tile.n; first += 4 * kLanes) {
      float g[4];
      load_gradients(op, tile.g + first, tile.n - first < 4 ? tile.n - first : 4, g);
      float squares[4], others[4];
#pragma unroll
      for (int e = 0; e < 4; e++) {
        squares[e] = g[e] * g[e];
        others[e] = g[e] - g[e] == 0.0f ? 0.0f : 1.0f;
      }
      sums[0] += fold_quad(squares, false);
      sums[1] += fold_quad(others, false);
    }
    store_sums(sums, kGradientSums, op.partial.data + tile.row, op.tiles_in_all);
  }
}

// A warp per segment and column.
extern "C" __global__ void __launch_bounds__(kThreads) adastep_fold_segments(FoldSums op) {
  if (op.prepared.data && op.prepared.data[1] < 2.0f) return;
  for (int64_t i = WarpGroup::first(); i < op.columns * op.count; i += WarpGroup::stride()) {
    const int64_t column = i / op.count, segment = i % op.count;
    const int64_t* const words = op.segments.data + segment * kSegmentWords;
    const int64_t first = words[0], tiles = (words[1] + kTile - 1) / kTile;
    if (!inside(first, tiles, op.tiles_in_all)) continue;
    const float sum = fold_column(column, tiles, op.partial.data + column * op.tiles_in_all + first);
    if (WarpGroup::begin() == 0) op.sums.data[i] = sum;
  }
}

// A warp per column.
extern "C" __global__ void __launch_bounds__(kThreads) adastep_fold_totals(FoldSums op) {
  if (op.prepared.data && op.prepared.data[1] < 2.0f) return;
  for (int64_t column = WarpGroup::first(); column < op.columns; column += WarpGroup::stride()) {
    const float total = fold_column(column, op.count, op.sums.data + column * op.count);
    if (WarpGroup::begin() == 0) op.totals.data[column] = total;
  }
}

extern "C" __global__ void __launch_bounds__(kThreads) adastep_settle(Settle op) {
  for (int64_t segment = thread_index(); segment < op.count; segment += thread_count())
    op.factors.data[segment] = settle(op, segment);
}

extern "C" __global__ void __launch_bounds__(kThreads) adastep_snapshot(Snapshot op) {
  const int64_t slot = snapshot_slot(op), words = op.bytes / 4;
  if (slot < 0) return;
  const bool save = op.prepared.data[5] > 0.0f;
  uint32_t* const kept = op.ring.data + slot * words;
  for (int64_t i = thread_index(); i < words; i += thread_count()) {
    if (save)
      kept[i] = op.data.data[i];
    else
      op.data.data[i] = kept[i];
  }
}
