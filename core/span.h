// Typed views into device memory, and the arithmetic of their extents. Plain C, for CPU levels and CUDA
// kernels.
#pragma once
#include <stdint.h>

namespace adastep {

// How an operation touches memory is part of its type: the decoder checks it, the planner derives lifetimes
// from it.
template <class T>
struct In {
  const T* data;
};
template <class T>
struct Out {
  T* data;
};
template <class T>
struct InOut {
  T* data;
};

// An input that may be the very memory of an output (same start, same length): the operation reads an element
// before it writes that element. All other overlaps of an output are refused.
enum class Aliasing { kNever, kInPlace };

// Memory whose element size is given by the operation's dtype or byte count.
struct Raw {};

constexpr int64_t kHuge =
    INT64_MAX;  // the saturated extent: no buffer is that large, so a check against it fails

// a * b for a, b >= 0, saturated.
inline int64_t extent(int64_t a, int64_t b) {
  int64_t product;
  return __builtin_mul_overflow(a, b, &product) ? kHuge : product;
}
inline int64_t extent(int64_t a, int64_t b, int64_t c) { return extent(extent(a, b), c); }

constexpr int kMaxRank = 6;

// A shape or a list of strides, padded in front with 1 (shapes) or 0 (strides).
struct Dims {
  int64_t d[kMaxRank];
};

inline int64_t element_count(const Dims& shape) {
  int64_t count = 1;
  for (int i = 0; i < kMaxRank; i++) count = extent(count, shape.d[i]);
  return count;
}

// Elements from the first to the last one touched, inclusive: 0 if the shape is empty.
inline int64_t strided_extent(const Dims& shape, const Dims& strides) {
  int64_t last = 0;
  for (int i = 0; i < kMaxRank; i++) {
    if (shape.d[i] == 0) return 0;
    if (__builtin_add_overflow(last, extent(shape.d[i] - 1, strides.d[i]), &last)) return kHuge;
  }
  return last == kHuge ? kHuge : last + 1;
}

// Whether distinct indices are distinct places: taken from the smallest stride up, each dimension steps over
// all before it.
inline bool is_injective(const Dims& shape, const Dims& strides) {
  bool used[kMaxRank] = {};
  int64_t reach = 1;  // elements that the dimensions taken so far span
  for (int taken = 0; taken < kMaxRank; taken++) {
    int next = -1;
    for (int i = 0; i < kMaxRank; i++) {
      if (!used[i] && (next < 0 || strides.d[i] < strides.d[next])) next = i;
    }
    used[next] = true;
    if (shape.d[next] <= 1) continue;
    if (strides.d[next] < reach) return false;
    if (__builtin_add_overflow(reach, extent(shape.d[next] - 1, strides.d[next]), &reach)) return false;
  }
  return true;
}

// Whether index order is memory order without gaps (dimensions of 1 have any stride).
inline bool is_contiguous(const Dims& shape, const Dims& strides) {
  int64_t expected = 1;
  for (int i = kMaxRank - 1; i >= 0; i--) {
    if (shape.d[i] != 1 && strides.d[i] != expected) return false;
    expected = extent(expected, shape.d[i]);
  }
  return true;
}

}  // namespace adastep
