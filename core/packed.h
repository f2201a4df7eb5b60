// Numbers in less than 32 bits: bf16, and 8 bits relative to the largest of a block. Stochastic rounding
// keeps means: without it a sum of squares stops growing at 256 in bf16, and a running mean stops decaying.
#pragma once
#include "core/philox.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

// 16 random bits for each of two uses of an element, of four elements to a call of philox.
ADASTEP_HD uint32_t random_bits(const Philox& drawn, int element, int use) {
  return drawn.word[element] >> (16 * use) & 0xffff;
}

ADASTEP_HD float bf16_decode(uint16_t code) { return float_of(static_cast<uint32_t>(code) << 16); }

// Up with the probability of what is cut off; `random` is uniform in 0 .. 2^16 - 1. Infinity stays; NaN is
// the same one, whatever made it.
ADASTEP_HD uint16_t bf16_stochastic(float x, uint32_t random) {
  const uint32_t bits = bits_of(x);
  const bool special = (bits & 0x7f800000u) == 0x7f800000u;
  const uint32_t code = (special ? bits : bits + random) >> 16;
  return static_cast<uint16_t>(x != x ? 0x7fc0u : code);
}

// 8 bits as a small float of 3 mantissa bits, relative to the largest of its block, which has the code of 1:
// with a sign and 4 exponent bits (15 octaves), or 5 exponent bits without a sign (31 octaves: squares). Zero
// and the largest are exact.
template <bool kSigned>
struct Code {
  static constexpr int kLowest = kSigned ? 112 : 96;  // exponent of the f32 whose exponent bits are 0 here
  static constexpr uint32_t kMagnitude = kSigned ? 0x7f : 0xff, kOne = kSigned ? 120 : 248;

  // In units of the largest.
  ADASTEP_HD static float decode(uint32_t code) {
    const uint32_t magnitude = code & kMagnitude;
    const float step = float_of(static_cast<uint32_t>(kLowest + 1) << 23);
    // Below the first octave codes are equidistant: the octave above it, less what all of its numbers share.
    const float small = float_of(bits_of(step) | magnitude << 20) - step;
    const float value =
        magnitude < 8 ? small : float_of((magnitude << 20) + (static_cast<uint32_t>(kLowest) << 23));
    return kSigned && (code & 0x80) ? -value : value;
  }

  // `x` in the same units, |x| <= 1; `random` uniform in 0 .. 2^16 - 1. What is not zero stays so if there
  // is no sign: a second moment of 0 beside a first one that is not would be divided by.
  ADASTEP_HD static uint32_t encode(float x, uint32_t random) {
    const float a = abs_(x);
    const float least = float_of(static_cast<uint32_t>(kLowest + 1) << 23);
    const uint32_t large = (bits_of(a) + (random << 4) - (static_cast<uint32_t>(kLowest) << 23)) >> 20;
    const float units =
        (a < least ? a : 0.0f) * (8.0f / least) + static_cast<float>(random) * 1.52587890625e-5f;
    const uint32_t small = static_cast<uint32_t>(static_cast<int32_t>(units));
    uint32_t magnitude = a < least ? small : large;
    if (magnitude > kOne) magnitude = kOne;
    if (!kSigned && magnitude == 0 && a > 0.0f) magnitude = 1;
    return kSigned && x < 0.0f ? magnitude | 0x80 : magnitude;
  }
};

// A value in units of the largest of its block.
ADASTEP_HD float relative_to(float largest, float x) { return largest > 0.0f ? x / largest : 0.0f; }

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
