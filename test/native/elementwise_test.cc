#include <cmath>
#include <functional>

#include "check.h"

namespace adastep::test {

namespace {

constexpr double kTolerance = 4e-7;  // a few ulp
const float kInfinity = INFINITY, kNan = NAN;

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double cdf(double x) { return 0.5 * (1 + std::erf(x / std::sqrt(2.0))); }

double unary(UnaryFn fn, double x) {
  switch (fn) {
    case UnaryFn::kAffine:
      return 1.5 * x - 0.25;
    case UnaryFn::kRelu:
      return x > 0 || x != x ? x : 0;
    case UnaryFn::kGelu:
      return x * cdf(x);
    case UnaryFn::kTanh:
      return std::tanh(x);
    case UnaryFn::kSigmoid:
      return sigmoid(x);
    case UnaryFn::kExp:
      return std::exp(x);
    case UnaryFn::kLog:
      return std::log(x);
    case UnaryFn::kSqrt:
      return std::sqrt(x);
    case UnaryFn::kAbs:
      return std::fabs(x);
    case UnaryFn::kReciprocal:
      return 1 / x;
    case UnaryFn::kSilu:
      return x * sigmoid(x);
    case UnaryFn::kNumber:
      return x == x ? x : -INFINITY;
  }
  return 0;
}

double binary(BinaryFn fn, double a, double b) {
  switch (fn) {
    case BinaryFn::kAdd:
      return a + b;
    case BinaryFn::kSub:
      return a - b;
    case BinaryFn::kMul:
      return a * b;
    case BinaryFn::kDiv:
      return a / b;
    case BinaryFn::kMaximum:
      return a != a || b != b ? NAN : std::fmax(a, b);
    case BinaryFn::kMinimum:
      return a != a || b != b ? NAN : std::fmin(a, b);
    case BinaryFn::kGreaterEqual:
      return a >= b;
    case BinaryFn::kEqual:
      return a == b;
    case BinaryFn::kReluGrad:
      return b > 0 ? a : 0;
    case BinaryFn::kGeluGrad:
      return a * (cdf(b) + b * std::exp(-b * b / 2) / std::sqrt(2 * M_PI));
    case BinaryFn::kTanhGrad:
      return a * (1 - b * b);
    case BinaryFn::kSigmoidGrad:
      return a * b * (1 - b);
    case BinaryFn::kAbsGrad:
      return a * (b > 0 ? 1 : b < 0 ? -1 : 0);
    case BinaryFn::kSqrtGrad:
      return a / (2 * b);
    case BinaryFn::kSquaredError:
      return (a - b) * (a - b);
    case BinaryFn::kBceLogits:
      return std::fmax(a, 0) - a * b + std::log1p(std::exp(-std::fabs(a)));
    case BinaryFn::kBceLogitsGrad:
      return sigmoid(a) - b;
    case BinaryFn::kSiluGrad:
      return a * sigmoid(b) * (1 + b * (1 - sigmoid(b)));
  }
  return 0;
}

void unary_case(UnaryFn fn, const std::vector<float>& x) {
  std::vector<double> expected;
  for (float value : x) expected.push_back(unary(fn, value));
  run_case(std::string("unary ") + kUnaryFnNames[static_cast<int>(fn)], {in(x), out(expected, kTolerance)},
           [&, fn](const auto& data) {
             return Unary{fn,     static_cast<int64_t>(x.size()), 1.5f,
                          -0.25f, input<float>(data[0]),          output<float>(data[1])};
           });
}

void binary_case(const std::string& name, BinaryFn fn, const Dims& shape, const Dims& a_strides,
                 const Dims& b_strides, const std::vector<float>& a, const std::vector<float>& b) {
  std::vector<double> expected;
  for (int64_t i = 0; i < element_count(shape); i++) {
    int64_t rest = i, at_a = 0, at_b = 0;
    for (int d = kMaxRank - 1; d >= 0; rest /= shape.d[d--]) {
      at_a += rest % shape.d[d] * a_strides.d[d];
      at_b += rest % shape.d[d] * b_strides.d[d];
    }
    expected.push_back(binary(fn, a[static_cast<size_t>(at_a)], b[static_cast<size_t>(at_b)]));
  }
  run_case("binary " + std::string(kBinaryFnNames[static_cast<int>(fn)]) + " " + name,
           {in(a), in(b), out(expected, kTolerance)}, [&, fn](const auto& data) {
             return Binary{fn,
                           shape,
                           a_strides,
                           b_strides,
                           input<float>(data[0]),
                           input<float>(data[1]),
                           output<float>(data[2])};
           });
}

// The operands as large as the strides need.
void binary_case(const std::string& name, BinaryFn fn, const Dims& shape, const Dims& a_strides,
                 const Dims& b_strides) {
  const std::vector<float> a = numbers(strided_extent(shape, a_strides));
  const std::vector<float> b = numbers(strided_extent(shape, b_strides));
  binary_case(name, fn, shape, a_strides, b_strides, a, b);
}

void in_place() {
  const std::vector<float> x = numbers(40000);
  std::vector<double> expected;
  for (float value : x) expected.push_back(std::tanh(value));
  run_case("unary in place", {inout(x, expected, kTolerance)}, [](const auto& data) {
    return Unary{UnaryFn::kTanh, 40000, 0, 0, input<float>(data[0]), output<float>(data[0])};
  });
}

Dims flat(int64_t n) { return {{1, 1, 1, 1, 1, n}}; }
Dims flat_stride(int64_t stride) { return {{0, 0, 0, 0, 0, stride}}; }

}  // namespace

void test_elementwise() {
  const std::vector<float> special = {0.0f, -0.0f, kInfinity, -kInfinity, kNan, 1e-40f, 3e38f, -100.f, 100.f};
  for (int fn = 0; fn < 11; fn++) {
    std::vector<float> x = numbers(50001, -8, 8);
    x.insert(x.end(), special.begin(), special.end());
    if (static_cast<UnaryFn>(fn) == UnaryFn::kGelu || static_cast<UnaryFn>(fn) == UnaryFn::kSilu)
      x.erase(x.begin() + 50001 + 3);  // -inf * 0, here as there NaN
    unary_case(static_cast<UnaryFn>(fn), x);
    unary_case(static_cast<UnaryFn>(fn), {});
  }
  in_place();
  for (int f = 0; f < 18; f++) {
    const auto fn = static_cast<BinaryFn>(f);
    binary_case("contiguous", fn, flat(50001), flat_stride(1), flat_stride(1));
    binary_case("a scalar", fn, flat(5001), flat_stride(0), flat_stride(1));
    binary_case("b scalar", fn, flat(5001), flat_stride(1), flat_stride(0));
    binary_case("row vector", fn, {{1, 1, 1, 1, 77, 33}}, {{0, 0, 0, 0, 33, 1}}, {{0, 0, 0, 0, 0, 1}});
    binary_case("strided", fn, {{1, 2, 1, 3, 5, 7}}, {{0, 210, 9, 70, 14, 2}}, {{0, 1, 0, 0, 14, 2}});
  }
  const Dims rows = {{0, 0, 0, 0, 300, 1}};
  binary_case("column vector", BinaryFn::kMul, {{1, 1, 1, 1, 700, 300}}, rows, {{0, 0, 0, 0, 1, 0}});
  binary_case("transposed", BinaryFn::kAdd, {{1, 1, 1, 1, 123, 300}}, rows, {{0, 0, 0, 0, 1, 123}});
  binary_case("one element", BinaryFn::kAdd, flat(1), flat_stride(0), flat_stride(0));
  binary_case("empty", BinaryFn::kAdd, {{1, 1, 1, 3, 0, 4}}, {{0, 0, 0, 4, 4, 1}}, {{0, 0, 0, 4, 4, 1}});
  binary_case("special", BinaryFn::kMaximum, flat(3), flat_stride(1), flat_stride(1), {kNan, 1, kInfinity},
              {1, kNan, 2});
}

}  // namespace adastep::test
