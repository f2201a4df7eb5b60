// The GEMM microkernel: a tile of C that stays in registers while k runs.
#pragma once
#include "cpu/gemm_vector.h"

namespace adastep {
namespace ADASTEP_NUMERICS {
namespace gemm {

// What to bring into the cache while k runs, kTileLines cache lines a step: lines `gap` floats apart, moving
// on by `step`, and every `run` steps by `jump` as well.
struct Ahead {
  const float* line;
  int64_t gap, step, run, jump;
};

// acc[i * ld + j] = fma chain over k of a[i] * b[j], continued from acc or, if `first`, started at +0. A step
// of k is kTileRowsPadded floats in a and b_step floats in b; rows of B are copied to `copy`, if kCopies.
struct Span {
  int64_t k;
  const float *a, *b;
  int64_t b_step;
  float* copy;
  Ahead ahead;
};
using Micro = void(const Span& span, float* acc, int64_t ld, bool first);

template <int kRows, int kVectors, bool kCopies>
static void micro(const Span& span, float* acc, int64_t ld, bool first) {
  Vec sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[i][v] = first ? Vec{} : load(acc + i * ld + v * kWidth);
  }
  const float *a = span.a, *b = span.b;
  float* copy = span.copy;
  const float* line = span.ahead.line;
  int64_t run = span.ahead.run;
  for (int64_t k = span.k; k > 0; --k, a += kTileRowsPadded, b += span.b_step) {
#pragma GCC unroll 4
    for (int l = 0; l < kTileLines; ++l) __builtin_prefetch(line + l * span.ahead.gap);
    line += span.ahead.step;
    if (--run == 0) run = span.ahead.run, line += span.ahead.jump;
    Vec row[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      row[v] = load(b + v * kWidth);
      if (kCopies) store(copy + v * kWidth, row[v]);
    }
    if (kCopies) copy += kTileCols;
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const Vec x = broadcast(a[i]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[i][v] = fused(x, row[v], sum[i][v]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) store(acc + i * ld + v * kWidth, sum[i][v]);
  }
}

// The instance for a tile of `rows` in 1 .. kTileRows and `vectors` in 1 .. kTileVectors. Copies are made by
// the first of several row panels only, which is more than half as high as it can be.
template <int kRows = kTileRows, int kVectors = kTileVectors>
static Micro* micro_for(int rows, int vectors, bool copies) {
  if constexpr (kVectors > 1) {
    if (vectors < kVectors) return micro_for<kRows, kVectors - 1>(rows, vectors, copies);
  }
  if constexpr (kRows > 1) {
    if (rows < kRows) return micro_for<kRows - 1, kVectors>(rows, vectors, copies);
  }
  if constexpr (2 * kRows > kTileRows) {
    if (copies) return micro<kRows, kVectors, true>;
  }
  return micro<kRows, kVectors, false>;
}

}  // namespace gemm
}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
