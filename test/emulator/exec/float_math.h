// Floating point as PTX specifies it, where that differs from plain C++.
#pragma once

#include <cfenv>
#include <cmath>
#include <cstring>

#include "ptx/integers.h"

namespace emulator {

inline u32 bitsOf(f32 v) {
  u32 bits;
  std::memcpy(&bits, &v, sizeof bits);
  return bits;
}
inline u64 bitsOf(f64 v) {
  u64 bits;
  std::memcpy(&bits, &v, sizeof bits);
  return bits;
}
inline f32 floatOf(u32 bits) {
  f32 v;
  std::memcpy(&v, &bits, sizeof v);
  return v;
}
inline f64 doubleOf(u64 bits) {
  f64 v;
  std::memcpy(&v, &bits, sizeof v);
  return v;
}

// A single-precision result that is NaN is the canonical one; double precision keeps its payload.
inline f32 canonical(f32 v) { return v != v ? floatOf(0x7fffffffu) : v; }
inline f64 canonical(f64 v) { return v; }

// .ftz: a subnormal counts as a zero of its sign.
inline f32 flush(f32 v) { return (bitsOf(v) & 0x7f800000u) == 0 ? floatOf(bitsOf(v) & 0x80000000u) : v; }

// .sat: to [0, 1], NaN to +0.
template <class T>
T saturate01(T v) {
  return v > T{0} ? (v < T{1} ? v : T{1}) : T{0};
}

// min and max: a NaN loses against a number; -0 < +0. `nan`: a NaN wins.
template <class T>
T minimum(T a, T b) {
  if (a != a) return b;
  if (b != b) return a;
  return a < b || (a == b && std::signbit(a)) ? a : b;
}
template <class T>
T maximum(T a, T b) {
  if (a != a) return b;
  if (b != b) return a;
  return a > b || (a == b && !std::signbit(a)) ? a : b;
}

// Arithmetic in another rounding mode. The barriers keep the compiler from moving it out of the mode's reach.
template <int Mode, class T, class F>
T rounded(T a, T b, T c, F f) {
  int before = std::fegetround();
  std::fesetround(Mode);
  asm volatile("" : "+x"(a), "+x"(b), "+x"(c) : : "memory");
  T result = f(a, b, c);
  asm volatile("" : "+x"(result) : : "memory");
  std::fesetround(before);
  return result;
}

}  // namespace emulator
