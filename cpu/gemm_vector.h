// The vector of this instruction-set level and the tile of the GEMM microkernel that fits its registers.
// C headers only (see DESIGN section 6, CPU code per level).
#pragma once
#include <stdint.h>
#if defined(__FMA__) || defined(__AVX512F__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#include "core/convert.h"

namespace adastep {
namespace ADASTEP_NUMERICS {
namespace gemm {

// kWidth floats in a vector. The tile of C in registers is kTileRows x (kTileVectors * kWidth): accumulators,
// one row of B and one broadcast element of A fill the register file (32, 16, 32 and 16 registers).
#if defined(__AVX512F__)
constexpr int kWidth = 16, kTileRows = 14, kTileVectors = 2;
#elif defined(__FMA__)
constexpr int kWidth = 8, kTileRows = 6, kTileVectors = 2;
#elif defined(__ARM_NEON)
constexpr int kWidth = 4, kTileRows = 7, kTileVectors = 3;
#else
constexpr int kWidth = 4, kTileRows = 4, kTileVectors = 2;
#endif
constexpr int kTileCols = kTileVectors * kWidth;
constexpr int kLine = 16;  // floats in a cache line
constexpr int kTileLines = (kTileCols + kLine - 1) / kLine;
// Floats between two steps of k in a packed panel of A.
constexpr int kTileRowsPadded = (kTileRows + kWidth - 1) / kWidth * kWidth;

typedef float Vec __attribute__((vector_size(4 * kWidth), may_alias));
typedef float VecAnywhere __attribute__((vector_size(4 * kWidth), aligned(4), may_alias));

ADASTEP_HD Vec load(const float* p) { return *reinterpret_cast<const VecAnywhere*>(p); }
ADASTEP_HD void store(float* p, Vec v) { *reinterpret_cast<VecAnywhere*>(p) = v; }
ADASTEP_HD Vec broadcast(float x) { return x - Vec{}; }  // x - (+0) is x, also for x = -0

// a * b + c, rounded once; twice on the baseline level, which therefore is not bit-equal to the others.
ADASTEP_HD Vec fused(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
  return reinterpret_cast<Vec>(_mm512_fmadd_ps(a, b, c));
#elif defined(__FMA__)
  return reinterpret_cast<Vec>(_mm256_fmadd_ps(a, b, c));
#elif defined(__ARM_NEON)
  return vfmaq_f32(c, a, b);
#else
  return a * b + c;
#endif
}

typedef int32_t Lanes __attribute__((vector_size(4 * kWidth)));
typedef uint32_t Bits __attribute__((vector_size(4 * kWidth)));

// How elements of an operand are rounded where they are read.
struct AsTheyAre {
  ADASTEP_HD static float of(float x) { return x; }
  ADASTEP_HD static Vec of(Vec x) { return x; }
};
struct ToBF16 {
  ADASTEP_HD static float of(float x) { return from_bf16(to_bf16(x)); }
  // to_bf16 on every lane.
  ADASTEP_HD static Vec of(Vec x) {
    const Bits bits = reinterpret_cast<Bits>(x), is_nan = reinterpret_cast<Bits>(x != x);
    const Bits rounded = bits + 0x7fff + ((bits >> 16) & 1), quiet = bits | 0x400000;
    return reinterpret_cast<Vec>(((rounded & ~is_nan) | (quiet & is_nan)) & 0xffff0000u);
  }
};

#if defined(__FMA__) && !defined(__AVX512F__)
ADASTEP_HD __m256i first_lanes(int count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
#endif

// The first `count` <= kWidth floats at p, zeros after them; memory behind them is not touched.
ADASTEP_HD Vec load_part(const float* p, int count) {
  if (count == kWidth) return load(p);
#if defined(__AVX512F__)
  return reinterpret_cast<Vec>(_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p));
#elif defined(__FMA__)
  return reinterpret_cast<Vec>(_mm256_maskload_ps(p, first_lanes(count)));
#else
  float lanes[kWidth] = {};
  for (int i = 0; i < count; ++i) lanes[i] = p[i];
  return load(lanes);
#endif
}
ADASTEP_HD void store_part(float* p, Vec v, int count) {
  if (count == kWidth) return store(p, v);
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), v);
#elif defined(__FMA__)
  _mm256_maskstore_ps(p, first_lanes(count), v);
#else
  float lanes[kWidth];
  store(lanes, v);
  for (int i = 0; i < count; ++i) p[i] = lanes[i];
#endif
}

// Exchanges the off-diagonal kHalf x kHalf blocks of the 2x2 blocks that rows i and i + kHalf hold.
template <int kHalf>
ADASTEP_HD void exchange_blocks(Vec& upper, Vec& lower) {
  const Vec a = upper, b = lower;
#if defined(__clang__)  // which makes shuffles of this by itself
#pragma clang loop unroll(full)
  for (int i = 0; i < kWidth; ++i) {
    upper[i] = i & kHalf ? b[i & ~kHalf] : a[i];
    lower[i] = i & kHalf ? b[i] : a[i | kHalf];
  }
#else
  Lanes first, second;
  for (int i = 0; i < kWidth; ++i) {
    first[i] = i & kHalf ? kWidth + i - kHalf : i;
    second[i] = i & kHalf ? kWidth + i : i + kHalf;
  }
  upper = __builtin_shuffle(a, b, first);
  lower = __builtin_shuffle(a, b, second);
#endif
}

// rows[i] lane j <-> rows[j] lane i, by halves: log2(kWidth) rounds of kWidth shuffles.
template <int kHalf = kWidth / 2>
ADASTEP_HD void transpose(Vec (&rows)[kWidth]) {
#pragma GCC unroll 16
  for (int i = 0; i < kWidth; ++i) {
    if (!(i & kHalf)) exchange_blocks<kHalf>(rows[i], rows[i + kHalf]);
  }
  if constexpr (kHalf > 1) transpose<kHalf / 2>(rows);
}

}  // namespace gemm
}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
