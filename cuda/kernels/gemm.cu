// C = act(alpha op(A) op(B) + beta C + bias) in exact f32, as core/ops/gemm.h defines it: each element is one
// fma chain in ascending k, held in a register of one thread from the first k to the last.
//
// A block computes a tile of C. It walks over k in steps of kK: the panels of op(A) and op(B) go from global
// memory through registers into one of two shared buffers while the other is being multiplied. Shared panels
// are [k][row of op(A)] and [k][column of op(B)] whatever the storage was, so one main loop serves all four
// transpositions.
#include "core/ops/gemm.h"
#include "cuda/kernels/common.cuh"
#include "cuda/kernels/gemm_block.cuh"
#include "cuda/kernels/gemm_finish.cuh"
#include "cuda/kernels/gemm_panel.cuh"

using namespace adastep;

namespace {

// A warp is 4 x 8 threads. A thread holds kThreadM x kThreadN elements as groups of 4 x 4, 16 rows and 32
// columns apart, so that the float4 reads of a quarter-warp fall into different banks or the same word.
constexpr int kWarpM = 4, kWarpN = 8;
constexpr int kGroupM = kWarpM * kQuad, kGroupN = kWarpN * kQuad;

// Which elements of a panel a thread reads: 8 k apart. Along k two neighbouring threads read one sector; of
// unaligned memory neighbours read neighbours.
template <int kPanelRows, int kPanelK, int kPanelThreads>
struct Quads {
  static constexpr int kRows = kPanelRows, kK = kPanelK, kPerThread = kK / 8;
  static_assert(kPanelThreads == 2 * kRows && kK % 8 == 0 && kRows % 8 == 0, "");

  static __device__ int row(bool along_k, bool aligned) {
    if (!along_k) return aligned ? threadIdx.x % kQuarter * 4 : threadIdx.x % kQuarter;
    return aligned ? threadIdx.x / 2 : threadIdx.x / 8;
  }
  static __device__ int k(bool along_k, bool aligned) {
    if (!along_k) return threadIdx.x / kQuarter;
    return aligned ? threadIdx.x % 2 * 4 : threadIdx.x % 8;
  }
  static __device__ int row_step(int, bool, bool) { return 0; }
  static __device__ int k_step(int i, bool, bool) { return 8 * i; }

 private:
  static constexpr int kQuarter = kRows / 4;
};

template <int kRows, int kK, int kThreads>
class Panel : public PanelReader<Quads<kRows, kK, kThreads>> {
  using Reader = PanelReader<Quads<kRows, kK, kThreads>>;

 public:
  using Reader::Reader;
  // Rows of shared memory are 4 mod 8 floats apart: see `store`.
  static constexpr int kPitch = kRows + 4;

  __device__ void store(float (&to)[kK][kPitch]) const {
    // Four k are 4 * kPitch = 16 mod 32 banks apart, which 16 neighbouring rows do not reach: no conflict.
    const int apart = this->aligned_ ? kPitch : Reader::kQuarter;
#pragma unroll
    for (int i = 0; i < Reader::kPerThread; i++) {
      const float4 v = this->value_[i];
      float* const p = &to[this->k(i)][this->row(i)];
      if (this->aligned_ && !this->along_k_) {
        quad(p) = v;
      } else {
        p[0] = v.x, p[apart] = v.y, p[2 * apart] = v.z, p[3 * apart] = v.w;
      }
    }
  }
};

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

template <class T>
using Block = GemmBlock<T::kM, T::kN>;

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
__device__ void main_loop(const Gemm& op, const Block<T>& block, int aligned, typename T::Buffers& buffers,
                          float (&sum)[T::kThreadM][T::kThreadN]) {
  const int m = first_row<T>(), n = first_column<T>();
  typename T::PanelA panel_a(block.a(op), op.lda, !op.trans_a, block.rows, aligned & kAlignedA);
  typename T::PanelB panel_b(block.b(op), op.ldb, op.trans_b, block.cols, aligned & kAlignedB);
  walk<T::kK>(op.k, panel_a, panel_b, buffers, [&](const auto& at, const auto& bt, int64_t left) {
    if (left >= T::kK) {
#pragma unroll
      for (int k = 0; k < T::kK; k++) multiply_add<T>(&at[k][m], &bt[k][n], sum);
    } else {  // padding with zeros would turn a sum of -0 into +0
#pragma unroll 1
      for (int k = 0; k < left; k++) multiply_add<T>(&at[k][m], &bt[k][n], sum);
    }
  });
}

template <class T>
__device__ void epilogue(const Gemm& op, const Block<T>& block, bool vector,
                         float4 (&slots)[T::kRowsAtOnce * T::kGroups][T::kThreads],
                         const float (&sum)[T::kThreadM][T::kThreadN]) {
  const int m = first_row<T>(), n = first_column<T>();
  float* const c = block.c(op);
  const float* const bias = op.bias.data ? block.bias(op) : nullptr;
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
      if (row >= block.rows) continue;
      if (column >= block.cols) continue;
      finish_quad(op, slots[s][threadIdx.x], c + row * op.ldc + column, bias ? bias + column : nullptr,
                  block.cols - column, vector);
    }
  }
}

template <class T>
__device__ void gemm(const Gemm& op, int aligned) {
  __shared__ typename T::Shared shared;
  const Block<T> block(op);
  float sum[T::kThreadM][T::kThreadN] = {};
  main_loop<T>(op, block, aligned, shared.buffers, sum);
  epilogue<T>(op, block, aligned & kAlignedC, shared.slots, sum);
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
