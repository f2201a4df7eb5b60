// Layer normalisation, a warp or a block per row, and the gradients of its parameters, a block per 32
// columns.
#include "core/ops/norm.h"
#include "cuda/kernels/tree.cuh"

using namespace adastep;

namespace {

__device__ float scale_of(const In<float>& gamma, int64_t j) { return gamma.data ? gamma.data[j] : 1.0f; }

template <class Group>
__device__ void layer_norm(const LayerNorm& op) {
  const float cols = static_cast<float>(op.cols);
  for (int64_t row = Group::first(); row < op.rows; row += Group::stride()) {
    const float* x = op.x.data + row * op.cols;
    float* y = op.y.data + row * op.cols;
    const float mean =
        op.centered ? Group::template fold<SumFold>(op.cols, [=](int64_t j) { return x[j]; }) / cols : 0.0f;
    const float variance = Group::template fold<SumFold>(op.cols,
                                                         [=](int64_t j) {
                                                           const float d = x[j] - mean;
                                                           return d * d;
                                                         }) /
                           cols;
    const float rstd = 1.0f / sqrt_(variance + op.eps);
    if (Group::begin() == 0) {
      op.mean.data[row] = mean;
      op.rstd.data[row] = rstd;
    }
    for (int64_t j = Group::begin(); j < op.cols; j += Group::width()) {
      const float xhat = (x[j] - mean) * rstd;
      y[j] = fma_(xhat, scale_of(op.gamma, j), op.beta.data ? op.beta.data[j] : 0.0f);
    }
  }
}

template <class Group>
__device__ void layer_norm_grad(const LayerNormGrad& op) {
  const float cols = static_cast<float>(op.cols);
  const In<float> gamma = op.gamma;
  for (int64_t row = Group::first(); row < op.rows; row += Group::stride()) {
    const float* x = op.x.data + row * op.cols;
    const float* gy = op.gy.data + row * op.cols;
    float* gx = op.gx.data + row * op.cols;
    const float mean = op.mean.data[row], rstd = op.rstd.data[row];
    const float mean_h = op.centered ? Group::template fold<SumFold>(
                                           op.cols, [=](int64_t j) { return gy[j] * scale_of(gamma, j); }) /
                                           cols
                                     : 0.0f;
    const float mean_hx =
        Group::template fold<SumFold>(
            op.cols, [=](int64_t j) { return gy[j] * scale_of(gamma, j) * ((x[j] - mean) * rstd); }) /
        cols;
    for (int64_t j = Group::begin(); j < op.cols; j += Group::width()) {
      const float xhat = (x[j] - mean) * rstd;
      gx[j] = rstd * (gy[j] * scale_of(gamma, j) - mean_h - xhat * mean_hx);
    }
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads) adastep_layer_norm_warp(LayerNorm op) {
  layer_norm<WarpGroup>(op);
}
extern "C" __global__ void __launch_bounds__(kLanes* kLanes) adastep_layer_norm_block(LayerNorm op) {
  layer_norm<BlockGroup>(op);
}

extern "C" __global__ void __launch_bounds__(kThreads) adastep_layer_norm_grad_warp(LayerNormGrad op) {
  layer_norm_grad<WarpGroup>(op);
}
extern "C" __global__ void __launch_bounds__(kLanes* kLanes) adastep_layer_norm_grad_block(LayerNormGrad op) {
  layer_norm_grad<BlockGroup>(op);
}

// A block of 32 x 32 per chunk of rows of 32 columns. The results are [chunks, cols]; with more than one
// chunk a second pass (adastep_reduce_columns) folds them.
extern "C" __global__ void __launch_bounds__(kLanes* kLanes)
    adastep_layer_norm_param_grad(LayerNormParamGrad op) {
  const int64_t chunks = op.rows <= kChunk ? 1 : (op.rows + kChunk - 1) / kChunk;
  const int64_t column_blocks = (op.cols + kLanes - 1) / kLanes;
  for (int64_t i = blockIdx.x; i < column_blocks * chunks; i += gridDim.x) {
    const int64_t c = i / column_blocks;
    const int64_t column = i % column_blocks * kLanes + threadIdx.x;
    const bool mine = column < op.cols;
    const int64_t end = (c + 1) * kChunk;
    const int64_t last = !mine ? 0 : end < op.rows ? end : op.rows;
    float ggamma = 0.0f, gbeta = 0.0f;
    for (int64_t row = c * kChunk + threadIdx.y; row < last; row += kLanes) {
      const int64_t at = row * op.cols + column;
      const float gy = op.gy.data[at];
      ggamma += gy * ((op.x.data[at] - op.mean.data[row]) * op.rstd.data[row]);
      gbeta += gy;
    }
    ggamma = fold_columns<SumFold>(ggamma);
    gbeta = fold_columns<SumFold>(gbeta);
    if (threadIdx.y == 0 && mine) {
      op.ggamma.data[c * op.cols + column] = ggamma;
      op.gbeta.data[c * op.cols + column] = gbeta;
    }
  }
}
