// Floating-point formats narrower than f32, by rounding an exact double.
#pragma once

#include <cfenv>
#include <cmath>

#include "exec/float_math.h"

namespace emulator {

struct Format {
  int bits;      // of the whole
  int fraction;  // without the hidden one
  int exponentBias;
};
constexpr Format kF16{16, 10, 15}, kBf16{16, 7, 127}, kTf32{19, 10, 127};

enum class Round : u8 { kNearestEven, kNearestAway, kZero, kDown, kUp };

// v / 2^k rounded to an integer.
inline f64 roundInteger(f64 v, Round mode) {
  switch (mode) {
    case Round::kNearestEven:
      return std::nearbyint(v);
    case Round::kNearestAway:
      return std::round(v);
    case Round::kZero:
      return std::trunc(v);
    case Round::kDown:
      return std::floor(v);
    case Round::kUp:
      return std::ceil(v);
  }
  return v;
}

// The value of the format nearest to v in the given mode; infinity beyond its range.
inline f64 roundTo(f64 v, Format f, Round mode) {
  if (v == 0 || !std::isfinite(v)) return v;
  int exponent = std::ilogb(v), lowest = 1 - f.exponentBias;
  int unit = (exponent < lowest ? lowest : exponent) - f.fraction;
  f64 rounded = std::ldexp(roundInteger(std::ldexp(v, -unit), mode), unit);
  f64 largest = std::ldexp(2 - std::ldexp(1., -f.fraction), f.exponentBias);
  if (std::fabs(rounded) <= largest) return rounded;
  bool toInfinity = mode == Round::kNearestEven || mode == Round::kNearestAway ||
                    (mode == Round::kUp && v > 0) || (mode == Round::kDown && v < 0);
  return std::copysign(toInfinity ? HUGE_VAL : largest, v);
}

// v must be a value of the format already. A NaN is the canonical one: all fraction bits, no sign.
inline u16 encode16(f64 v, Format f) {
  int exponentBits = 15 - f.fraction;
  u32 exponentMask = (1u << exponentBits) - 1;
  if (v != v) return 0x7fff;
  u32 sign = std::signbit(v) ? 0x8000u : 0;
  if (std::isinf(v)) return static_cast<u16>(sign | exponentMask << f.fraction);
  f64 magnitude = std::fabs(v);
  int lowest = 1 - f.exponentBias;
  if (magnitude < std::ldexp(1., lowest))
    return static_cast<u16>(sign | static_cast<u32>(std::ldexp(magnitude, f.fraction - lowest)));
  int exponent = std::ilogb(magnitude);
  u32 fraction = static_cast<u32>(std::ldexp(magnitude, f.fraction - exponent)) - (1u << f.fraction);
  return static_cast<u16>(sign | static_cast<u32>(exponent + f.exponentBias) << f.fraction | fraction);
}

inline f64 decode16(u16 bits, Format f) {
  u32 exponentMask = (1u << (15 - f.fraction)) - 1;
  u32 exponent = bits >> f.fraction & exponentMask, fraction = bits & ((1u << f.fraction) - 1);
  f64 sign = bits & 0x8000 ? -1 : 1;
  if (exponent == exponentMask) return fraction ? NAN : sign * HUGE_VAL;
  if (exponent == 0) return sign * std::ldexp(static_cast<f64>(fraction), 1 - f.exponentBias - f.fraction);
  return sign * std::ldexp(static_cast<f64>(fraction + (1u << f.fraction)),
                           static_cast<int>(exponent) - f.exponentBias - f.fraction);
}

// a * b + c for a later rounding to a narrow format: the double sum is made odd where it is not exact, which
// no second rounding to nearest can take for a tie.
inline f64 fmaForRounding(f64 a, f64 b, f64 c) {
  f64 product = a * b;  // exact: narrow factors
  f64 sum = product + c;
  if (!std::isfinite(sum)) return sum;
  f64 back = sum - product, error = (product - (sum - back)) + (c - back);
  if (error != 0 && (bitsOf(sum) & 1) == 0) sum = std::nextafter(sum, error > 0 ? HUGE_VAL : -HUGE_VAL);
  return sum;
}

}  // namespace emulator
