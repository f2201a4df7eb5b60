// What the kernels of SortRows and their launches must agree on. Plain C++.
#pragma once
#include <stdint.h>

namespace adastep {

constexpr int kSortTile = 2048;  // keys of a block at a time
constexpr int kSortBits = 8;
constexpr int kSortDigits = 1 << kSortBits;

// One digit: keys, each with a position (without any, its own place), to where they are in order.
struct SortPass {
  const uint32_t* keys;
  const int32_t* positions;
  uint32_t* keys_out;
  int32_t* positions_out;
  int32_t *counts, *totals;  // [tiles, digits], [digits]
  int64_t rows, tiles;
  int32_t shift;
};

}  // namespace adastep
