// C = act(alpha op(A) op(B) + beta C + bias) with op(A) and op(B) rounded to bf16, as core/ops/gemm.h defines
// it, by the tensor cores of compute capability 8.0 and later: products are exact, sums are in f32, in an
// order and with a rounding that NVIDIA does not specify.
//
// A block computes a tile of C. It walks over k in steps of kK: the panels of op(A) and op(B) go as f32 from
// global memory into registers and from there as bf16 into one of two shared buffers while the other is being
// multiplied. Shared panels are [row of op(A)][k] and [column of op(B)][k] whatever the storage was, so one
// main loop serves all four transpositions.
#include "cuda/kernels/gemm_bf16_panel.cuh"
#include "cuda/kernels/gemm_block.cuh"
#include "cuda/kernels/gemm_finish.cuh"
#include "cuda/kernels/tensor_core.cuh"

using namespace adastep;

namespace {

// A warp computes kSlabs slabs of kSlabM x kWarpN, a slab as kWarpN / 8 products of m16n8k16.
constexpr int kSlabM = 16, kWarpN = 32;

template <int kTileM, int kTileN, int kStepK, int kWarpM>
struct Tile {
  static constexpr int kM = kTileM, kN = kTileN, kK = kStepK, kSlabs = kWarpM / kSlabM;
  static constexpr int kWarpsM = kM / kWarpM, kWarps = kWarpsM * (kN / kWarpN), kThreads = kWarps * kLanes;
  using PanelA = BrainPanel<kM, kK, kThreads>;
  using PanelB = BrainPanel<kN, kK, kThreads>;

  // Pairs of columns of C of all rows g of a warp's slab fall into different banks.
  static constexpr int kPitch = kWarpN + 8;
  union alignas(128) Shared {
    struct {
      uint32_t a[2][PanelA::kWords], b[2][PanelB::kWords];
    } buffers;
    float slabs[kWarps][kSlabM][kPitch];
  };
};
template <class T>
using Block = GemmBlock<T::kM, T::kN>;
template <class T>
using Sums = float[T::kSlabs][kWarpN / 8][4];

// The warp's corner in the tile.
template <class T>
__device__ int warp_row() {
  return threadIdx.x / kLanes % T::kWarpsM * (T::kSlabs * kSlabM);
}
template <class T>
__device__ int warp_column() {
  return threadIdx.x / kLanes / T::kWarpsM * kWarpN;
}

// sum += A B over a step of kK. `a` and `b` are the panels, `word_a` and `word_b` the places in them of the
// first row that the lane loads.
template <class T>
__device__ void multiply_add(uint32_t a, uint32_t b, int word_a, int word_b, Sums<T>& sum) {
#pragma unroll
  for (int k = 0; k < T::kK; k += 16) {
    uint32_t y[kWarpN / 16][4];
#pragma unroll
    for (int j = 0; j < kWarpN / 16; j++) load_matrices(b + 4 * (word_b ^ word_at<T::kK>(16 * j, k)), y[j]);
#pragma unroll
    for (int i = 0; i < T::kSlabs; i++) {
      uint32_t x[4];
      load_matrices(a + 4 * (word_a ^ word_at<T::kK>(16 * i, k)), x);
#pragma unroll
      for (int j = 0; j < kWarpN / 8; j++)
        multiply_bf16(x, y[j / 2][j % 2 * 2], y[j / 2][j % 2 * 2 + 1], sum[i][j]);
    }
  }
}

template <class T>
__device__ void main_loop(const Gemm& op, const Block<T>& block, int aligned, typename T::Shared& shared,
                          Sums<T>& sum) {
  auto& buffers = shared.buffers;
  typename T::PanelA panel_a(block.a(op), op.lda, !op.trans_a, block.rows, aligned & kAlignedA);
  typename T::PanelB panel_b(block.b(op), op.ldb, op.trans_b, block.cols, aligned & kAlignedB);
  // Of A a lane loads one of 16 rows, of 8 k or the next 8; of B one of 8 columns, of those or the next.
  const int lane = threadIdx.x % kLanes;
  const int word_a = word_at<T::kK>(warp_row<T>() + lane % 16, lane / 16 * 8);
  const int word_b = word_at<T::kK>(warp_column<T>() + lane / 16 * 8 + lane % 8, lane / 8 % 2 * 8);
  walk<T::kK>(op.k, panel_a, panel_b, buffers, [&](const auto& a, const auto& b, int64_t) {
    multiply_add<T>(shared_address(a), shared_address(b), word_a, word_b, sum);
  });
}

// A warp's slabs go one by one through shared memory, from which its lanes take four neighbours each. The
// code of the epilogue exists once: the loop over slabs is one, and only the way into shared memory is
// unrolled.
template <class T>
__device__ void epilogue(const Gemm& op, const Block<T>& block, bool vector, typename T::Shared& shared,
                         const Sums<T>& sum) {
  const int lane = threadIdx.x % kLanes;
  const int column = warp_column<T>() + lane % 8 * kQuad, count = block.cols - column;
  float* const c = block.c(op) + warp_row<T>() * op.ldc + column;
  const float* const bias = op.bias.data ? block.bias(op) + column : nullptr;
  float(&slab)[kSlabM][T::kPitch] = shared.slabs[threadIdx.x / kLanes];
#pragma unroll 1
  for (int i = 0; i < T::kSlabs; i++) {
    if (i > 0) __syncwarp();  // the slab before was taken
#pragma unroll
    for (int own = 0; own < T::kSlabs; own++) {
      if (own != i) continue;
#pragma unroll
      for (int j = 0; j < kWarpN / 8; j++) {
        float* const p = &slab[lane / 4][8 * j + lane % 4 * 2];
        *reinterpret_cast<float2*>(p) = make_float2(sum[own][j][0], sum[own][j][1]);
        *reinterpret_cast<float2*>(p + 8 * T::kPitch) = make_float2(sum[own][j][2], sum[own][j][3]);
      }
    }
    __syncwarp();
    const int rows = block.rows - warp_row<T>() - i * kSlabM;
#pragma unroll 1
    for (int first = 0; first < kSlabM; first += 4) {
      const int r = first + lane / 8;
      if (r < rows && count > 0)
        finish_quad(op, quad(&slab[r][lane % 8 * kQuad]), c + (i * kSlabM + r) * op.ldc, bias, count, vector);
    }
  }
}

template <class T>
__device__ void gemm(const Gemm& op, int aligned) {
  __shared__ typename T::Shared shared;
  const Block<T> block(op);
  Sums<T> sum = {};
  main_loop<T>(op, block, aligned, shared, sum);
  epilogue<T>(op, block, aligned & kAlignedC, shared, sum);
}

using Large = Tile<128, 128, 16, 64>;
using Medium = Tile<64, 64, 32, 32>;
using Small = Tile<32, 32, 32, 16>;

}  // namespace

extern "C" __global__ void __launch_bounds__(Large::kThreads, 2)
    adastep_gemm_bf16_128x128(Gemm op, int aligned) {
  gemm<Large>(op, aligned);
}
extern "C" __global__ void __launch_bounds__(Medium::kThreads, 3)
    adastep_gemm_bf16_64x64(Gemm op, int aligned) {
  gemm<Medium>(op, aligned);
}
extern "C" __global__ void __launch_bounds__(Small::kThreads, 6)
    adastep_gemm_bf16_32x32(Gemm op, int aligned) {
  gemm<Small>(op, aligned);
}
