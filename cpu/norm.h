// Layer normalisation and its gradients.
#pragma once
#include "core/ops/norm.h"
#include "cpu/column_tree.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

// gamma and beta of an operation, ones and zeros where they are absent.
struct Affine {
  const float *gamma, *beta;

  Affine(const cpu::Parallel& parallel, int64_t cols, const float* gamma_, const float* beta_)
      : gamma(gamma_), beta(beta_) {
    if (gamma && beta) return;
    float* const ones = static_cast<float*>(parallel.scratch(parallel.pool, 0, 8 * cols));
    float* const zeros = ones + cols;
    for (int64_t j = 0; j < cols; ++j) {
      ones[j] = 1.0f;
      zeros[j] = 0.0f;
    }
    if (!gamma) gamma = ones;
    if (!beta) beta = zeros;
  }
};

static void run(const LayerNorm& op, const cpu::Parallel& parallel) {
  const Affine affine(parallel, op.cols, op.gamma.data, op.beta.data);
  const int64_t cols = op.cols;
  const float count = static_cast<float>(cols);
  for_rows(parallel, op.rows, cols, [&](int64_t r) {
    const float* const x = op.x.data + r * cols;
    float* const y = op.y.data + r * cols;
    const float *const gamma = affine.gamma, *const beta = affine.beta;
    const float mean = op.centered ? fold_row<SumFold>(cols, [x](int64_t j) { return x[j]; }) / count : 0.0f;
    const auto squared_distance = [x, mean](int64_t j) {
      const float d = x[j] - mean;
      return d * d;
    };
    const float variance = fold_row<SumFold>(cols, squared_distance) / count;
    const float rstd = 1.0f / sqrt_(variance + op.eps);
    op.mean.data[r] = mean;
    op.rstd.data[r] = rstd;
    ADASTEP_INDEPENDENT
    for (int64_t j = 0; j < cols; ++j) y[j] = fma_((x[j] - mean) * rstd, gamma[j], beta[j]);
  });
}

static void run(const LayerNormGrad& op, const cpu::Parallel& parallel) {
  const Affine affine(parallel, op.cols, op.gamma.data, nullptr);
  const int64_t cols = op.cols;
  const float count = static_cast<float>(cols);
  for_rows(parallel, op.rows, cols, [&](int64_t r) {
    const float* const x = op.x.data + r * cols;
    const float* const gy = op.gy.data + r * cols;
    float* const gx = op.gx.data + r * cols;
    const float* const gamma = affine.gamma;
    const float mean = op.mean.data[r], rstd = op.rstd.data[r];
    const auto h = [gy, gamma](int64_t j) { return gy[j] * gamma[j]; };
    const auto xhat = [x, mean, rstd](int64_t j) { return (x[j] - mean) * rstd; };
    const float mean_h = op.centered ? fold_row<SumFold>(cols, h) / count : 0.0f;
    const float mean_hx = fold_row<SumFold>(cols, [h, xhat](int64_t j) { return h(j) * xhat(j); }) / count;
    ADASTEP_INDEPENDENT
    for (int64_t j = 0; j < cols; ++j) gx[j] = rstd * (h(j) - mean_h - xhat(j) * mean_hx);
  });
}

static void run(const LayerNormParamGrad& op, const cpu::Parallel& parallel) {
  const int64_t cols = op.cols;
  const float* const x = op.x.data;
  const float* const mean = op.mean.data;
  const float* const rstd = op.rstd.data;
  const float* const gy = op.gy.data;
  float* const ggamma = op.ggamma.data;
  float* const gbeta = op.gbeta.data;
  fold_columns<SumFold>(
      parallel, 1, op.rows, cols,
      [=](int64_t, int64_t r, int64_t j) {
        const int64_t at = r * cols + j;
        return gy[at] * ((x[at] - mean[r]) * rstd[r]);
      },
      [=](int64_t, int64_t j, float sum) { ggamma[j] = sum; });
  fold_columns<SumFold>(
      parallel, 1, op.rows, cols, [=](int64_t, int64_t r, int64_t j) { return gy[r * cols + j]; },
      [=](int64_t, int64_t j, float sum) { gbeta[j] = sum; });
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
