// Reduce and ArgMax.
#pragma once
#include "core/ops/reduce.h"
#include "cpu/column_tree.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

template <class Fold, class Term>
static void reduce(const Reduce& op, const cpu::Parallel& parallel, const Term& term) {
  const int64_t n = op.n, inner = op.inner;
  const float* const x = op.x.data;
  float* const y = op.y.data;
  const float scale = op.scale;
  if (inner == 1) {
    fold_rows<Fold>(
        parallel, op.outer, n, [=](int64_t r, int64_t j) { return term(x[r * n + j]); },
        [=](int64_t r, float value) { y[r] = scale * value; });
  } else {
    fold_columns<Fold>(
        parallel, op.outer, n, inner,
        [=](int64_t o, int64_t j, int64_t i) { return term(x[(o * n + j) * inner + i]); },
        [=](int64_t o, int64_t i, float value) { y[o * inner + i] = scale * value; });
  }
}

static void run(const Reduce& op, const cpu::Parallel& parallel) {
  switch (op.fn) {
    case ReduceFn::kSum:
      return reduce<SumFold>(op, parallel, [](float x) { return x; });
    case ReduceFn::kSumSquares:
      return reduce<SumFold>(op, parallel, [](float x) { return x * x; });
    case ReduceFn::kMax:
      return reduce<MaxFold>(op, parallel, [](float x) { return x; });
  }
}

// The maximum first, which vectorises, then the first place that holds it.
static void run(const ArgMax& op, const cpu::Parallel& parallel) {
  for_rows(parallel, op.rows, op.cols, [&](int64_t r) {
    const float* const x = op.x.data + r * op.cols;
    const float max = fold_row<MaxFold>(op.cols, [x](int64_t j) { return x[j]; });
    int64_t j = 0;
    if (max != max) {
      while (x[j] == x[j]) ++j;
    } else {
      while (x[j] != max) ++j;
    }
    op.y.data[r] = static_cast<int32_t>(j);
  });
}

static void run(const LabelRank& op, const cpu::Parallel& parallel) {
  for_rows(parallel, op.rows, op.cols, [&](int64_t r) {
    const float* const x = op.x.data + r * op.cols;
    const int64_t label = op.labels.data[r];
    if (label < 0 || label >= op.cols) {
      op.rank.data[r] = static_cast<int32_t>(op.cols);
      return;
    }
    const float own = number_(x[label]);
    int32_t reached = 0;
    for (int64_t j = 0; j < op.cols; ++j) reached += number_(x[j]) >= own;
    op.rank.data[r] = reached - 1;
  });
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
