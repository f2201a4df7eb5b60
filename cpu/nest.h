// Strided loops over up to kMaxRank dimensions: simplified first, then run along the last dimension.
#pragma once
#include "core/span.h"
#include "cpu/loops.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

// A loop nest over kOperands arrays: stride[o][d] elements per step of dimension d in operand o.
template <int kOperands>
struct Nest {
  int rank = 0;
  int64_t shape[kMaxRank];
  int64_t stride[kOperands][kMaxRank];
};

// Without dimensions of 1, and with neighbours merged that are one dimension to every operand. At least one
// dimension is left.
template <int kOperands>
static Nest<kOperands> simplified(const Dims& shape, const Dims* const (&strides)[kOperands]) {
  Nest<kOperands> nest;
  for (int d = 0; d < kMaxRank; ++d) {
    if (shape.d[d] == 1 && !(nest.rank == 0 && d == kMaxRank - 1)) continue;
    bool merges = nest.rank > 0;
    for (int o = 0; o < kOperands && merges; ++o) {
      merges = nest.stride[o][nest.rank - 1] == strides[o]->d[d] * shape.d[d];
    }
    if (merges) {
      nest.shape[nest.rank - 1] *= shape.d[d];
    } else {
      nest.shape[nest.rank++] = shape.d[d];
    }
    for (int o = 0; o < kOperands; ++o) nest.stride[o][nest.rank - 1] = strides[o]->d[d];
  }
  return nest;
}

template <int kOperands>
static int64_t count_of_runs(const Nest<kOperands>& nest) {
  int64_t runs = 1;
  for (int d = 0; d < nest.rank - 1; ++d) runs *= nest.shape[d];
  return runs;
}

// The offsets of run number `run`, and the step to the next one.
template <int kOperands>
struct Odometer {
  const Nest<kOperands>& nest;
  int64_t index[kMaxRank], offset[kOperands];

  Odometer(const Nest<kOperands>& nest_, int64_t run) : nest(nest_), offset{} {
    for (int d = nest.rank - 2; d >= 0; --d) {
      index[d] = run % nest.shape[d];
      run /= nest.shape[d];
      for (int o = 0; o < kOperands; ++o) offset[o] += index[d] * nest.stride[o][d];
    }
  }
  void next() {
    for (int d = nest.rank - 2; d >= 0; --d) {
      for (int o = 0; o < kOperands; ++o) offset[o] += nest.stride[o][d];
      if (++index[d] < nest.shape[d]) return;
      index[d] = 0;
      for (int o = 0; o < kOperands; ++o) offset[o] -= nest.shape[d] * nest.stride[o][d];
    }
  }
};

// f(offsets, count): `count` steps along the last dimension from these offsets, together the whole nest. Long
// runs are cut, short ones share a task.
template <int kOperands, class F>
static void for_runs(const cpu::Parallel& parallel, const Nest<kOperands>& nest, const F& f) {
  const int last = nest.rank - 1;
  const int64_t runs = count_of_runs(nest), length = nest.shape[last];
  if (runs == 0 || length == 0) return;
  if (length > kGrain) {
    const int64_t parts = parts_of(length, kGrain);
    cpu::parallel_for(parallel, runs * parts, [&](int64_t task, int) {
      Odometer<kOperands> at(nest, task / parts);
      const int64_t first = task % parts * kGrain;
      for (int o = 0; o < kOperands; ++o) at.offset[o] += first * nest.stride[o][last];
      f(at.offset, end_of_part(first, kGrain, length) - first);
    });
    return;
  }
  for_parts(parallel, runs, kGrain / length, [&](int64_t first, int64_t end) {
    Odometer<kOperands> at(nest, first);
    for (int64_t run = first; run < end; ++run, at.next()) f(at.offset, length);
  });
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
