// Reductions over one axis. Sums follow the one fixed tree of core/numerics.h, so both devices agree bit for
// bit.
#pragma once
#include "core/span.h"

namespace adastep {

enum class ReduceFn : int32_t { kSum, kSumSquares, kMax };
constexpr const char* kReduceFnNames[] = {"sum", "sumSquares", "max"};

// y[o, i] = scale * reduce over j of x[o, j, i], x of [outer, n, inner]. An empty sum is 0, an empty max
// -inf; max gives NaN if any element is NaN.
struct Reduce {
  static constexpr const char* kName = "reduce";
  ReduceFn fn;
  int64_t outer, n, inner;
  float scale;
  In<float> x;
  Out<float> y;
  template <class V>
  void visit(V& v) {
    v.choice("fn", fn, kReduceFnNames);
    v.count("outer", outer);
    v.count("n", n);
    v.count("inner", inner);
    v.real("scale", scale);
    v.span("x", x, extent(outer, n, inner));
    v.span("y", y, extent(outer, inner));
  }
};

// y[r] = the smallest j at which x[r, j] is largest; NaN counts as larger than any number (as PyTorch).
struct ArgMax {
  static constexpr const char* kName = "argmax";
  int64_t rows, cols;
  In<float> x;
  Out<int32_t> y;
  template <class V>
  void visit(V& v) {
    v.count("rows", rows);
    v.count("cols", cols);
    v.check(cols >= 1 && cols <= INT32_MAX, "cols", "1 to 2^31 - 1");
    v.span("x", x, extent(rows, cols));
    v.span("y", y, rows);
  }
};

// rank[r] = how many of the other scores of row r are at least that of its label, NaN counting as -inf: the
// label is among the k best where it is less than k. It is `cols` for a label outside [0, cols).
struct LabelRank {
  static constexpr const char* kName = "labelRank";
  int64_t rows, cols;
  In<float> x;
  In<int32_t> labels;
  Out<int32_t> rank;
  template <class V>
  void visit(V& v) {
    v.count("rows", rows);
    v.count("cols", cols);
    v.check(cols <= INT32_MAX, "cols", "up to 2^31 - 1");
    v.span("x", x, extent(rows, cols));
    v.span("labels", labels, rows);
    v.span("rank", rank, rows);
  }
};

}  // namespace adastep
