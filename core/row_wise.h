// AdaGrad with one accumulator per row of a table, as FBGEMM's rowwise_adagrad: 4 bytes of state per row.
#pragma once
#include "core/advance.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

//   g = g + weight_decay * p
//   s = s + mean of g^2 over the row
//   p = p - lr * g / (sqrt(s) + eps)
struct RowWiseAdaGrad {
  Prepared<AdaGrad> prepared;
  ADASTEP_HD explicit RowWiseAdaGrad(const float* words) : prepared(words) {}
  ADASTEP_HD float gradient(float p, float sum) const {
    return fma_(prepared.step.weight_decay, p, prepared.factor * sum);
  }
  ADASTEP_HD float divisor(float s) const { return sqrt_(s) + prepared.step.eps; }
  ADASTEP_HD float apply(float p, float sum, float divisor) const {
    return fma_(-prepared.step.lr, gradient(p, sum) / divisor, p);
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
