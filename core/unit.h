// One unit of a layer and the limit on its gradient, shared by both backends bit for bit.
#pragma once
#include "core/convert.h"
#include "core/ops/clip.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

// `n` elements that start at these places. n is 0 if the table says what cannot be.
struct Unit {
  int64_t p, g, n;
};

// The first of `rows` rows of `cols` elements from `start` on lies inside, and so do the others.
ADASTEP_HD bool rows_fit(const Units& units, int64_t start, int64_t size) {
  return start >= 0 && start <= size && units.rows <= (size - start) / units.cols;
}

template <class Read>
ADASTEP_HD Unit unit_of(const AdaptiveClip& op, int64_t row, const Read& read) {
  const Unit none = {0, 0, 0};
  if (op.count == 0) return none;
  int64_t low = 0, high = op.count;  // the last that starts at or before the row
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    if (op.units.data[middle * kUnitsWords] <= row)
      low = middle;
    else
      high = middle;
  }
  Units units;
  read(units, op.units.data + low * kUnitsWords);
  const int64_t index = units.first_row < 0 ? -1 : row - units.first_row;
  const bool sound = index >= 0 && index < units.rows && units.cols > 0 && units.cols <= op.longest &&
                     rows_fit(units, units.p, op.p_size) && rows_fit(units, units.g, op.g_size);
  if (!sound) return none;
  return {units.p + index * units.cols, units.g + index * units.cols, units.cols};
}

// The factor on the gradient of a unit with these sums of squares.
ADASTEP_HD float unit_factor(const AdaptiveClip& op, float p_squares, float g_squares) {
  const float norm = sqrt_(g_squares);
  const float most = op.limit * max_(sqrt_(p_squares), op.eps);
  return norm > most && norm < __builtin_inff() ? most / norm : 1.0f;
}

// Elements of both types as f32.
struct F32Elements {
  ADASTEP_HD static float load(const Raw* data, int64_t at) {
    return reinterpret_cast<const float*>(data)[at];
  }
  ADASTEP_HD static void store(Raw* data, int64_t at, float x) { reinterpret_cast<float*>(data)[at] = x; }
};
struct BF16Elements {
  ADASTEP_HD static float load(const Raw* data, int64_t at) {
    return from_bf16(reinterpret_cast<const uint16_t*>(data)[at]);
  }
  ADASTEP_HD static void store(Raw* data, int64_t at, float x) {
    reinterpret_cast<uint16_t*>(data)[at] = to_bf16(x);
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
