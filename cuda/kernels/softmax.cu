// Softmax and cross-entropy, a warp or a block per row. The exponentials are computed again in each pass:
// that costs less than keeping them.
#include "core/ops/softmax.h"
#include "cuda/kernels/tree.cuh"

using namespace adastep;

namespace {

template <class Group>
__device__ float max_of(const float* x, int64_t cols) {
  return Group::template fold<MaxFold>(cols, [=](int64_t j) { return x[j]; });
}
template <class Group>
__device__ float sum_of_exp(const float* x, float max, int64_t cols) {
  return Group::template fold<SumFold>(cols, [=](int64_t j) { return exp_(x[j] - max); });
}

template <class Group>
__device__ void softmax(const Softmax& op) {
  for (int64_t row = Group::first(); row < op.rows; row += Group::stride()) {
    const float* x = op.x.data + row * op.cols;
    float* y = op.y.data + row * op.cols;
    const int64_t seen = op.causal ? row % op.cols + 1 : op.cols;
    const float max = max_of<Group>(x, seen);
    const float sum = sum_of_exp<Group>(x, max, seen);
    const float log_sum = log_(sum);
    for (int64_t j = Group::begin(); j < op.cols; j += Group::width()) {
      const float shifted = x[j] - max;
      y[j] = j >= seen ? 0.0f : op.log ? shifted - log_sum : exp_(shifted) / sum;
    }
  }
}

template <class Group>
__device__ void softmax_grad(const SoftmaxGrad& op) {
  for (int64_t row = Group::first(); row < op.rows; row += Group::stride()) {
    const float* y = op.y.data + row * op.cols;
    const float* gy = op.gy.data + row * op.cols;
    float* gx = op.gx.data + row * op.cols;
    const bool log = op.log;
    const float sum =
        Group::template fold<SumFold>(op.cols, [=](int64_t j) { return log ? gy[j] : gy[j] * y[j]; });
    for (int64_t j = Group::begin(); j < op.cols; j += Group::width()) {
      gx[j] = log ? gy[j] - exp_(y[j]) * sum : y[j] * (gy[j] - sum);
    }
  }
}

template <class Group>
__device__ void cross_entropy(const CrossEntropy& op, const FaultReport& fault) {
  for (int64_t row = Group::first(); row < op.rows; row += Group::stride()) {
    const float* x = op.logits.data + row * op.cols;
    const float max = max_of<Group>(x, op.cols);
    const float lse = max + log_(sum_of_exp<Group>(x, max, op.cols));
    if (Group::begin() != 0) continue;
    const int32_t label = op.labels.data[row];
    const bool valid = label >= 0 && label < op.cols;
    if (!valid) report(fault, row, label, op.cols);
    op.lse.data[row] = lse;
    op.loss.data[row] = valid ? lse - x[label] : 0.0f;
  }
}

template <class Group>
__device__ void cross_entropy_grad(const CrossEntropyGrad& op) {
  for (int64_t row = Group::first(); row < op.rows; row += Group::stride()) {
    const float* x = op.logits.data + row * op.cols;
    float* gx = op.gx.data + row * op.cols;
    const float lse = op.lse.data[row], gloss = op.gloss.data[row];
    const int32_t label = op.labels.data[row];
    for (int64_t j = Group::begin(); j < op.cols; j += Group::width()) {
      gx[j] = gloss * (exp_(x[j] - lse) - (j == label ? 1.0f : 0.0f));
    }
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads) adastep_softmax_warp(Softmax op) {
  softmax<WarpGroup>(op);
}
extern "C" __global__ void __launch_bounds__(kLanes* kLanes) adastep_softmax_block(Softmax op) {
  softmax<BlockGroup>(op);
}

extern "C" __global__ void __launch_bounds__(kThreads) adastep_softmax_grad_warp(SoftmaxGrad op) {
  softmax_grad<WarpGroup>(op);
}
extern "C" __global__ void __launch_bounds__(kLanes* kLanes) adastep_softmax_grad_block(SoftmaxGrad op) {
  softmax_grad<BlockGroup>(op);
}

extern "C" __global__ void __launch_bounds__(kThreads)
    adastep_cross_entropy_warp(CrossEntropy op, FaultReport fault) {
  cross_entropy<WarpGroup>(op, fault);
}
extern "C" __global__ void __launch_bounds__(kLanes* kLanes)
    adastep_cross_entropy_block(CrossEntropy op, FaultReport fault) {
  cross_entropy<BlockGroup>(op, fault);
}

extern "C" __global__ void __launch_bounds__(kThreads) adastep_cross_entropy_grad_warp(CrossEntropyGrad op) {
  cross_entropy_grad<WarpGroup>(op);
}
extern "C" __global__ void __launch_bounds__(kLanes* kLanes)
    adastep_cross_entropy_grad_block(CrossEntropyGrad op) {
  cross_entropy_grad<BlockGroup>(op);
}
