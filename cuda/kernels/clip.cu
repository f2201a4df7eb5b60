// Adaptive clipping of gradients: a warp or a block per unit of a layer.
#include "core/unit.h"
#include "cuda/kernels/tree.cuh"

using namespace adastep;

namespace {

template <class Group, class Elements>
__device__ void clip_unit(const AdaptiveClip& op, const Unit& unit, float unscale) {
  const Raw* const p = op.p.data;
  Raw* const g = op.g.data;
  const float p_squares = Group::template fold<SumFold>(unit.n, [=](int64_t j) {
    const float x = Elements::load(p, unit.p + j);
    return x * x;
  });
  const float g_squares = Group::template fold<SumFold>(unit.n, [=](int64_t j) {
    const float x = Elements::load(g, unit.g + j) * unscale;
    return x * x;
  });
  const float factor = unit_factor(op, p_squares, g_squares);
  if (factor == 1.0f) return;
  for (int64_t j = Group::begin(); j < unit.n; j += Group::width())
    Elements::store(g, unit.g + j, Elements::load(g, unit.g + j) * factor);
}

template <class Group>
__device__ void adaptive_clip(const AdaptiveClip& op) {
  const float unscale = op.scale.data ? 1.0f / op.scale.data[0] : 1.0f;
  for (int64_t row = Group::first(); row < op.rows; row += Group::stride()) {
    const Unit unit = unit_of(op, row, ReadByWarp());
    if (unit.n == 0) continue;
    if (op.dtype == DType::kF32)
      clip_unit<Group, F32Elements>(op, unit, unscale);
    else
      clip_unit<Group, BF16Elements>(op, unit, unscale);
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads) adastep_adaptive_clip_warp(AdaptiveClip op) {
  adaptive_clip<WarpGroup>(op);
}
extern "C" __global__ void __launch_bounds__(kLanes* kLanes) adastep_adaptive_clip_block(AdaptiveClip op) {
  adaptive_clip<BlockGroup>(op);
}
