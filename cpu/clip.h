// Adaptive clipping of gradients, unit by unit.
#pragma once
#include "core/advance.h"
#include "core/unit.h"
#include "cpu/tree.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

template <class Elements>
static void clip_unit(const AdaptiveClip& op, const Unit& unit, float unscale) {
  const Raw* const p = op.p.data;
  Raw* const g = op.g.data;
  const float p_squares = fold_row<SumFold>(unit.n, [p, unit](int64_t j) {
    const float x = Elements::load(p, unit.p + j);
    return x * x;
  });
  const float g_squares = fold_row<SumFold>(unit.n, [g, unit, unscale](int64_t j) {
    const float x = Elements::load(g, unit.g + j) * unscale;
    return x * x;
  });
  const float factor = unit_factor(op, p_squares, g_squares);
  if (factor == 1.0f) return;
  ADASTEP_INDEPENDENT
  for (int64_t j = 0; j < unit.n; ++j) Elements::store(g, unit.g + j, Elements::load(g, unit.g + j) * factor);
}

static void run(const AdaptiveClip& op, const cpu::Parallel& parallel) {
  const float unscale = op.scale.data ? 1.0f / op.scale.data[0] : 1.0f;
  for_rows(parallel, op.rows, op.longest, [&op, unscale](int64_t row) {
    const Unit unit = unit_of(op, row, ReadWords());
    if (unit.n == 0) return;
    if (op.dtype == DType::kF32)
      clip_unit<F32Elements>(op, unit, unscale);
    else
      clip_unit<BF16Elements>(op, unit, unscale);
  });
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
