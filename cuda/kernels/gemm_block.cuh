// The part of a GEMM that a block computes.
#pragma once
#include "core/ops/gemm.h"
#include "cuda/kernels/common.cuh"

namespace adastep {

// Tiles are taken in bands of 8 tile rows, column by column: blocks that run at the same time share panels in
// the L2 cache.
__device__ inline void place(unsigned tiles_m, unsigned tiles_n, unsigned& m, unsigned& n) {
  constexpr unsigned kBand = 8;
  const unsigned band = blockIdx.x / (kBand * tiles_n), inside = blockIdx.x % (kBand * tiles_n);
  const unsigned height = tiles_m - band * kBand < kBand ? tiles_m - band * kBand : kBand;
  m = band * kBand + inside % height;
  n = inside / height;
}

// The tile of C that the block computes: its corner, and how many of its rows and columns exist. The grid has
// the tiles along x, the problems of the batch along z. Pointers are made where they are needed, so that none
// waits in registers for the end.
template <int kM, int kN>
class GemmBlock {
 public:
  __device__ explicit GemmBlock(const Gemm& op) {
    unsigned m, n;
    place(static_cast<unsigned>((op.m + kM - 1) / kM), static_cast<unsigned>((op.n + kN - 1) / kN), m, n);
    row_ = int64_t{m} * kM, column_ = int64_t{n} * kN;
    rows = static_cast<int>(op.m - row_ < kM ? op.m - row_ : kM);
    cols = static_cast<int>(op.n - column_ < kN ? op.n - column_ : kN);
  }

  int rows, cols;

  // From the corner on.
  __device__ const float* a(const Gemm& op) const {
    return op.a.data + problem() * op.stride_a + (op.trans_a ? row_ : row_ * op.lda);
  }
  __device__ const float* b(const Gemm& op) const {
    return op.b.data + problem() * op.stride_b + (op.trans_b ? column_ * op.ldb : column_);
  }
  __device__ float* c(const Gemm& op) const {
    return op.c.data + problem() * op.stride_c + row_ * op.ldc + column_;
  }
  __device__ const float* bias(const Gemm& op) const {
    return op.bias.data + column_;  // if there is one
  }

 private:
  static __device__ int64_t problem() { return blockIdx.z; }

  int64_t row_, column_;
};

// Walks over k in steps of kK: while multiply(a, b, left) works on one of two shared buffers, the panels of
// the next step are on their way into registers and from there into the other.
template <int kK, class PanelA, class PanelB, class Buffers, class Multiply>
__device__ __forceinline__ void walk(int64_t k, PanelA& panel_a, PanelB& panel_b, Buffers& buffers,
                                     const Multiply& multiply) {
  panel_a.load(k);
  panel_b.load(k);
  panel_a.store(buffers.a[0]);
  panel_b.store(buffers.b[0]);
  __syncthreads();
  int current = 0;
  for (int64_t left = k; left > 0; left -= kK) {
    const bool more = left > kK;
    if (more) {
      panel_a.load(left - kK);
      panel_b.load(left - kK);
    }
    multiply(buffers.a[current], buffers.b[current], left);
    current ^= 1;
    if (more) {
      panel_a.store(buffers.a[current]);
      panel_b.store(buffers.b[current]);
    }
    __syncthreads();
  }
}

}  // namespace adastep
