// What a device found wrong while an operation ran. Plain C, for CUDA kernels.
#pragma once
#include <stdint.h>

namespace adastep {

// An index or label that an operation found out of range, found while it ran.
struct Fault {
  int32_t op;        // its place in FOR_EACH_OP, -1 = none
  int64_t position;  // which element of the index list
  int64_t value;     // what it held
  int64_t limit;     // accepted: 0 <= value < limit
};
constexpr Fault kNoFault = {-1, 0, 0, 0};

}  // namespace adastep
