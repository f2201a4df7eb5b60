// Tables of single instructions: opcode, operands, the result that the PTX manual demands.
#pragma once

#include "exec/float_math.h"
#include "tests/harness.h"

namespace emulator::tests {

struct Row {
  const char* opcode;
  std::vector<u64> in;
  u64 out;
};

// `kinds`: destination first, a letter each: h w d for 16, 32, 64 bits, f e for f32 and f64, p for a
// predicate (1 or 0), n for a source that is a negated one.
void check(const std::string& kinds, const std::vector<Row>& rows);

inline u64 f(f32 v) { return bitsOf(v); }
inline u64 d(f64 v) { return bitsOf(v); }
constexpr u64 kNan = 0x7fffffff, kInf = 0x7f800000, kDenormal = 0x00000001, kMinusZero = 0x80000000;

}  // namespace emulator::tests
