// Which windows a pixel is in, for both backends.
#pragma once
#include "core/numerics.h"
#include "core/ops/window.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

struct Range {
  int64_t first, last;  // exclusive
};

// The windows of size `kernel` along one axis, `out` in all, that hold position `at`.
ADASTEP_HD Range windows_at(int64_t at, int64_t kernel, int64_t stride, int64_t pad, int64_t out) {
  const int64_t padded = at + pad;
  const int64_t first = padded < kernel ? 0 : (padded - kernel) / stride + 1, last = padded / stride + 1;
  return {first, last < out ? last : out};
}

// The part of a window that begins at `start` which lies within [0, size).
ADASTEP_HD Range inside_window(int64_t start, int64_t kernel, int64_t size) {
  const int64_t room = size - start;
  return {start < 0 ? -start : 0, room < kernel ? room : kernel};
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
