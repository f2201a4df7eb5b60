// SortRows: a radix sort from the low digit up, in tiles. Per digit: each tile counts its digits; a scan over
// the tiles gives each its first place per digit; each tile moves its keys there. A warp has a contiguous
// part of the tile and takes 32 keys at a time, so that equal keys stay in order. No atomics.
#include "core/row_gradient.h"
#include "cuda/kernels/common.cuh"
#include "cuda/kernels/sort.h"

using namespace adastep;

namespace {

constexpr uint32_t kAll = 0xffffffffu;
constexpr int kWarps = kThreads / kLanes;
constexpr int kKeysPerWarp = kSortTile / kWarps;

__device__ int lane() { return threadIdx.x % kLanes; }
__device__ int warp() { return threadIdx.x / kLanes; }
__device__ int below_me() { return (1u << lane()) - 1; }

// f(i) for the calling lane's keys of the tile, 32 of its warp at a time; i may be past the end.
template <class F>
__device__ void for_keys(int64_t tile, const F& f) {
  const int64_t first = tile * kSortTile + warp() * kKeysPerWarp;
  for (int k = 0; k < kKeysPerWarp; k += kLanes) f(first + k + lane());
}

__device__ int digit_of(const SortPass& pass, int64_t i) {
  return i < pass.rows ? static_cast<int>(pass.keys[i] >> pass.shift & (kSortDigits - 1)) : kSortDigits;
}

// Adds the 32 digits of a warp to its counts: gives each lane the count before its key.
__device__ int32_t count_digit(int32_t* counts, int digit) {
  const uint32_t same = __match_any_sync(kAll, digit);
  const int32_t before = digit < kSortDigits ? counts[digit] : 0;
  __syncwarp();
  if (digit < kSortDigits && (same & below_me()) == 0) counts[digit] = before + __popc(same);
  __syncwarp();
  return before + __popc(same & below_me());
}

__device__ void clear(int32_t (*counts)[kSortDigits]) {
  for (int w = 0; w < kWarps; w++) counts[w][threadIdx.x] = 0;
  __syncthreads();
}

// The sum of the values of all threads before the calling one. Between two calls there must be a barrier.
__device__ int32_t scan_block(int32_t value) {
  __shared__ int32_t of_warp[kWarps];
  int32_t sum = value;
  for (int step = 1; step < kLanes; step *= 2) {
    const int32_t other = __shfl_up_sync(kAll, sum, step);
    if (lane() >= step) sum += other;
  }
  if (lane() == kLanes - 1) of_warp[warp()] = sum;
  __syncthreads();
  int32_t before = 0;
  for (int w = 0; w < warp(); w++) before += of_warp[w];
  return before + sum - value;
}

__device__ bool is_head(const uint32_t* keys, int64_t i, int64_t rows, int64_t vocabulary) {
  return i < rows && keys[i] < vocabulary && (i == 0 || keys[i - 1] != keys[i]);
}

// The first place whose key is not in range.
__device__ int64_t end_of_range(const uint32_t* keys, int64_t rows, int64_t vocabulary) {
  int64_t low = 0, high = rows;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (keys[middle] < vocabulary) low = middle + 1;
    if (keys[middle] >= vocabulary) high = middle;
  }
  return low;
}

}  // namespace

static_assert(kSortDigits == kThreads, "a thread per digit");

extern "C" __global__ void __launch_bounds__(kThreads)
    adastep_sort_load(SortRows op, uint32_t* keys, FaultReport fault) {
  for (int64_t i = thread_index(); i < op.rows; i += thread_count()) {
    const int64_t index = op.indices.data[i];
    const bool valid = in_range(index, op.vocabulary);
    if (!valid) report(fault, i, op.indices.data[i], op.vocabulary);
    keys[i] = static_cast<uint32_t>(valid ? index : op.vocabulary);
  }
}

// counts is [tiles, digits].
extern "C" __global__ void __launch_bounds__(kThreads) adastep_sort_count(SortPass pass) {
  __shared__ int32_t counts[kWarps][kSortDigits];
  for (int64_t tile = blockIdx.x; tile < pass.tiles; tile += gridDim.x) {
    clear(counts);
    for_keys(tile, [&](int64_t i) { count_digit(counts[warp()], digit_of(pass, i)); });
    __syncthreads();
    int32_t count = 0;
    for (int w = 0; w < kWarps; w++) count += counts[w][threadIdx.x];
    pass.counts[tile * kSortDigits + threadIdx.x] = count;  // (to clear them needs no barrier: each its own)
  }
}

