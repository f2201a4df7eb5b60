// Sums and means of table rows: a warp per bag and tile of 128 columns, four per lane.
#include "core/row_gradient.h"
#include "cuda/kernels/tree.cuh"

using namespace adastep;

namespace {

constexpr int kColumns = 4;  // of a lane
constexpr int kTileColumns = kColumns * kLanes;

// The lanes look 32 positions up together; `reports` where this warp is the one that tells of a fault.
__device__ void sum_bag(const EmbeddingBag& op, const BagRange& range, int64_t column, float (&sum)[kColumns],
                        bool reports, const FaultReport& fault) {
#pragma unroll
  for (int t = 0; t < kColumns; t++) sum[t] = 0.0f;
  for (int64_t first = range.first; first < range.last; first += kLanes) {
    const int64_t i = first + WarpGroup::begin();
    const bool mine = i < range.last;
    const int32_t index = mine ? op.indices.data[i] : 0;
    const float weight = mine && op.weights.data ? op.weights.data[i] : 1.0f;
    const bool valid = in_range(index, op.vocabulary);
    if (mine && !valid && reports) report(fault, i, index, op.vocabulary);
    const int32_t row = valid ? index : -1;
    const int64_t left = range.last - first;
    const int terms = left < kLanes ? static_cast<int>(left) : kLanes;
    for (int k = 0; k < terms; k++) {
      const int32_t row_k = __shfl_sync(0xffffffffu, row, k);
      const float weight_k = op.weights.data ? __shfl_sync(0xffffffffu, weight, k) : 1.0f;
      if (row_k < 0) continue;
      const float* from = op.table.data + row_k * op.dim + column;
#pragma unroll
      for (int t = 0; t < kColumns; t++) {
        if (column + t * kLanes < op.dim) sum[t] = fma_(weight_k, from[t * kLanes], sum[t]);
      }
    }
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads)
    adastep_embedding_bag(EmbeddingBag op, FaultReport fault) {
  const int64_t tiles = (op.dim + kTileColumns - 1) / kTileColumns;
  for (int64_t i = WarpGroup::first(); i < op.bags.bags * tiles; i += WarpGroup::stride()) {
    const int64_t b = i / tiles, column = i % tiles * kTileColumns + WarpGroup::begin();
    const BagRange range = bag_at(op.bags, b);
    const bool reports = i % tiles == 0;
    if (reports && WarpGroup::begin() == 0 && is_faulty(op.bags, b, range)) {
      report(fault, b, op.bags.offsets.data[b], range.limit, kWrongOffset);
    }
    float sum[kColumns];
    sum_bag(op, range, column, sum, reports, fault);
    const float length = static_cast<float>(range.last - range.first);
    const bool divides = op.mean && range.first != range.last;
    float* y = op.y.data + b * op.dim + column;
#pragma unroll
    for (int t = 0; t < kColumns; t++) {
      if (column + t * kLanes < op.dim) y[t * kLanes] = divides ? sum[t] / length : sum[t];
    }
  }
}

extern "C" __global__ void __launch_bounds__(kThreads) adastep_bag_map(BagMap op) {
  for (int64_t i = thread_index(); i < op.bags.n; i += thread_count()) {
    const int64_t b = bag_of(op.bags, i);
    op.bag.data[i] = static_cast<int32_t>(op.first + b);
    op.scale.data[i] = scale_at(op, i, b);
  }
}

extern "C" __global__ void __launch_bounds__(kThreads) adastep_bag_weight_grad(BagWeightGrad op) {
  for (int64_t i = WarpGroup::first(); i < op.bags.n; i += WarpGroup::stride()) {
    const int64_t index = op.indices.data[i];
    const bool valid = in_range(index, op.vocabulary);
    const float* row = op.table.data + index * op.dim;  // read only where it is valid
    const float* gy = op.gy.data + bag_of(op.bags, i) * op.dim;
    float total = 0.0f, of_lane = 0.0f;
    int64_t chunk = 0;
    for (int64_t first = 0; valid && first < op.dim; first += kChunk, chunk++) {
      const int64_t last = op.dim - first < kChunk ? op.dim : first + kChunk;
      total = fold_chunk<SumFold>(first, last, [=](int64_t j) { return gy[j] * row[j]; });
      if (chunk % kLanes == WarpGroup::begin()) of_lane += total;
    }
    const float result = chunk <= 1 ? total : fold_warp<SumFold>(of_lane);
    if (WarpGroup::begin() == 0) op.gweights.data[i] = result;
  }
}
