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

// A panel of kRows x kK (rows of op(A), or columns of op(B)). A thread takes four elements at a time:
//   aligned memory, contiguous along k:        four k of a row; two neighbouring threads read one sector
//   aligned memory, contiguous along the rows: four rows of a k
//   unaligned memory:                          one k, four rows kRows / 4 apart; neighbours read neighbours
template <int kRows, int kK, int kThreads>
class Panel {
 public:
  // Rows of shared memory are 4 mod 8 floats apart: see `store`.
  static constexpr int kPitch = kRows + 4;

  // `along_k`: memory is contiguous along k, with `ld` from row to row; else along the rows, with `ld` from k
  // to k. `rows` >= 1 exist in memory. `aligned`: every group of four starts at a multiple of 16 bytes.
  __device__ Panel(const float* data, const int64_t& ld, bool along_k, int64_t rows, bool aligned)
      : along_k_(along_k), aligned_(aligned), rows_(rows < kRows ? static_cast<int>(rows) : kRows), ld_(ld) {
    for (int i = 0; i < kPerThread; i++) at_[i] = data + (along_k ? row(i) * ld + k(i) : k(i) * ld + row(i));
  }

  // Reads the next panel; `left` of k exist from its start on.
  __device__ void load(int64_t left) {
    const int ks = left < kK ? static_cast<int>(left) : kK;
#pragma unroll
    for (int i = 0; i < kPerThread; i++) {
      const int rows_here = rows_ - row(i), ks_here = ks - k(i);
      if (aligned_) {
        value_[i] =
            load_quad(at_[i], along_k_ ? (rows_here > 0 ? ks_here : 0) : (ks_here > 0 ? rows_here : 0), true);
      } else {
        const int here = ks_here > 0 ? rows_here : 0;
        const float* p = at_[i];
        const int64_t quarter = along_k_ ? kQuarter * ld_ : kQuarter;
        value_[i].x = here > 0 ? p[0] : 0.0f;
        value_[i].y = here > kQuarter ? p[quarter] : 0.0f;
        value_[i].z = here > 2 * kQuarter ? p[2 * quarter] : 0.0f;
        value_[i].w = here > 3 * kQuarter ? p[3 * quarter] : 0.0f;
      }
      at_[i] += along_k_ ? kK : kK * ld_;
    }
  }

  __device__ void store(float (&to)[kK][kPitch]) const {
    // Four k are 4 * kPitch = 16 mod 32 banks apart, which 16 neighbouring rows do not reach: no conflict.
    const int apart = aligned_ ? kPitch : kQuarter;
#pragma unroll
    for (int i = 0; i < kPerThread; i++) {
      const float4 v = value_[i];
      float* const p = &to[k(i)][row(i)];
      if (aligned_ && !along_k_) {
        quad(p) = v;
      } else {
        p[0] = v.x, p[apart] = v.y, p[2 * apart] = v.z, p[3 * apart] = v.w;
      }
    }
  }

 private:
  static constexpr int kPerThread = kRows * kK / 4 / kThreads, kQuarter = kRows / 4;
  static_assert(kPerThread * 4 * kThreads == kRows * kK && kK % 8 == 0 && kRows % 8 == 0, "");

  __device__ int row(int i) const {
    const int g = threadIdx.x + i * kThreads;
    if (!along_k_) return aligned_ ? g % kQuarter * 4 : g % kQuarter;
    return aligned_ ? g / 2 % kRows : g / 8 % kQuarter;
  }
  __device__ int k(int i) const {
    const int g = threadIdx.x + i * kThreads;
    if (!along_k_) return g / kQuarter;
    return aligned_ ? (g % 2 + g / (2 * kRows) * 2) * 4 : g % 8 + g / (8 * kQuarter) * 8;
  }

  const bool along_k_, aligned_;
  const int rows_;
  const int64_t& ld_;  // a kernel parameter: read where it is needed, it takes no register
  const float* at_[kPerThread];
  float4 value_[kPerThread];
};

}  // namespace adastep
