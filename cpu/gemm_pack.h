// Packing: the part of an operand that a microkernel reads, laid out in the order in which it reads it.
#pragma once
#include "cpu/gemm_vector.h"

namespace adastep {
namespace ADASTEP_NUMERICS {
namespace gemm {

// An operand of k steps of `size` elements: a row or column of A or B at a time. Element i of step k is
// data[i * stride + k] if along_k, else data[k * stride + i].
struct Operand {
  const float* data;
  int64_t stride;
  int64_t size;
  bool along_k;
};

// Steps lie apart by `stride`: copies vectors. Lanes beyond `count` hold anything.
static void pack_rows(const Operand& x, int64_t k0, int64_t depth, int64_t i0, int count, float* panel,
                      int step) {
  for (int v = 0; v < count; v += kWidth) {
    const float* from = x.data + k0 * x.stride + i0 + v;
    float* to = panel + v;
    const int64_t left = x.size - i0 - v;
    if (left >= kWidth) {
      for (int64_t k = 0; k < depth; ++k) store(to + k * step, load(from + k * x.stride));
    } else {
      for (int64_t k = 0; k < depth; ++k) {
        store(to + k * step, load_part(from + k * x.stride, static_cast<int>(left)));
      }
    }
  }
}

// Steps are neighbours in memory: transposes squares of kWidth.
static void pack_columns(const Operand& x, int64_t k0, int64_t depth, int64_t i0, int count, float* panel,
                         int step) {
  for (int v = 0; v < count; v += kWidth) {
    const float* from[kWidth];
    for (int i = 0; i < kWidth; ++i) {
      const int64_t index = i0 + v + i < x.size ? i0 + v + i : x.size - 1;
      from[i] = x.data + index * x.stride + k0;
    }
    Vec square[kWidth];
    int64_t k = 0;
    for (; k + kWidth <= depth; k += kWidth) {
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i) square[i] = load(from[i] + k);
      transpose(square);
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i) store(panel + (k + i) * step + v, square[i]);
    }
    const int rest = static_cast<int>(depth - k);
    if (rest == 0) continue;
    for (int i = 0; i < kWidth; ++i) square[i] = load_part(from[i] + k, rest);
    transpose(square);
    for (int i = 0; i < rest; ++i) store(panel + (k + i) * step + v, square[i]);
  }
}

// panel[k * step + i] = element i0 + i of step k0 + k, for k < depth and i < count <= step.
static inline void pack(const Operand& x, int64_t k0, int64_t depth, int64_t i0, int count, float* panel,
                        int step) {
  (x.along_k ? pack_columns : pack_rows)(x, k0, depth, i0, count, panel, step);
}

}  // namespace gemm
}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
