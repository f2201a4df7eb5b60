// The epilogue of a GEMM: c = act(alpha sum + beta c + bias).
#pragma once
#include "core/ops/gemm.h"
#include "cuda/kernels/gemm_panel.cuh"

namespace adastep {

constexpr int kQuad = 4;

__device__ inline float activate(Activation activation, float x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return relu_(x);
    case Activation::kGelu:
      return gelu_(x);
    case Activation::kTanh:
      return tanh_(x);
    case Activation::kSigmoid:
      return sigmoid_(x);
  }
  return x;
}

// Four neighbours of a row of C from `sum`, of which `count` are inside of the matrix. `bias` is theirs, or
// null.
__device__ inline void finish_quad(const Gemm& op, float4 sum, float* c, const float* bias, int count,
                                   bool vector) {
  float v[kQuad] = {sum.x, sum.y, sum.z, sum.w};
  float old[kQuad] = {0, 0, 0, 0};
  if (op.beta != 0) {
    const float4 before = load_quad(c, count, vector);
    old[0] = before.x, old[1] = before.y, old[2] = before.z, old[3] = before.w;
  }
#pragma unroll
  for (int j = 0; j < kQuad; j++) {
    v[j] = op.alpha * v[j];
    if (op.beta != 0) v[j] = fma_(op.beta, old[j], v[j]);
    if (bias && j < count) v[j] = v[j] + bias[j];
    v[j] = activate(op.activation, v[j]);
  }
  if (vector && count >= kQuad) {
    quad(c) = make_float4(v[0], v[1], v[2], v[3]);
  } else {
#pragma unroll
    for (int j = 0; j < kQuad; j++) {
      if (j < count) c[j] = v[j];
    }
  }
}

}  // namespace adastep
