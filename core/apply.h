// One tile and one element of an update, shared by both backends bit for bit.
#pragma once
#include "core/advance.h"
#include "core/packed.h"
#include "core/philox.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

// A part of a segment: `n` elements, at most kTile, that start at these places. n is 0 if the table says what
// cannot be.
struct Tile {
  int64_t segment, group, p, g, state;
  int64_t row;  // of `partial`
  int n;
};

// The segment that holds a tile: the last that starts at or before it (one without elements has no tiles).
ADASTEP_HD int64_t segment_of(const int64_t* table, int64_t count, int64_t tile) {
  int64_t low = 0, high = count;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    if (table[middle * kSegmentWords] <= tile)
      low = middle;
    else
      high = middle;
  }
  return low;
}

// Tiles of a segment of any length, even one that cannot be.
ADASTEP_HD int64_t tiles_of(int64_t length) { return length > 0 ? (length - 1) / kTile + 1 : 0; }

ADASTEP_HD bool inside(int64_t start, int64_t length, int64_t size) {
  return start >= 0 && length >= 0 && length <= size && start <= size - length;
}

// Tile `index` of those that start at `first_tile`, out of `count` segments, if its segment is one that
// `fits`.
template <class Read, class Fits>
ADASTEP_HD Tile tile_of(const int64_t* table, int64_t count, int64_t first_tile, int64_t index,
                        const Read& read, const Fits& fits) {
  Tile tile = {0, 0, 0, 0, 0, first_tile + index, 0};
  if (count == 0) return tile;
  tile.segment = segment_of(table, count, tile.row);
  Segment segment;
  read(segment, table + tile.segment * kSegmentWords);
  const int64_t before = segment.first_tile < 0 ? -1 : tile.row - segment.first_tile;
  if (before < 0 || before >= tiles_of(segment.length) || !fits(segment)) return tile;
  const int64_t first = before * kTile, left = segment.length - first;
  tile.n = static_cast<int>(left < kTile ? left : kTile);
  tile.group = segment.group;
  tile.p = segment.p + first;
  tile.g = segment.g + first;
  tile.state = segment.state + first;
  return tile;
}
template <class Read>
ADASTEP_HD Tile tile_of(const Update& op, int64_t index, const Read& read) {
  return tile_of(op.segments.data, op.count, op.first_tile, index, read, [&op](const Segment& segment) {
    const int64_t length = segment.length;
    return inside(segment.p, length, op.p_size) && inside(segment.g, length, op.g_size) &&
           inside(segment.state, length, op.state_size) && inside(segment.group, 1, op.groups);
  });
}
template <class Read>
ADASTEP_HD Tile tile_of(const GradientSums& op, int64_t index, const Read& read) {
  return tile_of(op.segments.data, op.count, op.first_tile, index, read,
                 [&op](const Segment& segment) { return inside(segment.g, segment.length, op.g_size); });
}

// What a rule applies to the elements of a tile.
template <class Rule>
struct Prepared {
  float unscale, clip_value, factor, scale;
  typename Rule::template Step<float> step;

  template <class Read>
  ADASTEP_HD Prepared(const Update& op, const Control& control, const Tile& tile, const Read& read)
      : unscale(control.unscale), clip_value(control.clip_value) {
    struct Row {
      float head[kRowHead];
      typename Rule::template Step<float> step;
    } row;
    read(row,
         op.prepared.data + kControlWords + tile.group * static_cast<int64_t>(sizeof row / sizeof(float)));
    const int64_t segment = op.first_segment + tile.segment;
    factor = op.factors.data ? row.head[0] * op.factors.data[segment] : row.head[0];
    scale = op.scales.data ? op.scales.data[segment] : 1.0f;
    step = row.step;
    if constexpr (is_trusted<Rule>(0)) {
      if (op.measure) step.lr = 1.0f;  // what is measured is the direction, whose length decides on lr
    }
  }

  // The gradient as it is watched.
  ADASTEP_HD float gradient(float g) const { return g * unscale; }

  // The gradient as it is applied, from one as it is watched.
  ADASTEP_HD float cut(float g) const {
    const float scaled = g * factor;
    return scaled > clip_value ? clip_value : (scaled < -clip_value ? -clip_value : scaled);
  }

  // The new parameter, from a gradient as it is watched; `state` has Rule::kStates elements.
  ADASTEP_HD float apply(float p, float g, float* state) const {
    const float next = Rule::apply(step, p, cut(g), state);
    return scale == 1.0f ? next : fma_(scale, next - p, p);
  }
};

// What is watched of one element, before and after its update.
struct Seen {
  float terms[kSums];
};
// Of these, what is known of a gradient alone.
ADASTEP_HD Seen watch_gradient(float g) {
  Seen seen = {};
  seen.terms[0] = g * g;
  seen.terms[1] = g - g == 0.0f ? 0.0f : 1.0f;
  return seen;
}
template <class Rule>
ADASTEP_HD Seen watch(float before, float after, float g, float direction, float second) {
  const float delta = after - before;
  const bool directed = direction != 0.0f && g != 0.0f;
  const bool agrees = directed && (direction > 0.0f) == (g > 0.0f);
  Seen seen = watch_gradient(g);
  seen.terms[2] = before * before;
  seen.terms[3] = delta * delta;
  seen.terms[4] = Rule::kDirection >= 0 && agrees ? 1.0f : 0.0f;
  seen.terms[5] = Rule::kDirection >= 0 && directed ? 1.0f : 0.0f;
  seen.terms[6] = Rule::kSecond >= 0 && second > 0.0f ? g * g / second : 0.0f;
  seen.terms[9] = abs_(delta);
  return seen;
}

// What the rule measures of one element: `state` is from after the update.
template <class Rule>
ADASTEP_HD void measure(const Prepared<Rule>& rule, float before, float g, const float* state, Seen& seen) {
  if constexpr (measures<Rule>(0)) {
    const Measured<float> measured = Rule::measure(rule.step, before, rule.cut(g), state);
    seen.terms[7] = measured.first;
    seen.terms[8] = measured.second;
  }
}

// Sums go by quads of a tile: (t0 + t2) + (t1 + t3), then lane q % 32 adds its quads in order, then the lanes
// are folded in halves. A warp that loads 16 bytes per lane has them so.
ADASTEP_HD float fold_quad(const float* t, bool largest) {
  return largest ? max_(max_(t[0], t[2]), max_(t[1], t[3])) : (t[0] + t[2]) + (t[1] + t[3]);
}

// What stochastic rounding draws for four elements. `place` is that of the first among the states, a multiple
// of 4 within its segment.
constexpr uint32_t kDrawStates = 0, kDrawParameters = 1;
ADASTEP_HD Philox draw(const Update& op, const Control& control, uint32_t stream, int64_t place) {
  return philox(static_cast<uint64_t>(op.seed), static_cast<uint64_t>(place), stream, control.attempt);
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
