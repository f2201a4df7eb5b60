// The epilogue of a GEMM: c = act(alpha * acc + beta * c + bias), see core/ops/gemm.h.
#pragma once
#include "core/ops/gemm.h"
#include "cpu/gemm_vector.h"

namespace adastep {
namespace ADASTEP_NUMERICS {
namespace gemm {

struct Epilogue {
  float alpha, beta;
  const float* bias;  // null, or one for each column of C
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

// `acc` may be `c`. `bias` belongs to c[0], or is null.
static inline void finish_row(const Epilogue& e, const float* acc, const float* bias, float* c,
                              int64_t count) {
  for (int64_t j = 0; j < count; j += kWidth) {
    const int lanes = count - j < kWidth ? static_cast<int>(count - j) : kWidth;
    Vec v = e.alpha * load_part(acc + j, lanes);
    if (e.beta != 0) v = fused(broadcast(e.beta), load_part(c + j, lanes), v);
    if (bias != nullptr) v = v + load_part(bias + j, lanes);
    store_part(c + j, v, lanes);
  }
  activate_row(e.activation, c, count);
}

// C[i][j] for i < rows, j < cols from acc[i * ld + j].
static void finish_rows(const Epilogue& e, const float* acc, int64_t ld, const float* bias, float* c,
                        int64_t ldc, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i) finish_row(e, acc + i * ld, bias, c + i * ldc, cols);
}

// C[j][i] for i < rows, j < cols from acc[i * ld + j], of which whole vectors can be read.
static void finish_columns(const Epilogue& e, const float* acc, int64_t ld, const float* bias, float* c,
                           int64_t ldc, int64_t rows, int64_t cols) {
  for (int64_t i0 = 0; i0 < rows; i0 += kWidth) {
    for (int64_t j0 = 0; j0 < cols; j0 += kWidth) {
      Vec square[kWidth];
      for (int i = 0; i < kWidth; ++i) square[i] = i0 + i < rows ? load(acc + (i0 + i) * ld + j0) : Vec{};
      transpose(square);
      alignas(64) float columns[kWidth][kWidth];
      for (int j = 0; j < kWidth; ++j) store(columns[j], square[j]);
      const int64_t height = rows - i0 < kWidth ? rows - i0 : kWidth;
      for (int64_t j = j0; j < cols && j < j0 + kWidth; ++j) {
        finish_row(e, columns[j - j0], bias == nullptr ? nullptr : bias + i0, c + j * ldc + i0, height);
      }
    }
  }
}

}  // namespace gemm
}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
