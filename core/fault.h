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

// Whether it is `a` that is told of two faults of one operation: the one at the lowest position. (An index
// and an offset may be wrong at the same one.)
inline bool precedes(const Fault& a, const Fault& b) {
  if (a.position != b.position) return a.position < b.position;
  return a.value != b.value ? a.value < b.value : a.limit < b.limit;
}

}  // namespace adastep
