// CUB's block and warp primitives: code that the emulator did not grow up with.
#include <cub/block/block_radix_sort.cuh>
#include <cub/block/block_reduce.cuh>
#include <cub/block/block_scan.cuh>
#include <cub/warp/warp_reduce.cuh>
#include <cub/warp/warp_scan.cuh>

constexpr int kThreads = 128, kItems = 4;

template <cub::BlockReduceAlgorithm Algorithm>
__device__ void reduce(const int* in, int* out) {
  using Reduce = cub::BlockReduce<int, kThreads, Algorithm>;
  __shared__ typename Reduce::TempStorage storage;
  int sum = Reduce(storage).Sum(in[blockIdx.x * kThreads + threadIdx.x]);
  if (threadIdx.x == 0) out[blockIdx.x] = sum;
}
extern "C" __global__ void reduce_shuffles(const int* in, int* out) {
  reduce<cub::BLOCK_REDUCE_WARP_REDUCTIONS>(in, out);
}
extern "C" __global__ void reduce_raking(const int* in, int* out) {
  reduce<cub::BLOCK_REDUCE_RAKING>(in, out);
}

template <cub::BlockScanAlgorithm Algorithm>
__device__ void scan(const int* in, int* out) {
  using Scan = cub::BlockScan<int, kThreads, Algorithm>;
  __shared__ typename Scan::TempStorage storage;
  int value = in[threadIdx.x];
  Scan(storage).InclusiveSum(value, value);
  out[threadIdx.x] = value;
}
extern "C" __global__ void scan_shuffles(const int* in, int* out) {
  scan<cub::BLOCK_SCAN_WARP_SCANS>(in, out);
}
extern "C" __global__ void scan_raking(const int* in, int* out) { scan<cub::BLOCK_SCAN_RAKING>(in, out); }

extern "C" __global__ void radix_sort(const int* in, int* out) {
  using Sort = cub::BlockRadixSort<int, kThreads, kItems>;
  __shared__ typename Sort::TempStorage storage;
  int items[kItems];
  for (int k = 0; k < kItems; ++k) items[k] = in[threadIdx.x * kItems + k];
  Sort(storage).Sort(items);
  for (int k = 0; k < kItems; ++k) out[threadIdx.x * kItems + k] = items[k];
}

extern "C" __global__ void warp_segments(const int* in, int* out) {
  using Reduce = cub::WarpReduce<int, 8>;
  __shared__ typename Reduce::TempStorage storage[kThreads / 8];
  int sum = Reduce(storage[threadIdx.x / 8]).Sum(in[threadIdx.x]);
  if (threadIdx.x % 8 == 0) out[threadIdx.x / 8] = sum;
}
