// Accumulate.
#pragma once
#include "core/accumulate.h"
#include "cpu/loops.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

// Tasks share the columns, so each adds its columns of all rows, in order.
template <class Total, TotalFn kFn>
static void accumulate(const Accumulate& op, const cpu::Parallel& parallel) {
  const int64_t cols = op.cols;
  for_columns(parallel, op.rows, cols, sizeof(double), [&](int64_t first, int64_t last) {
    const Accumulate mine = op;
    for (int64_t r = 0; r < mine.rows; ++r) {
      const int64_t g = mine.group.data ? mine.group.data[r] : 0;
      if (g < 0 || g >= mine.groups) continue;
      double* const to = mine.total.data + g * Total::kWidth * cols;
      ADASTEP_INDEPENDENT
      for (int64_t j = first; j < last; ++j) {
        Total total = Total::load(to + j, cols);
        total.add(term_of<kFn>(mine, r * cols + j));
        total.store(to + j, cols);
      }
    }
  });
}

static void run(const Accumulate& op, const cpu::Parallel& parallel) {
  switch (op.fn) {
    case TotalFn::kSum:
      return accumulate<PlainTotal, TotalFn::kSum>(op, parallel);
    case TotalFn::kAbsolute:
      return accumulate<PlainTotal, TotalFn::kAbsolute>(op, parallel);
    case TotalFn::kSquares:
      return accumulate<PlainTotal, TotalFn::kSquares>(op, parallel);
    case TotalFn::kSpread:
      return accumulate<SpreadTotal, TotalFn::kSpread>(op, parallel);
  }
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
