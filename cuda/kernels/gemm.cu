// C = act(alpha op(A) op(B) + beta C + bias) in exact f32, as core/ops/gemm.h defines it: each element is one
// fma chain in ascending k, held in a register of one thread from the first k to the last.
//
// A block computes a tile of C. It walks over k in steps of kK: the panels of op(A) and op(B) go from global
// memory through registers into one of two shared buffers while the other is being multiplied. Shared panels
// are [k][row of op(A)] and [k][column of op(B)] whatever the storage was, so one main loop serves all four
// transpositions.
#include "core/ops/gemm.h"
#include "cuda/kernels/common.cuh"
#include "cuda/kernels/gemm_panel.cuh"

using namespace adastep;

namespace {

// A warp is 4 x 8 threads. A thread holds kThreadM x kThreadN elements as groups of 4 x 4, 16 rows and 32
// columns apart, so that the float4 reads of a quarter-warp fall into different banks or the same word.
constexpr int kWarpM = 4, kWarpN = 8, kQuad = 4;
constexpr int kGroupM = kWarpM * kQuad, kGroupN = kWarpN * kQuad;

template <int kTileM, int kTileN, int kStepK, int kPerThreadM, int kPerThreadN>
struct Tile {
  static constexpr int kM = kTileM, kN = kTileN, kK = kStepK, kThreadM = kPerThreadM, kThreadN = kPerThreadN;
  static constexpr int kThreads = kM / kThreadM * (kN / kThreadN);
  static constexpr int kWarpsM = kM / (kWarpM * kThreadM);
  using PanelA = Panel<kM, kK, kThreads>;
  using PanelB = Panel<kN, kK, kThreads>;

  struct Buffers {
    float a[2][kK][PanelA::kPitch];
    float b[2][kK][PanelB::kPitch];
  };
  // The epilogue takes a thread's elements through shared memory, a few rows at a time, so that the code of
  // the activations exists once and not once per element.
  static constexpr int kGroups = kThreadN / kQuad;
  static constexpr int kFitting = sizeof(Buffers) / (sizeof(float4) * kThreads * kGroups);
  static constexpr int kRowsAtOnce = kFitting < kThreadM ? kFitting : kThreadM;
  union Shared {
    Buffers buffers;
    float4 slots[kRowsAtOnce * kGroups][kThreads];
  };
  static_assert(kRowsAtOnce >= 1 && kThreadM % kRowsAtOnce == 0 && kThreads % kLanes == 0, "");
};

// The place of a thread's first element in the tile.
template <class T>
__device__ int first_row() {
  const int warp = threadIdx.x / kLanes, lane = threadIdx.x % kLanes;
  return warp % T::kWarpsM * (kWarpM * T::kThreadM) + lane / kWarpN * kQuad;
}
template <class T>
__device__ int first_column() {
  const int warp = threadIdx.x / kLanes, lane = threadIdx.x % kLanes;
  return warp / T::kWarpsM * (kWarpN * T::kThreadN) + lane % kWarpN * kQuad;
}
__device__ int row_offset(int i) { return i / kQuad * kGroupM + i % kQuad; }

template <class T>
__device__ void multiply_add(const float* a, const float* b, float (&sum)[T::kThreadM][T::kThreadN]) {
  float x[T::kThreadM], y[T::kThreadN];
#pragma unroll
  for (int g = 0; g < T::kThreadM / kQuad; g++) {
    const float4 v = quad(a + g * kGroupM);
    x[4 * g] = v.x, x[4 * g + 1] = v.y, x[4 * g + 2] = v.z, x[4 * g + 3] = v.w;
  }
#pragma unroll
  for (int g = 0; g < T::kThreadN / kQuad; g++) {
    const float4 v = quad(b + g * kGroupN);
    y[4 * g] = v.x, y[4 * g + 1] = v.y, y[4 * g + 2] = v.z, y[4 * g + 3] = v.w;
  }
#pragma unroll
  for (int i = 0; i < T::kThreadM; i++) {
#pragma unroll
    for (int j = 0; j < T::kThreadN; j++) sum[i][j] = fma_(x[i], y[j], sum[i][j]);
  }
}

template <class T>
__device__ void main_loop(const Gemm& op, const float* a, const float* b, int64_t rows, int64_t cols,
                          int aligned, typename T::Buffers& buffers, float (&sum)[T::kThreadM][T::kThreadN]) {
  const int m = first_row<T>(), n = first_column<T>();
  typename T::PanelA panel_a(a, op.lda, !op.trans_a, rows, aligned & kAlignedA);
  typename T::PanelB panel_b(b, op.ldb, op.trans_b, cols, aligned & kAlignedB);
  panel_a.load(op.k);
  panel_b.load(op.k);
  panel_a.store(buffers.a[0]);
  panel_b.store(buffers.b[0]);
  __syncthreads();
  int current = 0;
  for (int64_t left = op.k; left > 0; left -= T::kK) {
    const bool more = left > T::kK;
    if (more) {
      panel_a.load(left - T::kK);
      panel_b.load(left - T::kK);
    }
    const float(*at)[T::PanelA::kPitch] = buffers.a[current];
    const float(*bt)[T::PanelB::kPitch] = buffers.b[current];
    if (left >= T::kK) {
#pragma unroll
      for (int k = 0; k < T::kK; k++) multiply_add<T>(&at[k][m], &bt[k][n], sum);
    } else {  // padding with zeros would turn a sum of -0 into +0
#pragma unroll 1
      for (int k = 0; k < left; k++) multiply_add<T>(&at[k][m], &bt[k][n], sum);
    }
    current ^= 1;
    if (more) {
      panel_a.store(buffers.a[current]);
      panel_b.store(buffers.b[current]);
    }
    __syncthreads();
  }
}

__device__ float activate(Activation activation, float x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return relu_(x);
    case Activation::kGelu:
      return gelu_(x);
    case Activation::kTanh:
      return tanh_(x);
    case Activation::kSigmoid:
      return sigmoid_(x);
  }
  return x;
}

