// Sums over parameters, and what is settled by them.
#pragma once
#include "core/settle.h"
#include "cpu/update.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

static void run(const GradientSums& op, const cpu::Parallel& parallel) {
  if (op.prepared.data && !is_skipped(op.prepared.data)) return;
  const float unscale = op.prepared.data ? unscale_of(op.prepared.data) : 1.0f;
  for_tiles(op, parallel, [&](const Tile& tile) {
    float room[kTile];
    const float* const g = op.dtype == DType::kF32 ? floats(op.g.data, tile.g)
                                                   : decode_bf16(halves(op.g.data, tile.g), tile.n, room);
    sum_gradients(g, unscale, tile.n, op.partial.data + tile.row, op.tiles_in_all);
  });
}

static float fold_column(int64_t column, int64_t n, const float* values) {
  const auto term = [values](int64_t i) { return values[i]; };
  return column == kSums - 1 ? fold_chunk<MaxFold>(0, n, term) : fold_chunk<SumFold>(0, n, term);
}

static void run(const FoldSums& op, const cpu::Parallel& parallel) {
  if (op.prepared.data && op.prepared.data[1] < 2.0f) return;
  const int64_t all = op.tiles_in_all;
  for_rows(parallel, op.columns * op.count, 64, [&](int64_t i) {
    const int64_t column = i / op.count, segment = i % op.count;
    const int64_t* const words = op.segments.data + segment * kSegmentWords;
    const int64_t first = words[0], tiles = tiles_of(words[1]);
    if (!inside(first, tiles, all)) return;
    op.sums.data[i] = fold_column(column, tiles, op.partial.data + column * all + first);
  });
  for (int64_t column = 0; column < op.columns; ++column)
    op.totals.data[column] = fold_column(column, op.count, op.sums.data + column * op.count);
}

static void run(const Settle& op, const cpu::Parallel&) {
  for (int64_t segment = 0; segment < op.count; ++segment) op.factors.data[segment] = settle(op, segment);
}

static void run(const Estimate& op, const cpu::Parallel&) { estimate(op); }

static void run(const Commit& op, const cpu::Parallel&) {
  if (op.prepared.data[0] != 0.0f) return;
  __builtin_memcpy(op.y.data, op.x.data, bytes_of(op.n));
}

static void run(const Snapshot& op, const cpu::Parallel& parallel) {
  const int64_t slot = snapshot_slot(op), halves = op.bytes / 2;
  if (slot < 0) return;
  uint16_t* const kept = op.ring.data + slot * halves;
  const bool save = op.prepared.data[5] > 0.0f;
  uint16_t *const to = save ? kept : op.data.data, *const from = save ? op.data.data : kept;
  for_parts(parallel, halves, 2 * kGrain, [=](int64_t first, int64_t last) {
    __builtin_memcpy(to + first, from + first, 2 * static_cast<size_t>(last - first));
  });
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
