// Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011): four random words as a pure function of key and counter.
#pragma once
#include "core/numerics.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

struct Philox {
  uint32_t word[4];
};

// Both halves of a product. nvcc would keep all words of a generator in 64 bits.
struct Product {
  uint32_t high, low;
};
ADASTEP_HD Product product_of(uint32_t a, uint32_t b) {
#ifdef __CUDA_ARCH__
  return {__umulhi(a, b), a * b};
#else
  const uint64_t product = static_cast<uint64_t>(a) * b;
  return {static_cast<uint32_t>(product >> 32), static_cast<uint32_t>(product)};
#endif
}

// key = seed; counter = (index low, index high, stream, step). One call serves the four elements 4 * index +
// 0..3.
ADASTEP_HD Philox philox(uint64_t seed, uint64_t index, uint32_t stream, uint32_t step) {
  uint32_t k0 = static_cast<uint32_t>(seed), k1 = static_cast<uint32_t>(seed >> 32);
  uint32_t c0 = static_cast<uint32_t>(index), c1 = static_cast<uint32_t>(index >> 32), c2 = stream, c3 = step;
  for (int round = 0; round < 10; round++) {
    const Product a = product_of(0xD2511F53u, c0), b = product_of(0xCD9E8D57u, c2);
    c0 = b.high ^ c1 ^ k0;
    c2 = a.high ^ c3 ^ k1;
    c1 = b.low;
    c3 = a.low;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// Uniform in [0, 1), a multiple of 2^-24.
ADASTEP_HD float uniform_of(uint32_t word) { return static_cast<float>(word >> 8) * 5.9604644775390625e-8f; }

// Two standard normal numbers (Box & Muller 1958) from two words.
ADASTEP_HD void normal_of(uint32_t first, uint32_t second, float& a, float& b) {
  const float u = 1.0f - uniform_of(first);  // in (0, 1]: the logarithm is finite
  const float radius = sqrt_(-2.0f * log_(u));
  float sine, cosine;
  sincos_turn(uniform_of(second), sine, cosine);
  a = radius * cosine;
  b = radius * sine;
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
