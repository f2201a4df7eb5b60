// The arithmetic of Accumulate, shared by both backends bit for bit.
#pragma once
#include "core/numerics.h"
#include "core/ops/accumulate.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

struct PlainTotal {
  static constexpr int64_t kWidth = width_of(TotalFn::kSum);
  double sum;
  ADASTEP_HD static PlainTotal load(const double* from, int64_t) { return {*from}; }
  ADASTEP_HD void add(double term) { sum += term; }
  ADASTEP_HD void store(double* to, int64_t) const { *to = sum; }
};

// Welford's recurrence. The quotient by the number does not wait for the row before.
struct SpreadTotal {
  static constexpr int64_t kWidth = width_of(TotalFn::kSpread);
  double number, mean, squares;
  ADASTEP_HD static SpreadTotal load(const double* from, int64_t stride) {
    return {from[0], from[stride], from[2 * stride]};
  }
  ADASTEP_HD void add(double term) {
    number += 1.0;
    const double before = term - mean;
    mean += before * (1.0 / number);
    squares += before * (term - mean);
  }
  ADASTEP_HD void store(double* to, int64_t stride) const {
    to[0] = number;
    to[stride] = mean;
    to[2 * stride] = squares;
  }
};

// What an element of `a`, at position i, adds.
template <TotalFn kFn>
ADASTEP_HD double term_of(const Accumulate& op, int64_t i) {
  const double a = op.a.data[i], b = op.b.data ? op.b.data[i] : 0.0f;
  const double d = op.scale * (a - b);
  if (kFn == TotalFn::kAbsolute) return __builtin_fabs(d);
  return kFn == TotalFn::kSquares ? d * d : d;
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
