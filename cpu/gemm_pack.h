// Packing: the part of an operand that a microkernel reads, laid out in the order in which it reads it.
#pragma once
#include "core/ops/gemm.h"
#include "cpu/gemm_vector.h"

namespace adastep {
namespace ADASTEP_NUMERICS {
namespace gemm {

// op(A) by rows or op(B) by columns: at each step of k, `size` elements. They are neighbours in memory, or,
// if along_k, an element and its successor in k are.
struct Operand {
  const float* data;
  int64_t stride;
  int64_t size;
  bool along_k;
  Precision precision;

  float at(int64_t k, int64_t i) const { return along_k ? data[i * stride + k] : data[k * stride + i]; }
};

// kWidth elements from i0 of an operand along k; past its size, the last one again.
struct Columns {
  const float* from[kWidth];

  Columns(const Operand& x, int64_t k0, int64_t i0) {
    for (int i = 0; i < kWidth; ++i) {
      const int64_t index = i0 + i < x.size ? i0 + i : x.size - 1;
      from[i] = x.data + index * x.stride + k0;
    }
  }
  // square[s] holds their values of step k + s, for k + s < depth.
  ADASTEP_HD void load_square(int64_t k, int64_t depth, Vec (&square)[kWidth]) const {
    if (depth - k >= kWidth) {
#pragma GCC unroll 16
      for (int i = 0; i < kWidth; ++i) square[i] = load(from[i] + k);
    } else {
      for (int i = 0; i < kWidth; ++i) square[i] = load_part(from[i] + k, static_cast<int>(depth - k));
    }
    transpose(square);
  }
};

static void pack_columns(const Operand& x, int64_t k0, int64_t depth, int64_t i0, int count, float* panel,
                         int step) {
  for (int v = 0; v < count; v += kWidth) {
    const Columns columns(x, k0, i0 + v);
    for (int64_t k = 0; k < depth; k += kWidth) {
      Vec square[kWidth];
      columns.load_square(k, depth, square);
      if (depth - k >= kWidth) {
#pragma GCC unroll 16
        for (int s = 0; s < kWidth; ++s) store(panel + (k + s) * step + v, square[s]);
      } else {
        for (int s = 0; s < depth - k; ++s) store(panel + (k + s) * step + v, square[s]);
      }
    }
  }
}

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

static void round_panel(int64_t depth, int count, float* panel, int step) {
  for (int64_t k = 0; k < depth; ++k) {
    for (int v = 0; v < count; v += kWidth) {
      float* p = panel + k * step + v;
      store(p, ToBF16::of(load(p)));
    }
  }
}

// panel[k * step + i] = element i0 + i of step k0 + k, for k < depth and i < count; lanes past `count`, up to
// whole vectors, hold anything.
static inline void pack(const Operand& x, int64_t k0, int64_t depth, int64_t i0, int count, float* panel,
                        int step) {
  (x.along_k ? pack_columns : pack_rows)(x, k0, depth, i0, count, panel, step);
  if (x.precision == Precision::kBF16) round_panel(depth, count, panel, step);
}

}  // namespace gemm
}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
