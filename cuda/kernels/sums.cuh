// What is watched of a tile, summed over a warp in the order of core/apply.h.
#pragma once
#include "core/apply.h"
#include "cuda/kernels/tree.cuh"

namespace adastep {

// Adds the first `kColumns` terms of a quad to the lane's sums.
template <int kColumns>
__device__ void add_quad(const Seen (&seen)[4], float (&sums)[kSums]) {
#pragma unroll
  for (int c = 0; c < kColumns; c++) {
    const float t[4] = {seen[0].terms[c], seen[1].terms[c], seen[2].terms[c], seen[3].terms[c]};
    const bool largest = c == kSums - 1;
    sums[c] = largest ? max_(sums[c], fold_quad(t, true)) : sums[c] + fold_quad(t, false);
  }
}

// Folds the lanes and writes the first `columns` sums, `stride` apart.
__device__ inline void store_sums(const float (&sums)[kSums], int columns, float* partial, int64_t stride) {
#pragma unroll
  for (int c = 0; c < kSums; c++) {
    if (c >= columns) continue;
    const float sum = c == kSums - 1 ? fold_warp<MaxFold>(sums[c]) : fold_warp<SumFold>(sums[c]);
    if (threadIdx.x % kLanes == 0) partial[c * stride] = sum;
  }
}

}  // namespace adastep
