// Layer normalisation over the rows of a [rows, cols] matrix (Ba, Kiros, Hinton 2016), without its mean the
// root mean square one (Zhang & Sennrich 2019), and their gradients.
#pragma once
#include "core/span.h"

namespace adastep {

// mean, rstd = 1 / sqrt(biased variance + eps) per row;  y = (x - mean) * rstd * gamma + beta.
// The variance is taken in a second pass, of (x - mean)^2. Absent gamma and beta are 1 and 0. If not
// centered, the mean is 0.
struct LayerNorm {
  static constexpr const char* kName = "layerNorm";
  bool centered;
  int64_t rows, cols;
  float eps;
  In<float> x, gamma, beta;
  Out<float> y, mean, rstd;
  template <class V>
  void visit(V& v) {
    v.flag("centered", centered);
    v.count("rows", rows);
    v.count("cols", cols);
    v.check(cols >= 1, "cols", "at least 1");
    v.real("eps", eps);
    v.span("x", x, extent(rows, cols));
    v.optional("gamma", gamma, cols);
    v.optional("beta", beta, cols);
    v.span("y", y, extent(rows, cols));
    v.span("mean", mean, rows);
    v.span("rstd", rstd, rows);
  }
};

// With h = gy * gamma and xhat = (x - mean) * rstd:  gx = rstd * (h - mean(h) - xhat * mean(h * xhat)). If
// not centered, mean(h) is left out.
struct LayerNormGrad {
  static constexpr const char* kName = "layerNormGrad";
  bool centered;
  int64_t rows, cols;
  In<float> x, gamma, mean, rstd, gy;
  Out<float> gx;
  template <class V>
  void visit(V& v) {
    v.flag("centered", centered);
    v.count("rows", rows);
    v.count("cols", cols);
    v.check(cols >= 1, "cols", "at least 1");
    v.span("x", x, extent(rows, cols));
    v.optional("gamma", gamma, cols);
    v.span("mean", mean, rows);
    v.span("rstd", rstd, rows);
    v.span("gy", gy, extent(rows, cols));
    v.span("gx", gx, extent(rows, cols));
  }
};

// ggamma[j] = sum over rows of gy * xhat;  gbeta[j] = sum over rows of gy.
struct LayerNormParamGrad {
  static constexpr const char* kName = "layerNormParamGrad";
  int64_t rows, cols;
  In<float> x, mean, rstd, gy;
  Out<float> ggamma, gbeta;
  template <class V>
  void visit(V& v) {
    v.count("rows", rows);
    v.count("cols", cols);
    v.span("x", x, extent(rows, cols));
    v.span("mean", mean, rows);
    v.span("rstd", rstd, rows);
    v.span("gy", gy, extent(rows, cols));
    v.span("ggamma", ggamma, cols);
    v.span("gbeta", gbeta, cols);
  }
};

}  // namespace adastep
