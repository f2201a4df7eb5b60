// The table of segments: where the parameters of an optimizer lie, for kernels that go over all of them at
// once.
#pragma once
#include <stdint.h>

namespace adastep {

// One parameter. Places are elements from the start of the spans of an operation; they come from a buffer, so
// whoever reads them checks them against the spans.
struct Segment {
  int64_t first_tile, length;  // its tiles: ceil(length / kTile) from first_tile on
  int64_t p, g, state;         // where its values, gradients and states start
  int64_t group;               // which row of the step's scalars is its own
};
constexpr int kSegmentWords = sizeof(Segment) / sizeof(int64_t);

// Elements that are updated together: by a warp on a GPU, by one call of a loop on a CPU. A partial sum of
// what is watched is over one tile.
constexpr int64_t kTile = 1024;
// Elements that share a scale where states are kept in 8 bits.
constexpr int64_t kScaleBlock = 128;

// What is summed over a tile, a segment and over all, in this order; the last is a maximum.
enum class Sum : int32_t {
  kGradient,   // g^2, g without the loss scale and before clipping
  kNonFinite,  // how many g are infinite or NaN
  kParameter,  // p^2, before the update
  kUpdate,     // (new p - p)^2
  kAgree,      // how many g point where the last update came from: sign(g) = sign(direction state)
  kDirected,   // how many of both are not zero
  kStaleness,  // g^2 / v, v the new second moment, where it is not zero
  kRuleFirst,  // what the rule measures (Prodigy)
  kRuleSecond,
  kLargest,  // max |new p - p|
};
constexpr int kSums = 10;
constexpr int kGradientSums = 2;  // the first two: all that a pass over gradients alone knows

}  // namespace adastep
