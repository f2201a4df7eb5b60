// Products of few rows: every element of B is used so seldom that packing it would cost more than it saves.
#pragma once
#include "cpu/gemm_pack.h"

namespace adastep {
namespace ADASTEP_NUMERICS {
namespace gemm {

constexpr int kFewRows = 4;

// acc[i * ld + j] continues the chains of kRows rows and `cols` columns from j0 over kSteps steps from k0.
// Rows of B stream through.
template <class Rounding, int kRows, int kSteps>
static inline void add_steps(const Operand& a, const Operand& b, int64_t k0, int64_t j0, int64_t cols,
                             float* acc, int64_t ld) {
  float x[kRows][kSteps];
  for (int i = 0; i < kRows; ++i) {
    for (int s = 0; s < kSteps; ++s) x[i][s] = Rounding::of(a.at(k0 + s, i));
  }
  const float* row = b.data + k0 * b.stride + j0;
  int64_t j = 0;
  for (; j + kWidth <= cols; j += kWidth) {
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) {
      Vec sum = load(acc + i * ld + j);
#pragma GCC unroll 4
      for (int s = 0; s < kSteps; ++s) {
        sum = fused(broadcast(x[i][s]), Rounding::of(load(row + s * b.stride + j)), sum);
      }
      store(acc + i * ld + j, sum);
    }
  }
  const int rest = static_cast<int>(cols - j);
  if (rest == 0) return;
  for (int i = 0; i < kRows; ++i) {
    Vec sum = load(acc + i * ld + j);
    for (int s = 0; s < kSteps; ++s) {
      sum = fused(broadcast(x[i][s]), Rounding::of(load_part(row + s * b.stride + j, rest)), sum);
    }
    store(acc + i * ld + j, sum);
  }
}

template <class Rounding, int kRows>
static void stream_rows(const Operand& a, const Operand& b, int64_t k, int64_t j0, int64_t cols, float* acc,
                        int64_t ld) {
  for (int i = 0; i < kRows; ++i) {
    for (int64_t j = 0; j < cols; j += kWidth) store(acc + i * ld + j, Vec{});
  }
  int64_t k0 = 0;
  for (; k0 + 4 <= k; k0 += 4) add_steps<Rounding, kRows, 4>(a, b, k0, j0, cols, acc, ld);
  for (; k0 < k; ++k0) add_steps<Rounding, kRows, 1>(a, b, k0, j0, cols, acc, ld);
}

// Continues the chains by one step of k: a column of A and kWidth columns of B.
template <class Rounding, int kRows>
ADASTEP_HD void add_step(const Operand& a, int64_t k, Vec row, Vec (&sum)[kRows]) {
  const Vec rounded = Rounding::of(row);
  for (int i = 0; i < kRows; ++i) sum[i] = fused(broadcast(Rounding::of(a.at(k, i))), rounded, sum[i]);
}

// The same where B lies along k: kWidth columns at a time, turned in registers.
template <class Rounding, int kRows>
static void turn_columns(const Operand& a, const Operand& b, int64_t k, int64_t j0, int64_t cols, float* acc,
                         int64_t ld) {
  for (int64_t j = 0; j < cols; j += kWidth) {
    const Columns columns(b, 0, j0 + j);
    Vec sum[kRows] = {};
    for (int64_t k0 = 0; k0 < k; k0 += kWidth) {
      Vec square[kWidth];
      columns.load_square(k0, k, square);
      const int steps = static_cast<int>(k - k0 < kWidth ? k - k0 : kWidth);
      if (steps == kWidth) {
#pragma GCC unroll 16
        for (int s = 0; s < kWidth; ++s) add_step<Rounding, kRows>(a, k0 + s, square[s], sum);
      } else {
        for (int s = 0; s < steps; ++s) add_step<Rounding, kRows>(a, k0 + s, square[s], sum);
      }
    }
    for (int i = 0; i < kRows; ++i) store(acc + i * ld + j, sum[i]);
  }
}

template <class Rounding, int kRows = kFewRows>
static void few_rows_of(const Operand& a, const Operand& b, int64_t k, int64_t j0, int64_t cols, float* acc,
                        int64_t ld) {
  if constexpr (kRows > 1) {
    if (a.size < kRows) return few_rows_of<Rounding, kRows - 1>(a, b, k, j0, cols, acc, ld);
  }
  (b.along_k ? turn_columns<Rounding, kRows> : stream_rows<Rounding, kRows>)(a, b, k, j0, cols, acc, ld);
}

// acc[i * ld + j] for all rows of A and `cols` columns of B from j0; whole vectors are written.
static inline void few_rows(const Operand& a, const Operand& b, int64_t k, int64_t j0, int64_t cols,
                            float* acc, int64_t ld) {
  const bool rounds = b.precision == Precision::kBF16;
  (rounds ? few_rows_of<ToBF16> : few_rows_of<AsTheyAre>)(a, b, k, j0, cols, acc, ld);
}

}  // namespace gemm
}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
