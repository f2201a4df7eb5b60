// Sums over parameters, what is settled by them, and snapshots.
#include "core/settle.h"
#include "cuda/kernels/quads.cuh"
#include "cuda/kernels/sums.cuh"

using namespace adastep;

namespace {

__device__ float fold_column(int64_t column, int64_t n, const float* values) {
  const auto element = [values](int64_t i) { return values[i]; };
  return column == kSums - 1 ? fold_chunk<MaxFold>(0, n, element) : fold_chunk<SumFold>(0, n, element);
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads) adastep_gradient_sums(GradientSums op) {
  if (op.prepared.data && !is_skipped(op.prepared.data)) return;
  const float unscale = op.prepared.data ? unscale_of(op.prepared.data) : 1.0f;
  for (int64_t index = WarpGroup::first(); index < op.tiles; index += WarpGroup::stride()) {
    const Tile tile = tile_of(op, index, ReadByWarp());
    if (tile.n == 0) continue;
    float sums[kSums] = {};
    for (int offset = 4 * WarpGroup::begin(); offset < tile.n; offset += 4 * kLanes) {
      const int left = tile.n - offset;
      Quad g;
      load_real(op.dtype, op.g.data, {tile.g, offset, left < 4 ? left : 4}, g);
      Seen seen[4];
#pragma unroll
      for (int e = 0; e < 4; e++) seen[e] = e < left ? watch_gradient(g[e] * unscale) : Seen{};
      add_quad<kGradientSums>(seen, sums);
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
    const int64_t first = words[0], tiles = tiles_of(words[1]);
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

// One thread, as adastep_advance.
extern "C" __global__ void adastep_estimate(Estimate op) { estimate(op); }

extern "C" __global__ void __launch_bounds__(kThreads) adastep_commit(Commit op) {
  if (op.prepared.data[0] != 0.0f) return;
  for (int64_t i = thread_index(); i < op.n; i += thread_count()) op.y.data[i] = op.x.data[i];
}

extern "C" __global__ void __launch_bounds__(kThreads) adastep_snapshot(Snapshot op) {
  const int64_t slot = snapshot_slot(op), halves = op.bytes / 2;
  if (slot < 0) return;
  const bool save = op.prepared.data[5] > 0.0f;
  uint16_t* const kept = op.ring.data + slot * halves;
  uint16_t *const to = save ? kept : op.data.data, *const from = save ? op.data.data : kept;
  const bool whole = (reinterpret_cast<uintptr_t>(to) | reinterpret_cast<uintptr_t>(from)) % 4 == 0;
  const int64_t words = whole ? halves / 2 : 0;
  for (int64_t i = thread_index(); i < words; i += thread_count())
    reinterpret_cast<uint32_t*>(to)[i] = reinterpret_cast<const uint32_t*>(from)[i];
  for (int64_t i = 2 * words + thread_index(); i < halves; i += thread_count()) to[i] = from[i];
}
