// The epilogue of a GEMM: c = act(alpha * acc + beta * c + bias), see core/ops/gemm.h.
#pragma once
#include "core/ops/gemm.h"
#include "cpu/gemm_vector.h"

namespace adastep {
namespace ADASTEP_NUMERICS {
namespace gemm {

struct Epilogue {
  float alpha, beta;
  const float* bias;  // null, or one per column of C
  Activation activation;

  // The accumulator is the result.
  bool nothing() const {
    return alpha == 1 && beta == 0 && bias == nullptr && activation == Activation::kNone;
  }
};

template <class F>
static inline void map_row(float* c, int64_t count, F f) {
  for (int64_t j = 0; j < count; ++j) c[j] = f(c[j]);
}

static inline void activate_row(Activation activation, float* c, int64_t count) {
  switch (activation) {
    case Activation::kNone:
      return;
    case Activation::kRelu:
      return map_row(c, count, [](float x) { return relu_(x); });
    case Activation::kGelu:
      return map_row(c, count, [](float x) { return gelu_(x); });
    case Activation::kTanh:
      return map_row(c, count, [](float x) { return tanh_(x); });
    case Activation::kSigmoid:
      return map_row(c, count, [](float x) { return sigmoid_(x); });
  }
}

// `acc` may be `c`. `column` is the place of c[0] in its row, and so in the bias.
static inline void finish_row(const Epilogue& e, const float* acc, float* c, int64_t column, int64_t count) {
  if (e.beta != 0) {
    for (int64_t j = 0; j < count; ++j) c[j] = fma_(e.beta, c[j], e.alpha * acc[j]);
  } else {
    for (int64_t j = 0; j < count; ++j) c[j] = e.alpha * acc[j];
  }
  if (e.bias != nullptr) {
    const float* bias = e.bias + column;
    for (int64_t j = 0; j < count; ++j) c[j] = c[j] + bias[j];
  }
  activate_row(e.activation, c, count);
}

}  // namespace gemm
}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
