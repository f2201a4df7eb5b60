// Operations that move or make data.
#include "core/convert.h"
#include "core/ops/memory.h"
#include "cuda/kernels/common.cuh"
#include "cuda/kernels/strided.cuh"

using namespace adastep;

namespace {

// `bits` holds the element, repeated over 8 bytes.
template <class T>
__device__ void fill(void* data, int64_t n, uint64_t bits) {
  constexpr int64_t kPerVector = sizeof(ulonglong2) / sizeof(T);
  T* const y = static_cast<T*>(data);
  const int64_t vectors = aligned16(y) ? n / kPerVector : 0;
  for (int64_t i = thread_index(); i < vectors; i += thread_count()) {
    reinterpret_cast<ulonglong2*>(y)[i] = make_ulonglong2(bits, bits);
  }
  for (int64_t i = vectors * kPerVector + thread_index(); i < n; i += thread_count())
    y[i] = static_cast<T>(bits);
}

template <class To, class From>
__device__ To convert(From x) {
  if constexpr (sizeof(To) == 1 && sizeof(From) == 4) {
    return to_u8(x);
  } else {
    return static_cast<To>(x);
  }
}
template <>
__device__ int32_t convert<int32_t, float>(float x) {
  return to_i32(x);
}

template <class To, class From>
__device__ void cast(const Cast& op) {
  const From* x = reinterpret_cast<const From*>(op.x.data);
  To* y = reinterpret_cast<To*>(op.y.data);
  for (int64_t i = thread_index(); i < op.n; i += thread_count()) y[i] = convert<To, From>(x[i]);
}

template <class From>
__device__ void cast_from(const Cast& op) {
  if (op.to == DType::kF32) {
    cast<float, From>(op);
  } else if (op.to == DType::kI32) {
    cast<int32_t, From>(op);
  } else {
    cast<uint8_t, From>(op);
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads) adastep_fill(Fill op, uint64_t bits) {
  switch (op.dtype) {
    case DType::kU8:
      return fill<uint8_t>(op.y.data, op.n, bits);
    case DType::kBF16:
      return fill<uint16_t>(op.y.data, op.n, bits);
    case DType::kF32:
    case DType::kI32:
      return fill<uint32_t>(op.y.data, op.n, bits);
    case DType::kF64:
      return fill<uint64_t>(op.y.data, op.n, bits);
  }
}

extern "C" __global__ void __launch_bounds__(kThreads) adastep_cast(Cast op) {
  if (op.from == DType::kF32) {
    cast_from<float>(op);
  } else if (op.from == DType::kI32) {
    cast_from<int32_t>(op);
  } else {
    cast_from<uint8_t>(op);
  }
}

// The last `rank` dimensions of shape count, the others are 1.
extern "C" __global__ void __launch_bounds__(kThreads) adastep_strided(Strided op, int64_t n, int rank) {
  for (int64_t i = thread_index(); i < n; i += thread_count()) {
    const Places at = places(op.shape, op.x_strides, op.y_strides, rank, i);
    op.y.data[at.second] = op.x.data[at.first];
  }
}

// A Strided of shape [batch, rows, cols] whose x is contiguous along the rows and whose y is contiguous along
// the columns: through a tile in shared memory, so that both sides are read and written in whole sectors.
extern "C" __global__ void __launch_bounds__(kThreads) adastep_transpose(Strided op) {
  constexpr int kTile = 32, kRows = kThreads / kTile;
  __shared__ uint32_t tile[kTile][kTile + 1];  // the odd pitch: a column falls into 32 different banks
  const int64_t batch = op.shape.d[3], rows = op.shape.d[4], cols = op.shape.d[5];
  const int64_t tiles_m = (rows + kTile - 1) / kTile, tiles_n = (cols + kTile - 1) / kTile;
  const int tx = threadIdx.x % kTile, ty = threadIdx.x / kTile;
  for (int64_t t = blockIdx.x; t < batch * tiles_m * tiles_n; t += gridDim.x) {
    const int64_t problem = t / (tiles_m * tiles_n);
    const int64_t row = t % (tiles_m * tiles_n) / tiles_n * kTile, col = t % tiles_n * kTile;
    const uint32_t* x = op.x.data + problem * op.x_strides.d[3];
    uint32_t* y = op.y.data + problem * op.y_strides.d[3];
#pragma unroll
    for (int first = 0; first < kTile; first += kRows) {
      const int j = first + ty;
      if (row + tx < rows && col + j < cols) tile[j][tx] = x[(col + j) * op.x_strides.d[5] + row + tx];
    }
    __syncthreads();
#pragma unroll
    for (int first = 0; first < kTile; first += kRows) {
      const int j = first + ty;
      if (row + j < rows && col + tx < cols) y[(row + j) * op.y_strides.d[4] + col + tx] = tile[tx][j];
    }
    __syncthreads();
  }
}
