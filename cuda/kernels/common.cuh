// What every kernel needs: indices over the grid, vectors of four, and the report of a fault.
#pragma once
#include <stdint.h>

#include "core/fault.h"
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

// The first fault wins; the host sets op back to -1.
__device__ inline void report(Fault* fault, int32_t op, int64_t position, int64_t value, int64_t limit) {
  if (atomicCAS(&fault->op, -1, op) != -1) return;
  fault->position = position;
  fault->value = value;
  fault->limit = limit;
}

}  // namespace adastep