// counts [tiles, columns] becomes, per column, the sum over the tiles before; `totals` that over all. A block
// of 32 x 32 per 32 columns; threadIdx.y has a contiguous part of the tiles.
extern "C" __global__ void __launch_bounds__(kLanes* kLanes)
    adastep_sort_scan(int32_t* counts, int32_t* totals, int64_t tiles, int32_t columns) {
  __shared__ int32_t sums[kLanes][kLanes];
  const int column = blockIdx.x * kLanes + threadIdx.x;
  const int64_t part = (tiles + kLanes - 1) / kLanes;
  const int64_t first = threadIdx.y * part, end = first + part;
  const int64_t last = column < columns ? (end < tiles ? end : tiles) : 0;
  int32_t sum = 0;
  for (int64_t tile = first; tile < last; tile++) sum += counts[tile * columns + column];
  sums[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  int32_t before = 0;
  for (int y = 0; y < threadIdx.y; y++) before += sums[y][threadIdx.x];
  if (threadIdx.y == kLanes - 1 && column < columns) totals[column] = before + sum;
  for (int64_t tile = first; tile < last; tile++) {
    const int32_t count = counts[tile * columns + column];
    counts[tile * columns + column] = before;
    before += count;
  }
}

// A tile is put in order in shared memory first, so that neighbours go to neighbouring places.
extern "C" __global__ void __launch_bounds__(kThreads) adastep_sort_move(SortPass pass) {
  __shared__ int32_t counts[kWarps][kSortDigits];
  __shared__ uint32_t keys[kSortTile];
  __shared__ int32_t positions[kSortTile];
  __shared__ int32_t offsets[kSortDigits];  // of a digit: from its places in the tile to those in the result
  const int32_t of_digit = scan_block(pass.totals[threadIdx.x]);
  for (int64_t tile = blockIdx.x; tile < pass.tiles; tile += gridDim.x) {
    clear(counts);
    for_keys(tile, [&](int64_t i) { count_digit(counts[warp()], digit_of(pass, i)); });
    __syncthreads();
    int32_t count = 0;
    for (int w = 0; w < kWarps; w++) count += counts[w][threadIdx.x];
    int32_t place = scan_block(count);
    offsets[threadIdx.x] = of_digit + pass.counts[tile * kSortDigits + threadIdx.x] - place;
    for (int w = 0; w < kWarps; w++) {
      const int32_t of_warp = counts[w][threadIdx.x];
      counts[w][threadIdx.x] = place;
      place += of_warp;
    }
    __syncthreads();
    for_keys(tile, [&](int64_t i) {
      const int32_t to = count_digit(counts[warp()], digit_of(pass, i));
      if (i >= pass.rows) return;
      keys[to] = pass.keys[i];
      positions[to] = pass.positions ? pass.positions[i] : static_cast<int32_t>(i);
    });
    __syncthreads();
    const int64_t left = pass.rows - tile * kSortTile;
    for (int k = threadIdx.x; k < kSortTile && k < left; k += kThreads) {
      const int32_t to = offsets[keys[k] >> pass.shift & (kSortDigits - 1)] + k;
      pass.keys_out[to] = keys[k];
      pass.positions_out[to] = positions[k];
    }
  }
}

// counts[tile] = runs that begin in the tile.
extern "C" __global__ void __launch_bounds__(kThreads)
    adastep_runs_count(SortRows op, const uint32_t* keys, int32_t* counts, int64_t tiles) {
  __shared__ int32_t of_warp[kWarps];
  for (int64_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    int32_t count = 0;
    for_keys(tile, [&](int64_t i) {
      count += __popc(__ballot_sync(kAll, is_head(keys, i, op.rows, op.vocabulary)));
    });
    if (lane() == 0) of_warp[warp()] = count;
    __syncthreads();
    if (threadIdx.x == 0) {
      for (int w = 1; w < kWarps; w++) count += of_warp[w];
      counts[tile] = count;
    }
    __syncthreads();
  }
}

// `before` is the runs of the tiles before, `total` of all.
extern "C" __global__ void __launch_bounds__(kThreads)
    adastep_runs_write(SortRows op, const uint32_t* keys, const int32_t* before, const int32_t* total,
                       int64_t tiles) {
  __shared__ int32_t of_warp[kWarps];
  const int32_t runs = total[0];
  const int32_t end = static_cast<int32_t>(end_of_range(keys, op.rows, op.vocabulary));
  if (thread_index() == 0) op.count.data[0] = runs;
  for (int64_t i = runs + thread_index(); i <= op.rows; i += thread_count()) op.starts.data[i] = end;
  for (int64_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    int32_t count = 0;
    for_keys(tile, [&](int64_t i) {
      count += __popc(__ballot_sync(kAll, is_head(keys, i, op.rows, op.vocabulary)));
    });
    if (lane() == 0) of_warp[warp()] = count;
    __syncthreads();
    int32_t place = before[tile];
    for (int w = 0; w < warp(); w++) place += of_warp[w];
    for_keys(tile, [&](int64_t i) {
      const bool head = is_head(keys, i, op.rows, op.vocabulary);
      const uint32_t heads = __ballot_sync(kAll, head);
      if (head) op.starts.data[place + __popc(heads & below_me())] = static_cast<int32_t>(i);
      place += __popc(heads);
    });
    __syncthreads();
  }
}
