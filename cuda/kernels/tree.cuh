// The one tree of every sum (end of core/numerics.h), with the 32 lanes as the lanes of a warp: each lane
// adds its elements in order, shuffles fold the halves.
#pragma once
#include "cuda/kernels/common.cuh"

namespace adastep {

struct SumFold {
  static __device__ float empty() { return 0.0f; }
  static __device__ float fold(float a, float b) { return a + b; }
};
struct MaxFold {
  static __device__ float empty() { return -float_of(0x7f800000u); }
  static __device__ float fold(float a, float b) { return max_(a, b); }
};

// Reads a struct word by word for a whole warp, at one place: a lane loads a word and gives it to the others,
// in one request instead of one for each word.
struct ReadByWarp {
  template <class Struct, class Word>
  __device__ void operator()(Struct& to, const Word* from) const {
    constexpr int kWords = sizeof(Struct) / sizeof(Word);
    static_assert(kWords <= kLanes, "a lane has one word");
    const int lane = threadIdx.x % kLanes;
    const Word mine = from[lane < kWords ? lane : kWords - 1];  // without a branch
    Word words[kWords];
#pragma unroll
    for (int i = 0; i < kWords; i++) words[i] = __shfl_sync(0xffffffffu, mine, i);
    memcpy(&to, words, sizeof words);
  }
};

// Folds the 32 lanes of a warp; every lane gets the result.
template <class Fold>
__device__ float fold_warp(float value) {
  for (int half = kLanes / 2; half > 0; half /= 2) {
    value = Fold::fold(value, __shfl_down_sync(0xffffffffu, value, half));
  }
  return __shfl_sync(0xffffffffu, value, 0);
}

// Folds element(j) for j in [first, last) over the lanes of the calling warp.
template <class Fold, class Element>
__device__ float fold_chunk(int64_t first, int64_t last, Element element) {
  float value = Fold::empty();
  for (int64_t j = first + threadIdx.x % kLanes; j < last; j += kLanes) value = Fold::fold(value, element(j));
  return fold_warp<Fold>(value);
}

// A row-wise kernel gives each row to a warp or, where rows are longer than a chunk, to a block. Both have:
//   for (row = Group::first(); row < rows; row += Group::stride())    the rows of this group
//   for (j = Group::begin(); j < cols; j += Group::width())           the columns of this thread
//   Group::fold<Fold>(n, element)                                     fold of element(0 .. n - 1), for all
//   threads
struct WarpGroup {
  static __device__ int64_t first() { return thread_index() / kLanes; }
  static __device__ int64_t stride() { return thread_count() / kLanes; }
  static __device__ int begin() { return threadIdx.x % kLanes; }
  static __device__ int width() { return kLanes; }
  template <class Fold, class Element>
  static __device__ float fold(int64_t n, Element element) {
    return fold_chunk<Fold>(0, n, element);
  }
};

// Warp w of the block is lane w of the second level of the tree: it adds the sums of chunks w, w + 32, ...
struct BlockGroup {
  static __device__ int64_t first() { return blockIdx.x; }
  static __device__ int64_t stride() { return gridDim.x; }
  static __device__ int begin() { return threadIdx.x; }
  static __device__ int width() { return blockDim.x; }
  template <class Fold, class Element>
  static __device__ float fold(int64_t n, Element element) {
    __shared__ float lanes[kLanes];
    const int warp = threadIdx.x / kLanes, lane = threadIdx.x % kLanes;
    float value = Fold::empty();
    for (int64_t first = warp * kChunk; first < n; first += kLanes * kChunk) {
      const int64_t end = first + kChunk;
      value = Fold::fold(value, fold_chunk<Fold>(first, end < n ? end : n, element));
    }
    if (lane == 0) lanes[warp] = value;
    __syncthreads();
    const float result = fold_warp<Fold>(lane < blockDim.x / kLanes ? lanes[lane] : Fold::empty());
    __syncthreads();  // `lanes` is free again, and every element has been read by all
    return result;
  }
};

// Folds the columns of a block of 32 x 32 threads: threadIdx.y is the lane, threadIdx.x the column. The
// result is that of the thread with threadIdx.y == 0.
template <class Fold>
__device__ float fold_columns(float value) {
  __shared__ float lanes[kLanes][kLanes];
  lanes[threadIdx.y][threadIdx.x] = value;
  for (int half = kLanes / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.y < half) {
      value = Fold::fold(value, lanes[threadIdx.y + half][threadIdx.x]);
      lanes[threadIdx.y][threadIdx.x] = value;
    }
  }
  __syncthreads();  // `lanes` is free again
  return value;
}

}  // namespace adastep
