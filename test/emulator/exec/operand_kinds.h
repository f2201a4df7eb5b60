// What may stand in the place of an operand: registers by the class that they were declared with, literals,
// and names. ptxas refuses all else, and so does the decoder.
#pragma once

#include <string>

#include "ptx/types.h"

namespace emulator {

// A set of these, and of register classes.
using Takes = u16;
enum : Takes {
  kTakesIntegerLiteral = 1 << 5,
  kTakesFloatLiteral = 1 << 6,
  kTakesSpecial = 1 << 7,   // %tid.x and its like
  kTakesVariable = 1 << 8,  // its address
  kTakesSink = 1 << 9       // '_', of a destination
};

constexpr Takes kTakesUntyped = kBitsRegister;  // of formats that no register can be declared with
constexpr Takes kTakesHalf = kTakesUntyped | kHalfRegister;
constexpr Takes kTakesInteger = kTakesUntyped | kIntegerRegister | kTakesIntegerLiteral;
constexpr Takes kTakesFloat = kTakesUntyped | kFloatRegister | kTakesFloatLiteral;
constexpr Takes kTakesBits = kTakesHalf | kTakesInteger | kTakesFloat;

// What an instruction of this type takes: "b32", "u32", "bf16x2", ...; 0 for a word that is no type.
inline Takes takesOf(const std::string& type) {
  if (type == "bf16" || type == "bf16x2" || type == "tf32") return kTakesUntyped;
  switch (registerClass("." + type)) {
    case kBitsRegister:
      return kTakesBits;
    case kIntegerRegister:
      return kTakesInteger;
    case kFloatRegister:
      return kTakesFloat;
    case kHalfRegister:
      return kTakesHalf;
    default:
      return 0;
  }
}

// Types for the lambdas of instructions, where an operand takes something else than the type of the
// instruction says.
template <class T, Takes What>
struct Operand {
  T value;
  operator T() const { return value; }
};
template <class T>
using Bits = Operand<T, kTakesBits>;
using Count = Operand<u32, kTakesInteger>;           // of bits, or where they begin
using Literal = Operand<u32, kTakesIntegerLiteral>;  // must be one
using Address = Operand<u64, kTakesInteger | kTakesVariable>;

}  // namespace emulator
