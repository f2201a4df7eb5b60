// Totals in double over many runs. A thread per total adds all its rows in order: no atomics, nothing shared.
#include "core/accumulate.h"
#include "cuda/kernels/common.cuh"

using namespace adastep;

namespace {

// Rows that are loaded before the first of them is added: with eight registers spill.
constexpr int kAhead = 4;

// A spread takes the values themselves.
template <class Total>
__device__ double term(const Accumulate& op, int64_t i) {
  if (Total::kWidth > 1) return term_of<TotalFn::kSpread>(op, i);
  switch (op.fn) {
    case TotalFn::kAbsolute:
      return term_of<TotalFn::kAbsolute>(op, i);
    case TotalFn::kSquares:
      return term_of<TotalFn::kSquares>(op, i);
    default:
      return term_of<TotalFn::kSum>(op, i);
  }
}

template <class Total>
__device__ void accumulate(const Accumulate& op) {
  for (int64_t i = thread_index(); i < op.groups * op.cols; i += thread_count()) {
    const int64_t g = i / op.cols, j = i % op.cols;
    double* const to = op.total.data + g * Total::kWidth * op.cols + j;
    Total total = Total::load(to, op.cols);
    for (int64_t first = 0; first < op.rows; first += kAhead) {
      double terms[kAhead];
      bool mine[kAhead];
      for (int t = 0; t < kAhead; t++) {
        const int64_t r = first + t;
        mine[t] = r < op.rows && (op.group.data ? op.group.data[r] == g : g == 0);
        if (mine[t]) terms[t] = term<Total>(op, r * op.cols + j);
      }
      for (int t = 0; t < kAhead; t++) {
        if (mine[t]) total.add(terms[t]);
      }
    }
    total.store(to, op.cols);
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads) adastep_accumulate(Accumulate op) {
  accumulate<PlainTotal>(op);
}

extern "C" __global__ void __launch_bounds__(kThreads) adastep_accumulate_spread(Accumulate op) {
  accumulate<SpreadTotal>(op);
}