// Four neighbours of a row of C, of which `count` are inside.
__device__ void finish_quad(const Gemm& op, float4 sum, float* c, const float* bias, int count, bool vector) {
  float v[kQuad] = {sum.x, sum.y, sum.z, sum.w};
  float old[kQuad] = {0, 0, 0, 0};
  if (op.beta != 0) {
    const float4 before = load_quad(c, count, vector);
    old[0] = before.x, old[1] = before.y, old[2] = before.z, old[3] = before.w;
  }
#pragma unroll
  for (int j = 0; j < kQuad; j++) {
    v[j] = op.alpha * v[j];
    if (op.beta != 0) v[j] = fma_(op.beta, old[j], v[j]);
    if (bias && j < count) v[j] = v[j] + bias[j];
    v[j] = activate(op.activation, v[j]);
  }
  if (vector && count >= kQuad) {
    quad(c) = make_float4(v[0], v[1], v[2], v[3]);
  } else {
#pragma unroll
    for (int j = 0; j < kQuad; j++) {
      if (j < count) c[j] = v[j];
    }
  }
}

template <class T>
__device__ void epilogue(const Gemm& op, float* c, const float* bias, int64_t rows, int64_t cols, bool vector,
                         float4 (&slots)[T::kRowsAtOnce * T::kGroups][T::kThreads],
                         const float (&sum)[T::kThreadM][T::kThreadN]) {
  const int m = first_row<T>(), n = first_column<T>();
#pragma unroll
  for (int part = 0; part < T::kThreadM; part += T::kRowsAtOnce) {
#pragma unroll
    for (int s = 0; s < T::kRowsAtOnce * T::kGroups; s++) {
      const float* v = &sum[part + s / T::kGroups][s % T::kGroups * kQuad];
      slots[s][threadIdx.x] = make_float4(v[0], v[1], v[2], v[3]);
    }
#pragma unroll 1
    for (int s = 0; s < T::kRowsAtOnce * T::kGroups; s++) {
      const int row = m + row_offset(part + s / T::kGroups), column = n + s % T::kGroups * kGroupN;
      if (row >= rows) continue;
      if (column >= cols) continue;
      const int count = cols - column < kQuad ? static_cast<int>(cols - column) : kQuad;
      finish_quad(op, slots[s][threadIdx.x], c + row * op.ldc + column, bias ? bias + column : nullptr, count,
                  vector);
    }
  }
}

// Tiles are taken in bands of 8 tile rows, column by column: blocks that run at the same time share panels in
// the L2 cache.
__device__ void place(unsigned tiles_m, unsigned tiles_n, unsigned& m, unsigned& n) {
  constexpr unsigned kBand = 8;
  const unsigned band = blockIdx.x / (kBand * tiles_n), inside = blockIdx.x % (kBand * tiles_n);
  const unsigned height = tiles_m - band * kBand < kBand ? tiles_m - band * kBand : kBand;
  m = band * kBand + inside % height;
  n = inside / height;
}

template <class T>
__device__ void gemm(const Gemm& op, int aligned) {
  __shared__ typename T::Shared shared;
  unsigned tile_m, tile_n;
  place(static_cast<unsigned>((op.m + T::kM - 1) / T::kM), static_cast<unsigned>((op.n + T::kN - 1) / T::kN),
        tile_m, tile_n);
  const int64_t row = int64_t{tile_m} * T::kM, column = int64_t{tile_n} * T::kN, problem = blockIdx.z;
  const float* a = op.a.data + problem * op.stride_a + (op.trans_a ? row : row * op.lda);
  const float* b = op.b.data + problem * op.stride_b + (op.trans_b ? column * op.ldb : column);
  float sum[T::kThreadM][T::kThreadN] = {};
  main_loop<T>(op, a, b, op.m - row, op.n - column, aligned, shared.buffers, sum);
  epilogue<T>(op, op.c.data + problem * op.stride_c + row * op.ldc + column,
              op.bias.data ? op.bias.data + column : nullptr, op.m - row, op.n - column, aligned & kAlignedC,
              shared.slots, sum);
}

using Large = Tile<128, 128, 8, 8, 8>;
using Medium = Tile<64, 64, 16, 8, 4>;
using Small = Tile<32, 32, 32, 4, 4>;

}  // namespace

extern "C" __global__ void __launch_bounds__(Large::kThreads, 2) adastep_gemm_128x128(Gemm op, int aligned) {
  gemm<Large>(op, aligned);
}
extern "C" __global__ void __launch_bounds__(Medium::kThreads, 4) adastep_gemm_64x64(Gemm op, int aligned) {
  gemm<Medium>(op, aligned);
}
extern "C" __global__ void __launch_bounds__(Small::kThreads, 6) adastep_gemm_32x32(Gemm op, int aligned) {
  gemm<Small>(op, aligned);
}
