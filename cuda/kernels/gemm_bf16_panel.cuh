// The way of one operand of a GEMM into shared memory, where it is bf16.
#pragma once
#include "cuda/kernels/gemm_panel.cuh"
#include "cuda/kernels/tensor_core.cuh"

namespace adastep {

// The word that holds an element of a panel of kK steps of k in shared memory. The panel is made of chunks: 8
// elements of a row, which are a row of a matrix for load_matrices. 8 chunks make a line, which takes all
// banks. They are exchanged so that those of one k take different banks in 8 neighbouring rows (how they are
// loaded), and also in 8 rows 4 apart (how a transposed matrix is stored): bits 0, 1 and 2 of the row move a
// chunk in different ways, and so do bits 2, 3 and 4.
//
// It is linear in the bits of row and k: where they have none in common,
// word_at(row + r, k + s) = word_at(row, k) ^ word_at(r, s), of which the second is a constant.
template <int kK>
__device__ constexpr int word_at(int row, int k) {
  constexpr int kRowChunks = kK / 8, kLineRows = 8 / kRowChunks;
  const int line = row / kLineRows, chunk = row % kLineRows * kRowChunks + k / 8;
  return line * 32 + (chunk ^ (line ^ line / 8) % 8) * 4 + k % 8 / 2;
}

// Which elements a thread reads. Of memory that is aligned and contiguous along k lanes read rows of a panel.
// Of other memory a thread reads one k and then the next, to store them as pairs: 8 lanes read neighbouring
// rows, or groups of four, at each of 4 pairs.
template <int kPanelRows, int kPanelK, int kPanelThreads>
struct BrainQuads {
  static constexpr int kRows = kPanelRows, kK = kPanelK, kPerThread = kK / 8;
  static_assert(kPanelThreads == 2 * kRows && kRows % 32 == 0 && kK % 16 == 0, "");

  static __device__ int row(bool along_k, bool aligned) {
    if (along_k && aligned) return threadIdx.x / kRowLanes;
    const int group = threadIdx.x / kLanes % (kRows / 32) * 8 + threadIdx.x % 8;
    return aligned ? 4 * group : group;
  }
  static __device__ int k(bool along_k, bool aligned) {
    if (along_k && aligned) return threadIdx.x % kRowLanes * 4;
    return threadIdx.x / kLanes / (kRows / 32) * 8 + threadIdx.x / 8 % 4 * 2;
  }
  static __device__ int row_step(int i, bool along_k, bool aligned) {
    return along_k && aligned ? i * (kPanelThreads / kRowLanes) : 0;
  }
  static __device__ int k_step(int i, bool along_k, bool aligned) {
    return along_k && aligned ? 0 : i / 2 * 16 + i % 2;
  }

 private:
  static constexpr int kRowLanes = kK / 4;
};

template <int kRows, int kK, int kThreads>
class BrainPanel : public PanelReader<BrainQuads<kRows, kK, kThreads>> {
  using Quads = BrainQuads<kRows, kK, kThreads>;
  using Reader = PanelReader<Quads>;

 public:
  using Reader::Reader;
  static constexpr int kWords = kRows * kK / 2;

  // No bank conflicts: see above.
  __device__ void store(uint32_t (&to)[kWords]) const {
    const int first = word_at<kK>(this->row(0), this->k(0));
    if (!this->aligned_) {
      store_pairs<Reader::kQuarter>(to, first);
    } else if (!this->along_k_) {
      store_pairs<1>(to, first);
    } else {
#pragma unroll
      for (int i = 0; i < Reader::kPerThread; i++) {
        const float4 v = this->value_[i];
        const int word = first ^ word_at<kK>(Quads::row_step(i, true, true), 0);
        store_two(&to[word], round_bf16(v.x, v.y), round_bf16(v.z, v.w));
      }
    }
  }

 private:
  // Of two k in four rows each.
  template <int kApart>
  __device__ void store_pairs(uint32_t (&to)[kWords], int first) const {
#pragma unroll
    for (int i = 0; i < Reader::kPerThread; i += 2) {
      const float4 v = this->value_[i], next = this->value_[i + 1];
      const int k = Quads::k_step(i, false, false);
      to[first ^ word_at<kK>(0, k)] = round_bf16(v.x, next.x);
      to[first ^ word_at<kK>(kApart, k)] = round_bf16(v.y, next.y);
      to[first ^ word_at<kK>(2 * kApart, k)] = round_bf16(v.z, next.z);
      to[first ^ word_at<kK>(3 * kApart, k)] = round_bf16(v.w, next.w);
    }
  }
};

}  // namespace adastep
