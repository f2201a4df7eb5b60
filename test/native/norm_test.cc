#include <cmath>

#include "check.h"

namespace adastep::test {

namespace {

struct Reference {
  std::vector<double> y, mean, rstd, gx, ggamma, gbeta;
};

Reference normalize(bool centered, int64_t rows, int64_t cols, double eps, const std::vector<float>& x,
                    const std::vector<float>& gamma, const std::vector<float>& beta,
                    const std::vector<float>& gy) {
  Reference result;
  result.ggamma.resize(static_cast<size_t>(cols));
  result.gbeta.resize(static_cast<size_t>(cols));
  const double count = static_cast<double>(cols);
  for (int64_t r = 0; r < rows; r++) {
    const float* row = x.data() + r * cols;
    const float* g = gy.data() + r * cols;
    double mean = 0, variance = 0, mean_h = 0, mean_hx = 0;
    for (int64_t j = 0; centered && j < cols; j++) mean += row[j] / count;
    for (int64_t j = 0; j < cols; j++) variance += (row[j] - mean) * (row[j] - mean) / count;
    const double rstd = 1 / std::sqrt(variance + eps);
    result.mean.push_back(mean);
    result.rstd.push_back(rstd);
    for (int64_t j = 0; j < cols; j++) {
      const auto at = static_cast<size_t>(j);
      const double xhat = (row[j] - mean) * rstd;
      result.y.push_back(xhat * gamma[at] + beta[at]);
      result.ggamma[at] += g[j] * xhat;
      result.gbeta[at] += g[j];
      if (centered) mean_h += g[j] * gamma[at] / count;
      mean_hx += g[j] * gamma[at] * xhat / count;
    }
    for (int64_t j = 0; j < cols; j++) {
      const double xhat = (row[j] - mean) * rstd;
      result.gx.push_back(rstd * (g[j] * gamma[static_cast<size_t>(j)] - mean_h - xhat * mean_hx));
    }
  }
  return result;
}

std::vector<float> rounded(const std::vector<double>& values) { return {values.begin(), values.end()}; }

void norm_case(bool centered, int64_t rows, int64_t cols, bool affine) {
  const float eps = 1e-5f;
  const std::vector<float> x = numbers(rows * cols, -1, 5), gy = numbers(rows * cols);
  const auto size = static_cast<size_t>(cols);
  const std::vector<float> gamma = affine ? numbers(cols) : std::vector<float>(size, 1.0f);
  const std::vector<float> beta = affine ? numbers(cols) : std::vector<float>(size, 0.0f);
  const Reference want = normalize(centered, rows, cols, eps, x, gamma, beta, gy);
  const std::string name = (centered ? "layer norm " : "rms norm ") + std::to_string(rows) + " " +
                           std::to_string(cols) + (affine ? " affine" : "");
  run_case(name, {in(x), in(gamma), in(beta), out(want.y, 1e-5), out(want.mean, 1e-5), out(want.rstd, 1e-5)},
           [=](const auto& d) {
             return LayerNorm{centered,
                              rows,
                              cols,
                              eps,
                              input<float>(d[0]),
                              input<float>(affine ? d[1] : nullptr),
                              input<float>(affine ? d[2] : nullptr),
                              output<float>(d[3]),
                              output<float>(d[4]),
                              output<float>(d[5])};
           });
  const Array mean = in(rounded(want.mean)), rstd = in(rounded(want.rstd));
  run_case(name + " gradient", {in(x), in(gamma), mean, rstd, in(gy), out(want.gx, 2e-5)},
           [=](const auto& d) {
             return LayerNormGrad{centered,
                                  rows,
                                  cols,
                                  input<float>(d[0]),
                                  input<float>(affine ? d[1] : nullptr),
                                  input<float>(d[2]),
                                  input<float>(d[3]),
                                  input<float>(d[4]),
                                  output<float>(d[5])};
           });
  run_case(name + " parameter gradient",
           {in(x), mean, rstd, in(gy), out(want.ggamma, 1e-4), out(want.gbeta, 1e-4)}, [=](const auto& d) {
             return LayerNormParamGrad{rows,
                                       cols,
                                       input<float>(d[0]),
                                       input<float>(d[1]),
                                       input<float>(d[2]),
                                       input<float>(d[3]),
                                       output<float>(d[4]),
                                       output<float>(d[5])};
           });
}

}  // namespace

void test_norm() {
  for (bool centered : {true, false}) {
    norm_case(centered, 128, 768, true);
    norm_case(centered, 128, 100, false);
    norm_case(centered, 2, 9000, true);
    norm_case(centered, 5000, 40, true);
    norm_case(centered, 1, 1, true);
  }
}

}  // namespace adastep::test
