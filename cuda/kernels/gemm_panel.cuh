// The way of one operand of a GEMM from global memory through registers into shared memory.
#pragma once
#include "cuda/kernels/common.cuh"

namespace adastep {

// Four floats from p on, of which `count` (also <= 0 or > 4) exist; the rest is 0. `vector` says that p is
// 16-byte aligned.
__device__ inline float4 load_quad(const float* p, int count, bool vector) {
  if (vector && count >= 4) return quad(p);
  return make_float4(count > 0 ? p[0] : 0.0f, count > 1 ? p[1] : 0.0f, count > 2 ? p[2] : 0.0f,
                     count > 3 ? p[3] : 0.0f);
}

// Panels of Quads::kRows x Quads::kK (rows of op(A), or columns of op(B)), one after the other. A thread
// takes four elements at a time, Quads::kPerThread times:
//   aligned memory, contiguous along k:        four k of a row
//   aligned memory, contiguous along the rows: four rows of a k
//   unaligned memory:                          one k, four rows kRows / 4 apart
// Quads::row and Quads::k tell where the very first of them is, row_step(i) and k_step(i) how much further
// the i-th four are: so one pointer serves them all.
template <class Quads>
class PanelReader {
 public:
  // `along_k`: memory is contiguous along k, with `ld` from row to row; else along the rows, with `ld` from k
  // to k. `rows` >= 1 of them exist in memory. `aligned`: every group of four starts at a multiple of 16
  // bytes.
  __device__ PanelReader(const float* data, const int64_t& ld, bool along_k, int rows, bool aligned)
      : along_k_(along_k), aligned_(aligned), rows_(rows), ld_(ld), at_(data + offset(row(0), k(0))) {}

  // Reads the next panel; `left` of k exist from its start on.
  __device__ void load(int64_t left) {
    const int ks = left < Quads::kK ? static_cast<int>(left) : Quads::kK;
#pragma unroll
    for (int i = 0; i < kPerThread; i++) {
      const float* const p = at_ + offset(row_step(i), k_step(i));
      const int rows_here = rows_ - row(i), ks_here = ks - k(i);
      if (aligned_) {
        value_[i] =
            load_quad(p, along_k_ ? (rows_here > 0 ? ks_here : 0) : (ks_here > 0 ? rows_here : 0), true);
      } else {
        const int here = ks_here > 0 ? rows_here : 0;
        const int64_t quarter = along_k_ ? kQuarter * ld_ : kQuarter;
        value_[i].x = here > 0 ? p[0] : 0.0f;
        value_[i].y = here > kQuarter ? p[quarter] : 0.0f;
        value_[i].z = here > 2 * kQuarter ? p[2 * quarter] : 0.0f;
        value_[i].w = here > 3 * kQuarter ? p[3 * quarter] : 0.0f;
      }
    }
    at_ += offset(0, Quads::kK);
  }

 protected:
  static constexpr int kPerThread = Quads::kPerThread, kQuarter = Quads::kRows / 4;

  __device__ int row(int i) const { return Quads::row(along_k_, aligned_) + row_step(i); }
  __device__ int k(int i) const { return Quads::k(along_k_, aligned_) + k_step(i); }

  const bool along_k_, aligned_;
  float4 value_[kPerThread];

 private:
  __device__ int row_step(int i) const { return Quads::row_step(i, along_k_, aligned_); }
  __device__ int k_step(int i) const { return Quads::k_step(i, along_k_, aligned_); }
  __device__ int64_t offset(int row, int k) const { return along_k_ ? row * ld_ + k : k * ld_ + row; }

  const int rows_;
  const int64_t& ld_;  // a kernel parameter: read where it is needed, it takes no register
  const float* at_;
};

}  // namespace adastep
