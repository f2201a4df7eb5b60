// Softmax, cross-entropy and their gradients, a row at a time.
#pragma once
#include "core/ops/softmax.h"
#include "cpu/op_number.h"
#include "cpu/tree.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

static inline float max_of_row(const float* x, int64_t cols) {
  return fold_row<MaxFold>(cols, [x](int64_t j) { return x[j]; });
}
static inline float sum_of_exp(const float* x, float max, int64_t cols) {
  return fold_row<SumFold>(cols, [x, max](int64_t j) { return exp_(x[j] - max); });
}

static void run(const Softmax& op, const cpu::Parallel& parallel) {
  const int64_t cols = op.cols;
  for_rows(parallel, op.rows, cols, [&](int64_t r) {
    const float* const x = op.x.data + r * cols;
    float* const y = op.y.data + r * cols;
    const int64_t seen = op.causal ? r % cols + 1 : cols;
    const float max = max_of_row(x, seen);
    for (int64_t j = seen; j < cols; ++j) y[j] = 0.0f;
    if (op.log) {
      const float log_sum = log_(sum_of_exp(x, max, seen));
      ADASTEP_INDEPENDENT
      for (int64_t j = 0; j < seen; ++j) y[j] = x[j] - max - log_sum;
      return;
    }
    ADASTEP_INDEPENDENT
    for (int64_t j = 0; j < seen; ++j) y[j] = exp_(x[j] - max);
    const float sum = fold_row<SumFold>(seen, [y](int64_t j) { return y[j]; });
    for (int64_t j = 0; j < seen; ++j) y[j] = y[j] / sum;
  });
}

static void run(const SoftmaxGrad& op, const cpu::Parallel& parallel) {
  const int64_t cols = op.cols;
  for_rows(parallel, op.rows, cols, [&](int64_t r) {
    const float* const y = op.y.data + r * cols;
    const float* const gy = op.gy.data + r * cols;
    float* const gx = op.gx.data + r * cols;
    if (op.log) {
      const float sum = fold_row<SumFold>(cols, [gy](int64_t j) { return gy[j]; });
      ADASTEP_INDEPENDENT
      for (int64_t j = 0; j < cols; ++j) gx[j] = gy[j] - exp_(y[j]) * sum;
      return;
    }
    const float dot = fold_row<SumFold>(cols, [gy, y](int64_t j) { return gy[j] * y[j]; });
    ADASTEP_INDEPENDENT
    for (int64_t j = 0; j < cols; ++j) gx[j] = y[j] * (gy[j] - dot);
  });
}

static void run(const CrossEntropy& op, const cpu::Parallel& parallel) {
  for_rows(parallel, op.rows, op.cols, [&](int64_t r) {
    const float* const x = op.logits.data + r * op.cols;
    const float max = max_of_row(x, op.cols);
    const float lse = max + log_(sum_of_exp(x, max, op.cols));
    const int32_t label = op.labels.data[r];
    const bool valid = label >= 0 && label < op.cols;
    if (!valid) parallel.fault(parallel.pool, kCrossEntropyNumber, r, label, op.cols);
    op.lse.data[r] = lse;
    op.loss.data[r] = valid ? lse - x[label] : 0.0f;
  });
}

// The element of the label is done apart (gx may be the logits themselves), so that the loop has no branch.
static void run(const CrossEntropyGrad& op, const cpu::Parallel& parallel) {
  const int64_t cols = op.cols;
  for_rows(parallel, op.rows, cols, [&](int64_t r) {
    const float* const x = op.logits.data + r * cols;
    float* const gx = op.gx.data + r * cols;
    const float lse = op.lse.data[r], gloss = op.gloss.data[r];
    const int32_t label = op.labels.data[r];
    const bool valid = label >= 0 && label < cols;
    const float of_label = valid ? gloss * (exp_(x[label] - lse) - 1.0f) : 0.0f;
    ADASTEP_INDEPENDENT
    for (int64_t j = 0; j < cols; ++j) gx[j] = gloss * exp_(x[j] - lse);
    if (valid) gx[label] = of_label;
  });
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
