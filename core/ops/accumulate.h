// What is added up over many runs of a list, in double: the figures of an evaluation over all its batches.
#pragma once
#include "core/span.h"

namespace adastep {

enum class TotalFn : int32_t { kSum, kAbsolute, kSquares, kSpread };
constexpr const char* kTotalFnNames[] = {"sum", "absolute", "squares", "spread"};

// Doubles of a total: of a spread the number of terms, their mean, and their squared distances from it.
constexpr int64_t width_of(TotalFn fn) { return fn == TotalFn::kSpread ? 3 : 1; }

// For r in ascending order, with d = scale * (a[r, j] - b[r, j]) in double, an absent b being 0, and
// g = group[r], absent 0:  total[g, 0, j] += d, |d| or d * d; of a spread total[g, 0 .. 2, j] takes d in by
// Welford's recurrence (1962). A row whose group is outside [0, groups) adds nothing. As the order is that of
// the rows, it says nothing into how many batches they were cut.
struct Accumulate {
  static constexpr const char* kName = "accumulate";
  TotalFn fn;
  int64_t rows, cols, groups;
  double scale;
  In<float> a, b;
  In<int32_t> group;
  InOut<double> total;
  template <class V>
  void visit(V& v) {
    v.choice("fn", fn, kTotalFnNames);
    v.count("rows", rows);
    v.count("cols", cols);
    v.count("groups", groups);
    v.real("scale", scale);
    v.span("a", a, extent(rows, cols));
    v.optional("b", b, extent(rows, cols));
    v.optional("group", group, rows);
    v.span("total", total, extent(groups, width_of(fn), cols));
  }
};

}  // namespace adastep
