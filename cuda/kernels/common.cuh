// What every kernel needs: indices over the grid, vectors of four, and the report of a fault.
#pragma once
#include <stdint.h>

#include "core/numerics.h"
#include "cuda/kernels/interface.h"

namespace adastep {

using namespace ADASTEP_NUMERICS;

// The loop `for (i = thread_index(); i < n; i += thread_count())` covers n elements with any grid.
__device__ inline int64_t thread_index() { return int64_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ inline int64_t thread_count() { return int64_t{gridDim.x} * blockDim.x; }

__device__ inline bool aligned16(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }
__device__ inline const float4& quad(const float* p) { return *reinterpret_cast<const float4*>(p); }
__device__ inline float4& quad(float* p) { return *reinterpret_cast<float4*>(p); }

// The fault kept is the first operation's, at its lowest position: operations run one after the other, so the
// first to claim the cell is the first of the list, and its threads then agree on minima: of one kind those
// of value and of limit are of the same position. They leave 32 bits for it: one beyond counts as the last
// that fits, and so does a limit.
__device__ inline void report(const FaultReport& to, int64_t position, int32_t value, int64_t limit,
                              FaultKind kind = kWrongIndex) {
  using Bits = unsigned long long;
  const Bits holder = atomicCAS(&to.cell->place, kNoPlace, to.place);
  if (holder != kNoPlace && holder != to.place) return;
  const int64_t last = 0xffffffff;
  const Bits at = static_cast<Bits>(position < last ? position : last) << 32;
  atomicMin(&to.cell->first[kind], at | static_cast<uint32_t>(value));
  atomicMin(&to.cell->limit[kind], at | static_cast<Bits>(limit < last ? limit : last));
}

}  // namespace adastep
