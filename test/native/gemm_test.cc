#include <cmath>

#include "check.h"

namespace adastep::test {

namespace {

// To 8 significant bits, to the nearest, ties to even.
float to_bf16(float x) {
  int exponent = 0;
  const float mantissa = std::frexp(x, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(mantissa, 8)), exponent - 8);
}

void gemm_case(int64_t batch, int64_t m, int64_t n, int64_t k, bool trans_a, bool trans_b,
               Activation activation, float beta, Precision precision = Precision::kF32) {
  const std::vector<float> a = numbers(batch * m * k), b = numbers(batch * k * n), bias = numbers(n);
  const std::vector<float> c = numbers(batch * m * n);
  const auto read = [&](float x) { return precision == Precision::kBF16 ? to_bf16(x) : x; };
  std::vector<double> expected;
  for (int64_t i = 0; i < batch * m * n; i++) {
    const int64_t p = i / (m * n), row = i / n % m, col = i % n;
    double sum = 0;
    for (int64_t j = 0; j < k; j++) {
      const float x = a[static_cast<size_t>(p * m * k + (trans_a ? j * m + row : row * k + j))];
      const float y = b[static_cast<size_t>(p * k * n + (trans_b ? col * k + j : j * n + col))];
      sum += static_cast<double>(read(x)) * read(y);
    }
    const double v = 0.5 * sum + beta * c[static_cast<size_t>(i)] + bias[static_cast<size_t>(col)];
    expected.push_back(activation == Activation::kTanh ? std::tanh(v) : v);
  }
  run_case("gemm " + std::to_string(m) + " " + std::to_string(n) + " " + std::to_string(k),
           {in(a), in(b), in(bias), inout(c, expected, 1e-6 * std::sqrt(static_cast<double>(k)))},
           [=](const auto& d) {
             Gemm op{};
             op.batch = batch, op.m = m, op.n = n, op.k = k;
             op.trans_a = trans_a, op.trans_b = trans_b;
             op.lda = trans_a ? m : k, op.ldb = trans_b ? k : n, op.ldc = n;
             op.stride_a = m * k, op.stride_b = k * n, op.stride_c = m * n;
             op.alpha = 0.5f, op.beta = beta, op.activation = activation, op.precision = precision;
             op.a = input<float>(d[0]), op.b = input<float>(d[1]), op.bias = input<float>(d[2]);
             op.c = both<float>(d[3]);
             return op;
           });
}

}  // namespace

void test_gemm() {
  gemm_case(1, 128, 10, 300, false, false, Activation::kNone, 0);
  gemm_case(3, 33, 65, 40, true, false, Activation::kNone, 0.5f);
  gemm_case(1, 100, 200, 700, false, true, Activation::kTanh, 0);
  gemm_case(1, 1, 300, 200, true, true, Activation::kNone, 1);
  for (const int64_t m : {3, 100}) {
    for (const bool trans : {false, true}) {
      gemm_case(2, m, 75, 40, trans, trans, Activation::kNone, 0.5f, Precision::kBF16);
    }
  }
}

}  // namespace adastep::test
