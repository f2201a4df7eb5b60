// The per-element functions of Unary and Binary, shared by both backends bit for bit. The function is a
// template argument: it is chosen outside the loop, and the switch below vanishes.
#pragma once
#include "core/numerics.h"
#include "core/ops/elementwise.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

constexpr int kUnaryFnCount = sizeof(kUnaryFnNames) / sizeof(kUnaryFnNames[0]);
constexpr int kBinaryFnCount = sizeof(kBinaryFnNames) / sizeof(kBinaryFnNames[0]);

template <UnaryFn kFn>
ADASTEP_HD float apply(float x, float alpha, float beta) {
  switch (kFn) {
    case UnaryFn::kAffine:
      return fma_(alpha, x, beta);
    case UnaryFn::kRelu:
      return relu_(x);
    case UnaryFn::kGelu:
      return gelu_(x);
    case UnaryFn::kTanh:
      return tanh_(x);
    case UnaryFn::kSigmoid:
      return sigmoid_(x);
    case UnaryFn::kExp:
      return exp_(x);
    case UnaryFn::kLog:
      return log_(x);
    case UnaryFn::kSqrt:
      return sqrt_(x);
    case UnaryFn::kAbs:
      return abs_(x);
    case UnaryFn::kReciprocal:
      return 1.0f / x;
    case UnaryFn::kSilu:
      return silu_(x);
    case UnaryFn::kNumber:
      return number_(x);
  }
  return x;
}

// sign(0) = 0, sign(NaN) = 0, as PyTorch.
ADASTEP_HD float sign_(float x) { return (x > 0.0f ? 1.0f : 0.0f) - (x < 0.0f ? 1.0f : 0.0f); }

template <BinaryFn kFn>
ADASTEP_HD float apply(float a, float b) {
  switch (kFn) {
    case BinaryFn::kAdd:
      return a + b;
    case BinaryFn::kSub:
      return a - b;
    case BinaryFn::kMul:
      return a * b;
    case BinaryFn::kDiv:
      return a / b;
    case BinaryFn::kMaximum:
      return max_(a, b);
    case BinaryFn::kMinimum:
      return min_(a, b);
    case BinaryFn::kGreaterEqual:
      return a >= b ? 1.0f : 0.0f;
    case BinaryFn::kEqual:
      return a == b ? 1.0f : 0.0f;
    case BinaryFn::kReluGrad:
      return b <= 0.0f ? 0.0f : a;  // where the result is NaN the gradient passes, as in PyTorch
    case BinaryFn::kGeluGrad:
      return a * gelu_slope(b);
    case BinaryFn::kTanhGrad:
      return a * (1.0f - b * b);
    case BinaryFn::kSigmoidGrad:
      return a * (b * (1.0f - b));
    case BinaryFn::kAbsGrad:
      return a * sign_(b);
    case BinaryFn::kSqrtGrad:
      return a / (2.0f * b);
    case BinaryFn::kSquaredError:
      return (a - b) * (a - b);
    case BinaryFn::kBceLogits:
      return bce_logits(a, b);
    case BinaryFn::kBceLogitsGrad:
      return sigmoid_(a) - b;
    case BinaryFn::kSiluGrad:
      return a * silu_slope(b);
  }
  return a;
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
