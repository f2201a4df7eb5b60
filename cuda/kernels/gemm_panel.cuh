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

// A panel of kRows x kK (rows of op(A), or columns of op(B)), one float4 or several per thread and step.
template <int kRows, int kK, int kThreads>
class Panel {
 public:
  // Rows of shared memory are 4 mod 8 floats apart: see `store`.
  static constexpr int kPitch = kRows + 4;
  static constexpr int kPerThread = kRows * kK / 4 / kThreads;
  static_assert(kPerThread * 4 * kThreads == kRows * kK && kK % 8 == 0 && kRows % 8 == 0, "");

  // `along_k`: memory is contiguous along k, with `ld` from row to row; else along the rows, with `ld` from k
  // to k. `rows` >= 1 exist in memory.
  __device__ Panel(const float* data, int64_t ld, bool along_k, int64_t rows, bool vector)
      : along_k_(along_k),
        vector_(vector),
        step_(along_k ? kK : kK * ld),
        rows_(rows < kRows ? static_cast<int>(rows) : kRows) {
    for (int i = 0; i < kPerThread; i++) at_[i] = data + (along_k ? row(i) * ld + k(i) : k(i) * ld + row(i));
  }

  // Reads the next panel; `left` of k exist from its start on.
  __device__ void load(int64_t left) {
    const int ks = left < kK ? static_cast<int>(left) : kK;
#pragma unroll
    for (int i = 0; i < kPerThread; i++) {
      const int rows_here = rows_ - row(i), ks_here = ks - k(i);
      const int count = along_k_ ? (rows_here > 0 ? ks_here : 0) : (ks_here > 0 ? rows_here : 0);
      value_[i] = load_quad(at_[i], count, vector_);
      at_[i] += step_;
    }
  }

  __device__ void store(float (&to)[kK][kPitch]) const {
#pragma unroll
    for (int i = 0; i < kPerThread; i++) {
      const float4 v = value_[i];
      if (along_k_) {
        // Lanes are 16 rows times two groups of four k, which are 4 * kPitch = 16 mod 32 banks apart: no
        // conflict.
        float* p = &to[k(i)][row(i)];
        p[0] = v.x, p[kPitch] = v.y, p[2 * kPitch] = v.z, p[3 * kPitch] = v.w;
      } else {
        quad(&to[k(i)][row(i)]) = v;
      }
    }
  }

 private:
  // Along k, two neighbouring threads read one sector of 32 bytes; along the rows, neighbours read
  // neighbours.
  __device__ int row(int i) const {
    const int g = threadIdx.x + i * kThreads;
    return along_k_ ? g / 2 % kRows : g % (kRows / 4) * 4;
  }
  __device__ int k(int i) const {
    const int g = threadIdx.x + i * kThreads;
    return along_k_ ? (g % 2 + g / (2 * kRows) * 2) * 4 : g / (kRows / 4);
  }

  const bool along_k_, vector_;
  const int64_t step_;
  const int rows_;
  const float* at_[kPerThread];
  float4 value_[kPerThread];
};

}  // namespace adastep
