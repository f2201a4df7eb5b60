// The fundamental types of PTX.
#pragma once

#include <string_view>

#include "ptx/integers.h"

namespace emulator {

// Size in memory of ".f32" and its like; 0 for a name that is not a type (".pred" has no size either).
inline u64 typeBytes(std::string_view type) {
  if (type == ".b8" || type == ".s8" || type == ".u8") return 1;
  if (type == ".b16" || type == ".s16" || type == ".u16" || type == ".f16" || type == ".bf16") return 2;
  if (type == ".b32" || type == ".s32" || type == ".u32" || type == ".f32" || type == ".f16x2") return 4;
  if (type == ".b64" || type == ".s64" || type == ".u64" || type == ".f64") return 8;
  return 0;
}

// How a register was declared. An instruction takes some of these.
enum RegisterClass : u8 {
  kNoRegister = 0,
  kBitsRegister = 1,
  kIntegerRegister = 2,
  kFloatRegister = 4,
  kHalfRegister = 8,
  kPredicateRegister = 16
};

inline RegisterClass registerClass(std::string_view type) {
  if (type == ".pred") return kPredicateRegister;
  if (typeBytes(type) == 0) return kNoRegister;
  if (type[1] == 'b') return kBitsRegister;
  if (type[1] != 'f') return kIntegerRegister;
  return type.substr(0, 4) == ".f16" ? kHalfRegister : kFloatRegister;
}

}  // namespace emulator
