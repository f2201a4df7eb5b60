// Conversions between element types, shared by both backends: towards integers they truncate towards zero and
// saturate, and NaN gives 0.
#pragma once
#include "core/dtype.h"
#include "core/numerics.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

// 2147483520 is the largest float below 2^31.
ADASTEP_HD int32_t to_i32(float x) {
  const float low = x > -2147483648.0f ? x : -2147483648.0f;
  const float t = low < 2147483520.0f ? low : 2147483520.0f;
  const int32_t inside = static_cast<int32_t>(t);
  return x != x ? 0 : (x >= 2147483648.0f ? INT32_MAX : inside);
}
ADASTEP_HD uint8_t to_u8(float x) {  // NaN fails the first comparison
  const float low = x > 0.0f ? x : 0.0f;
  return static_cast<uint8_t>(static_cast<int32_t>(low < 255.0f ? low : 255.0f));
}
ADASTEP_HD uint8_t to_u8(int32_t x) { return static_cast<uint8_t>(x < 0 ? 0 : (x > 255 ? 255 : x)); }

// To the nearest, ties to even. Infinity stays, NaN is quiet.
ADASTEP_HD uint16_t to_bf16(float x) {
  const uint32_t bits = bits_of(x);
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16, quiet = bits >> 16 | 0x40;
  return static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}
ADASTEP_HD float from_bf16(uint16_t code) { return float_of(static_cast<uint32_t>(code) << 16); }

// The bits of an element of a Fill, in the low size_of(dtype) bytes. bf16 rounds to nearest even, from f32.
ADASTEP_HD uint64_t fill_bits(DType dtype, double value) {
  const double low = value > -2147483648.0 ? value : -2147483648.0;
  const int32_t integer = value != value ? 0 : static_cast<int32_t>(low < 2147483647.0 ? low : 2147483647.0);
  const uint32_t single = bits_of(static_cast<float>(value));
  uint64_t bits = 0;
  switch (dtype) {
    case DType::kF32:
      return single;
    case DType::kI32:
      return static_cast<uint32_t>(integer);
    case DType::kU8:
      return to_u8(integer);
    case DType::kF64:
      __builtin_memcpy(&bits, &value, 8);
      return bits;
    case DType::kBF16:
      return to_bf16(static_cast<float>(value));
  }
  return bits;
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
