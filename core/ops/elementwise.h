// Elementwise operations: one argument, and two arguments with broadcasting. Formulas: core/numerics.h.
#pragma once
#include "core/span.h"

namespace adastep {

enum class UnaryFn : int32_t {
  kAffine,
  kRelu,
  kGelu,
  kTanh,
  kSigmoid,
  kExp,
  kLog,
  kSqrt,
  kAbs,
  kReciprocal,
  kSilu,
  kNumber
};
constexpr const char* kUnaryFnNames[] = {"affine", "relu", "gelu", "tanh",       "sigmoid", "exp",
                                         "log",    "sqrt", "abs",  "reciprocal", "silu",    "number"};

// y[i] = f(x[i]); affine is alpha * x + beta, the others ignore alpha and beta. number is x, or -inf for NaN.
struct Unary {
  static constexpr const char* kName = "unary";
  UnaryFn fn;
  int64_t n;
  float alpha, beta;
  In<float> x;
  Out<float> y;
  template <class V>
  void visit(V& v) {
    v.choice("fn", fn, kUnaryFnNames);
    v.count("n", n);
    v.real("alpha", alpha);
    v.real("beta", beta);
    v.span("x", x, n, Aliasing::kInPlace);
    v.span("y", y, n);
  }
};

// The *Grad functions take (a = gradient of the result, b = what the formula needs) and give the gradient of
// the argument: relu, tanh, sigmoid, sqrt need their result; gelu, silu, abs their argument. squaredError =
// (a - b)^2. bceLogits = loss of logit a for target b; bceLogitsGrad = sigmoid(a) - b.
enum class BinaryFn : int32_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMaximum,
  kMinimum,
  kGreaterEqual,
  kEqual,
  kReluGrad,
  kGeluGrad,
  kTanhGrad,
  kSigmoidGrad,
  kAbsGrad,
  kSqrtGrad,
  kSquaredError,
  kBceLogits,
  kBceLogitsGrad,
  kSiluGrad
};
constexpr const char* kBinaryFnNames[] = {"add",       "sub",           "mul",     "div",      "maximum",
                                          "minimum",   "greaterEqual",  "equal",   "reluGrad", "geluGrad",
                                          "tanhGrad",  "sigmoidGrad",   "absGrad", "sqrtGrad", "squaredError",
                                          "bceLogits", "bceLogitsGrad", "siluGrad"};

// y[i] = f(a[i . a_strides], b[i . b_strides]) for every index i of shape; y is contiguous. A stride of 0
// broadcasts.
struct Binary {
  static constexpr const char* kName = "binary";
  BinaryFn fn;
  Dims shape, a_strides, b_strides;
  In<float> a, b;
  Out<float> y;
  Aliasing aliasing(const Dims& strides) const {
    return is_contiguous(shape, strides) ? Aliasing::kInPlace : Aliasing::kNever;
  }
  template <class V>
  void visit(V& v) {
    v.choice("fn", fn, kBinaryFnNames);
    v.dims("shape", shape);
    v.dims("aStrides", a_strides);
    v.dims("bStrides", b_strides);
    v.span("a", a, strided_extent(shape, a_strides), aliasing(a_strides));
    v.span("b", b, strided_extent(shape, b_strides), aliasing(b_strides));
    v.span("y", y, element_count(shape));
  }
};

}  // namespace adastep
