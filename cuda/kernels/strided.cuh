// From the index of an element to its places in two strided arrays.
#pragma once
#include "core/span.h"
#include "cuda/kernels/common.cuh"

namespace adastep {

struct Places {
  int64_t first, second;
};

// The last `rank` >= 1 dimensions of shape count, the others are 1. Unrolled, so that shapes and strides stay
// kernel parameters and are never copied to local memory.
__device__ inline Places places(const Dims& shape, const Dims& first, const Dims& second, int rank,
                                int64_t i) {
  Places at = {0, 0};
#pragma unroll
  for (int d = kMaxRank - 1; d >= 0; d--) {
    if (d > kMaxRank - rank) {
      const int64_t rest = i / shape.d[d], index = i - rest * shape.d[d];
      at.first += index * first.d[d];
      at.second += index * second.d[d];
      i = rest;
    } else if (d == kMaxRank - rank) {
      at.first += i * first.d[d];
      at.second += i * second.d[d];
    }
  }
  return at;
}

}  // namespace adastep
