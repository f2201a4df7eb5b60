// Scalar mathematics shared by every CPU level and by CUDA, bit for bit: only +, *, fma, correctly rounded
// division and square root, and our own polynomials (scripts/fit-numerics.py). Compiled with contraction off
// on both sides.
//
// Each CPU level compiles this header into a namespace of its own (ADASTEP_NUMERICS): an inline function that
// the compiler emitted with AVX-512 must never be merged with the baseline's.
#pragma once
#include <stdint.h>

#ifdef __CUDACC__
#define ADASTEP_HD __host__ __device__ __forceinline__
#else
#define ADASTEP_HD inline __attribute__((always_inline))
#endif

#ifndef ADASTEP_NUMERICS
#define ADASTEP_NUMERICS numerics
#endif

namespace adastep {
namespace ADASTEP_NUMERICS {

ADASTEP_HD float fma_(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
ADASTEP_HD float sqrt_(float x) { return __builtin_sqrtf(x); }  // correctly rounded: sqrtps, sqrt.rn
ADASTEP_HD float abs_(float x) { return __builtin_fabsf(x); }
ADASTEP_HD double sqrt_(double x) { return __builtin_sqrt(x); }

ADASTEP_HD uint32_t bits_of(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, 4);
  return bits;
}
ADASTEP_HD float float_of(uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, 4);
  return x;
}

// NaN if either is NaN, as PyTorch; branch-free so that loops vectorise.
ADASTEP_HD float max_(float a, float b) { return a > b || a != a ? a : b; }
ADASTEP_HD float min_(float a, float b) { return a < b || a != a ? a : b; }

// x, or for NaN what is smaller than all numbers.
ADASTEP_HD float number_(float x) { return x == x ? x : -float_of(0x7f800000u); }

// e^x, within 1.1 ulp. x = n ln2 + r with |r| <= ln2 / 2; e^r by polynomial; 2^n in two factors, so that
// results round once into the denormals.
ADASTEP_HD float exp_(float x) {
  const float kMagic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low mantissa bits
  const float t = x < -104.0f ? -104.0f : (x > 89.0f ? 89.0f : x);
  const float shifted = fma_(t, 1.44269504f, kMagic);
  const float n = shifted - kMagic;
  const float r = fma_(n, -1.42860677e-6f, fma_(n, -0.693145752f, t));
  float p = 0.0013941084f;
  p = fma_(p, r, 0.00836317521f);
  p = fma_(p, r, 0.0416663773f);
  p = fma_(p, r, 0.166665763f);
  p = fma_(p, r, 0.5f);
  p = fma_(p, r * r, r) + 1.0f;
  const int32_t k = static_cast<int32_t>(bits_of(shifted)) - static_cast<int32_t>(bits_of(kMagic));
  const int32_t half = k >> 1;
  const float low = float_of(static_cast<uint32_t>(half + 127) << 23);
  const float high = float_of(static_cast<uint32_t>(k - half + 127) << 23);
  return x != x ? x : p * low * high;
}

// log(x), within 1 ulp; log(0) = -inf, log(x < 0) = NaN. x = 2^e m with m in [sqrt(1/2), sqrt(2)).
ADASTEP_HD float log_(float x) {
  const bool tiny = x < 1.17549435e-38f;
  const float scaled = tiny ? x * 8388608.0f : x;
  const uint32_t bits = bits_of(scaled);
  const uint32_t offset = bits - 0x3f3504f3u;  // bits of sqrt(1/2)
  const int32_t e = static_cast<int32_t>(offset) >> 23;
  const float m = float_of(bits - (static_cast<uint32_t>(e) << 23));
  const float n = static_cast<float>(e) - (tiny ? 23.0f : 0.0f);
  const float f = m - 1.0f;
  float p = 0.0733179599f;
  p = fma_(p, f, -0.116595946f);
  p = fma_(p, f, 0.116347797f);
  p = fma_(p, f, -0.123967551f);
  p = fma_(p, f, 0.142511502f);
  p = fma_(p, f, -0.166691482f);
  p = fma_(p, f, 0.200006887f);
  p = fma_(p, f, -0.249999806f);
  p = fma_(p, f, 0.333333313f);
  const float square = f * f;
  float r = fma_(square * f, p, n * 1.42860677e-6f);
  r = fma_(square, -0.5f, r) + f;
  r = fma_(n, 0.693145752f, r);
  const float infinity = float_of(0x7f800000u);
  if (x == infinity) r = x;
  if (x == 0.0f) r = -infinity;
  return x < 0.0f || x != x ? float_of(0x7fc00000u) : r;
}

ADASTEP_HD float sigmoid_(float x) { return 1.0f / (1.0f + exp_(-x)); }
ADASTEP_HD float silu_(float x) { return x * sigmoid_(x); }
ADASTEP_HD float silu_slope(float x) {
  const float s = sigmoid_(x);
  return s * fma_(x, 1.0f - s, 1.0f);
}

ADASTEP_HD float tanh_(float x) {
  const float a = abs_(x);
  const float s = x * x;
  float p = -0.00606220728f;
  p = fma_(p, s, 0.0209749956f);
  p = fma_(p, s, -0.0538466908f);
  p = fma_(p, s, 0.133327469f);
  p = fma_(p, s, -0.333333284f);
  const float small = fma_(p * s, x, x);
  const float large = 1.0f - 2.0f / (exp_(2.0f * a) + 1.0f);
  return a < 0.6f ? small : (x < 0.0f ? -large : large);
}

// The error function: x * (1 + P(x^2)) near 0, else 1 - exp(-t Q(t)).
ADASTEP_HD float erf_(float x) {
  const float t = abs_(x) > 4.0f ? 4.0f : abs_(x);
  const float s = t * t;
  float p = 8.31011785e-05f;
  p = fma_(p, s, -0.000812905666f);
  p = fma_(p, s, 0.00519989058f);
  p = fma_(p, s, -0.0268589705f);
  p = fma_(p, s, 0.112836882f);
  p = fma_(p, s, -0.376126319f);
  p = fma_(p, s, 0.128379166f);
  const float small = fma_(p, x, x);
  float q = -3.18247089e-07f;
  q = fma_(q, t, 5.2985215e-06f);
  q = fma_(q, t, -1.94404565e-05f);
  q = fma_(q, t, -0.000245629839f);
  q = fma_(q, t, 0.00358359469f);
  q = fma_(q, t, -0.0238745287f);
  q = fma_(q, t, 0.106519163f);
  q = fma_(q, t, 0.634922981f);
  q = fma_(q, t, 1.12871432f);
  const float large = 1.0f - exp_(-t * q);
  const float r = abs_(x) < 0.93f ? small : (x < 0.0f ? -large : large);
  return x != x ? x : r;
}

// GELU as Hendrycks & Gimpel 2016, exact: x * Phi(x).
ADASTEP_HD float gelu_(float x) { return 0.5f * x * (1.0f + erf_(x * 0.707106781f)); }
ADASTEP_HD float gelu_slope(float x) {  // Phi(x) + x phi(x)
  const float cdf = 0.5f * (1.0f + erf_(x * 0.707106781f));
  return fma_(x * 0.398942280f, exp_(-0.5f * x * x), cdf);
}

ADASTEP_HD float relu_(float x) { return x > 0.0f || x != x ? x : 0.0f; }

// Binary cross-entropy of logit x for target z: max(x, 0) - x z + log(1 + exp(-|x|)).
ADASTEP_HD float bce_logits(float x, float z) { return fma_(-x, z, relu_(x)) + log_(1.0f + exp_(-abs_(x))); }

// sin and cos of 2 pi u for u in [0, 1): the nearest eighth of a turn by symmetry, the rest by polynomial.
ADASTEP_HD void sincos_turn(float u, float& sine, float& cosine) {
  const float quarter = static_cast<float>(static_cast<int32_t>(u * 4.0f + 0.5f));
  const float f = fma_(quarter, -0.25f, u);  // in [-1/8, 1/8]
  const float s = f * f;
  float p = 41.47295f;
  p = fma_(p, s, -76.6978683f);
  p = fma_(p, s, 81.6052017f);
  p = fma_(p, s, -41.3417015f);
  p = fma_(p, s, 6.28318548f) * f;
  float q = 59.2204056f;
  q = fma_(q, s, -85.4428558f);
  q = fma_(q, s, 64.9393158f);
  q = fma_(q, s, -19.7392082f);
  q = fma_(q, s, 1.0f);
  const int32_t k = static_cast<int32_t>(quarter) & 3;
  const float a = k & 1 ? q : p;
  const float b = k & 1 ? p : q;
  sine = k & 2 ? -a : a;
  cosine = k == 1 || k == 2 ? -b : b;
}

// --- The one tree of every sum
// ------------------------------------------------------------------------------------- A sum over n elements
// is cut into chunks of kChunk. In a chunk, lane l of kLanes adds elements l, l + kLanes, ... in order,
// starting from 0; the lanes are then folded in halves: lane l += lane l + 16, then + 8, 4, 2, 1. If there is
// more than one chunk, the chunks' sums are added by the same rule, lanes and halves, as one chunk of any
// length. A warp, a column of a thread block and a vector register all do this in the same order.
constexpr int kLanes = 32;
constexpr int64_t kChunk = 4096;

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
