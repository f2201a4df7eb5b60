// Reductions over one axis. A long axis takes two passes: chunks into a workspace, then the chunks' results.
#include "core/ops/reduce.h"
#include "cuda/kernels/tree.cuh"

using namespace adastep;

namespace {

struct Plain {
  static __device__ float of(float x) { return x; }
};
struct Square {
  static __device__ float of(float x) { return x * x; }
};

__device__ int64_t chunks_of(int64_t n, int64_t chunk) { return n <= chunk ? 1 : (n + chunk - 1) / chunk; }
__device__ int64_t end_of(int64_t first, int64_t chunk, int64_t n) {
  return n - first < chunk ? n : first + chunk;
}

// inner == 1: a warp per chunk of a row. y is [outer, chunks].
template <class Fold, class Term>
__device__ void reduce_rows(const Reduce& op, int64_t chunk) {
  const int64_t chunks = chunks_of(op.n, chunk);
  for (int64_t i = WarpGroup::first(); i < op.outer * chunks; i += WarpGroup::stride()) {
    const float* x = op.x.data + i / chunks * op.n;
    const int64_t first = i % chunks * chunk;
    const float result =
        fold_chunk<Fold>(first, end_of(first, chunk, op.n), [&](int64_t j) { return Term::of(x[j]); });
    if (threadIdx.x % kLanes == 0) op.y.data[i] = op.scale * result;
  }
}

// A block of 32 x 32 per chunk of 32 columns, a column being one (outer, inner). y is [outer, chunks, inner].
template <class Fold, class Term>
__device__ void reduce_columns(const Reduce& op, int64_t chunk) {
  const int64_t chunks = chunks_of(op.n, chunk), columns = op.outer * op.inner;
  const int64_t column_blocks = (columns + kLanes - 1) / kLanes;
  for (int64_t i = blockIdx.x; i < column_blocks * chunks; i += gridDim.x) {
    const int64_t c = i / column_blocks;
    const int64_t column = i % column_blocks * kLanes + threadIdx.x;
    const bool mine = column < columns;
    const int64_t outer = mine ? column / op.inner : 0, inner = mine ? column % op.inner : 0;
    const float* x = op.x.data + outer * op.n * op.inner + inner;
    const int64_t last = mine ? end_of(c * chunk, chunk, op.n) : 0;
    float value = Fold::empty();
    for (int64_t j = c * chunk + threadIdx.y; j < last; j += kLanes) {
      value = Fold::fold(value, Term::of(x[j * op.inner]));
    }
    value = fold_columns<Fold>(value);
    if (threadIdx.y == 0 && mine) op.y.data[(outer * chunks + c) * op.inner + inner] = op.scale * value;
  }
}

// Whether a is before b in the order that argmax looks for: larger, NaN largest, then the smaller index.
struct Candidate {
  float value;
  int32_t index;
};
__device__ Candidate better(Candidate a, Candidate b) {
  const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
  const bool equal = a_nan ? b_nan : a.value == b.value;
  const bool greater = a_nan ? !b_nan : a.value > b.value;
  return greater || (equal && a.index < b.index) ? a : b;
}

__device__ Candidate best_of_warp(Candidate mine) {
  for (int half = kLanes / 2; half > 0; half /= 2) {
    const Candidate other = {__shfl_down_sync(0xffffffffu, mine.value, half),
                             __shfl_down_sync(0xffffffffu, mine.index, half)};
    mine = better(mine, other);
  }
  return mine;
}

__device__ Candidate no_candidate() { return {-float_of(0x7f800000u), INT32_MAX}; }

template <class Group>
__device__ Candidate best_of_thread(const float* x, int64_t cols) {
  Candidate mine = no_candidate();
  for (int64_t j = Group::begin(); j < cols; j += Group::width()) {
    mine = better(mine, {x[j], static_cast<int32_t>(j)});
  }
  return mine;
}

}  // namespace

// `chunk` is kChunk in the first of two passes, n where one pass does it.
#define ADASTEP_REDUCE(shape)                            \
  switch (op.fn) {                                       \
    case ReduceFn::kSum:                                 \
      return reduce_##shape<SumFold, Plain>(op, chunk);  \
    case ReduceFn::kSumSquares:                          \
      return reduce_##shape<SumFold, Square>(op, chunk); \
    case ReduceFn::kMax:                                 \
      return reduce_##shape<MaxFold, Plain>(op, chunk);  \
  }

extern "C" __global__ void __launch_bounds__(kThreads) adastep_reduce_rows(Reduce op, int64_t chunk) {
  ADASTEP_REDUCE(rows)
}

extern "C" __global__ void __launch_bounds__(kLanes* kLanes)
    adastep_reduce_columns(Reduce op, int64_t chunk) {
  ADASTEP_REDUCE(columns)
}

extern "C" __global__ void __launch_bounds__(kThreads) adastep_argmax_warp(ArgMax op) {
  for (int64_t row = WarpGroup::first(); row < op.rows; row += WarpGroup::stride()) {
    const Candidate best = best_of_warp(best_of_thread<WarpGroup>(op.x.data + row * op.cols, op.cols));
    if (threadIdx.x % kLanes == 0) op.y.data[row] = best.index;
  }
}

extern "C" __global__ void __launch_bounds__(kLanes* kLanes) adastep_argmax_block(ArgMax op) {
  __shared__ float values[kLanes];
  __shared__ int32_t indices[kLanes];
  const int warp = threadIdx.x / kLanes, lane = threadIdx.x % kLanes;
  for (int64_t row = BlockGroup::first(); row < op.rows; row += BlockGroup::stride()) {
    Candidate best = best_of_warp(best_of_thread<BlockGroup>(op.x.data + row * op.cols, op.cols));
    if (lane == 0) {
      values[warp] = best.value;
      indices[warp] = best.index;
    }
    __syncthreads();
    if (warp == 0) {
      const bool there = lane < blockDim.x / kLanes;
      best = best_of_warp(there ? Candidate{values[lane], indices[lane]} : no_candidate());
      if (lane == 0) op.y.data[row] = best.index;
    }
    __syncthreads();
  }
}

// A warp per row.
extern "C" __global__ void __launch_bounds__(kThreads) adastep_label_rank(LabelRank op) {
  for (int64_t row = WarpGroup::first(); row < op.rows; row += WarpGroup::stride()) {
    const float* const x = op.x.data + row * op.cols;
    const int64_t label = op.labels.data[row];
    int64_t rank = op.cols;
    if (label >= 0 && label < op.cols) {
      const float own = number_(x[label]);
      rank = -1;  // it reaches itself
      for (int64_t first = 0; first < op.cols; first += kLanes) {
        const int64_t j = first + WarpGroup::begin();
        rank += __popc(__ballot_sync(0xffffffffu, j < op.cols && number_(x[j]) >= own));
      }
    }
    if (WarpGroup::begin() == 0) op.rank.data[row] = static_cast<int32_t>(rank);
  }
}
