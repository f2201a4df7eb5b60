// What a step does to the rows of a table: a group's scalars, without what is decided per segment.
#pragma once
#include "core/advance.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

// What is watched of a row's elements.
ADASTEP_HD bool watches_all(const float* prepared) { return prepared[1] >= 2.0f; }
ADASTEP_HD float not_finite(float x) { return x - x == 0.0f ? 0.0f : 1.0f; }
ADASTEP_HD int64_t column_of(Sum sum, int64_t rows) { return static_cast<int64_t>(sum) * rows; }

template <class Rule>
struct RowStep {
  float unscale, clip_value, factor, lr;
  typename Rule::template Step<float> step;

  ADASTEP_HD RowStep(const float* prepared, int64_t group) {
    Control control;
    read_words(control, prepared);
    unscale = control.unscale;
    clip_value = control.clip_value;
    const float* const row =
        prepared + kControlWords + group * static_cast<int64_t>(kRowHead + sizeof step / sizeof(float));
    factor = row[0];
    lr = row[1];
    read_words(step, row + kRowHead);
  }

  // The gradient of the rule, in the order of core/apply.h, from the sum of a run.
  ADASTEP_HD float gradient(float sum) const {
    const float scaled = sum * unscale * factor;
    return scaled > clip_value ? clip_value : (scaled < -clip_value ? -clip_value : scaled);
  }
  // The new parameter; `state` has Rule::kStates elements.
  ADASTEP_HD float apply(float p, float sum, float* state) const {
    return Rule::apply(step, p, gradient(sum), state);
  }
};

// AdaGrad with one accumulator per row of a table, as FBGEMM's rowwise_adagrad: 4 bytes of state per row.
//   s = s + mean of g^2 over the row
//   p = p - lr * g / (sqrt(s) + eps), or as AdaGrad's other dialects
struct RowWiseAdaGrad : RowStep<AdaGrad> {
  using RowStep::RowStep;
  ADASTEP_HD float row_gradient(float p, float sum) const { return step.decay.gradient(p, gradient(sum)); }
  ADASTEP_HD float divisor(float s) const { return sqrt_(s + step.eps_inside) + step.eps_outside; }
  ADASTEP_HD float row_lr(float s) const { return s == 0.0f ? step.lr_at_zero : step.lr; }
  ADASTEP_HD float move(float p, float sum, float lr_, float divisor_) const {
    return fma_(-lr_, quotient(row_gradient(p, sum), divisor_), step.decay.parameter(p));
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
