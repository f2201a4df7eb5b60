// Softmax, log-softmax and the fused softmax cross-entropy, over rows of a [rows, cols] matrix.
#pragma once
#include "core/span.h"

namespace adastep {

// y = exp(x - max) / sum exp(x - max), or its logarithm x - max - log(sum exp(x - max)). A causal row r has
// the columns 0 .. r % cols only, as row r of an attention of `cols` positions has; behind them y is 0.
struct Softmax {
  static constexpr const char* kName = "softmax";
  bool log, causal;
  int64_t rows, cols;
  In<float> x;
  Out<float> y;
  template <class V>
  void visit(V& v) {
    v.flag("log", log);
    v.flag("causal", causal);
    v.check(!(log && causal), "causal", "false with 'log'");
    v.count("rows", rows);
    v.count("cols", cols);
    v.check(cols >= 1 || !causal, "cols", "at least 1 with 'causal'");
    v.span("x", x, extent(rows, cols), Aliasing::kInPlace);
    v.span("y", y, extent(rows, cols));
  }
};

// softmax: gx = y * (gy - sum(gy * y)); log-softmax: gx = gy - exp(y) * sum(gy).
struct SoftmaxGrad {
  static constexpr const char* kName = "softmaxGrad";
  bool log;
  int64_t rows, cols;
  In<float> y, gy;
  Out<float> gx;
  template <class V>
  void visit(V& v) {
    v.flag("log", log);
    v.count("rows", rows);
    v.count("cols", cols);
    v.span("y", y, extent(rows, cols), Aliasing::kInPlace);
    v.span("gy", gy, extent(rows, cols), Aliasing::kInPlace);
    v.span("gx", gx, extent(rows, cols));
  }
};

// lse[r] = log sum_j exp(logits[r, j]);  loss[r] = lse[r] - logits[r, labels[r]].
// A label outside [0, cols) is a fault: the device reports it with the row and the label.
struct CrossEntropy {
  static constexpr const char* kName = "crossEntropy";
  static constexpr bool kCanFault = true;
  int64_t rows, cols;
  In<float> logits;
  In<int32_t> labels;
  Out<float> loss, lse;
  template <class V>
  void visit(V& v) {
    v.count("rows", rows);
    v.count("cols", cols);
    v.span("logits", logits, extent(rows, cols));
    v.span("labels", labels, rows);
    v.span("loss", loss, rows);
    v.span("lse", lse, rows);
  }
};

// gx[r, j] = gloss[r] * (exp(logits[r, j] - lse[r]) - [j == labels[r]]).
struct CrossEntropyGrad {
  static constexpr const char* kName = "crossEntropyGrad";
  int64_t rows, cols;
  In<float> logits;
  In<int32_t> labels;
  In<float> lse, gloss;
  Out<float> gx;
  template <class V>
  void visit(V& v) {
    v.count("rows", rows);
    v.count("cols", cols);
    v.span("logits", logits, extent(rows, cols), Aliasing::kInPlace);
    v.span("labels", labels, rows);
    v.span("lse", lse, rows);
    v.span("gloss", gloss, rows);
    v.span("gx", gx, extent(rows, cols));
  }
};

}  // namespace adastep
