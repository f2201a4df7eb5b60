#include <cmath>

#include "check.h"

namespace adastep::test {

namespace {

void fill_case(DType dtype, double value, double expected) {
  run_case(std::string("fill ") + kDTypeNames[static_cast<int>(dtype)] + " " + std::to_string(value),
           {out(std::vector<double>(40001, expected), 0, dtype)}, [=](const auto& data) {
             return Fill{dtype, 40001, value, output<Raw>(data[0])};
           });
}

void fills() {
  fill_case(DType::kF32, 0.1, static_cast<double>(0.1f));
  fill_case(DType::kF32, NAN, NAN);
  fill_case(DType::kI32, -7.9, -7);
  fill_case(DType::kI32, 1e12, INT32_MAX);
  fill_case(DType::kU8, 300, 255);
  fill_case(DType::kU8, -1, 0);
  fill_case(DType::kF64, 0.1, 0.1);
  fill_case(DType::kBF16, 1.0, 0x3f80);
  fill_case(DType::kBF16, 1.01171875, 0x3f82);  // halfway: to even
}

void copies() {
  const std::vector<float> x = numbers(300001);
  run_case("copy", {in(x), out({x.begin(), x.end()}, 0)}, [](const auto& data) {
    return Copy{4 * 300001, input<Raw>(data[0]), output<Raw>(data[1])};
  });
}

void strided_case(const std::string& name, const Dims& shape, const Dims& x_strides, const Dims& y_strides) {
  const int64_t n = strided_extent(shape, x_strides), extent_y = strided_extent(shape, y_strides);
  const std::vector<float> x = numbers(n), y(static_cast<size_t>(extent_y), -9.0f);
  std::vector<double> expected(y.begin(), y.end());
  for (int64_t i = 0; i < element_count(shape); i++) {
    int64_t rest = i, from = 0, to = 0;
    for (int d = kMaxRank - 1; d >= 0; rest /= shape.d[d--]) {
      from += rest % shape.d[d] * x_strides.d[d];
      to += rest % shape.d[d] * y_strides.d[d];
    }
    expected[static_cast<size_t>(to)] = x[static_cast<size_t>(from)];
  }
  run_case("strided " + name, {in(x), inout(y, expected, 0)}, [&](const auto& data) {
    return Strided{shape, x_strides, y_strides, input<uint32_t>(data[0]), output<uint32_t>(data[1])};
  });
}

void strided() {
  strided_case("transpose", {{1, 1, 1, 1, 301, 205}}, {{0, 0, 0, 0, 205, 1}}, {{0, 0, 0, 0, 1, 301}});
  strided_case("batched transpose", {{1, 1, 5, 4, 33, 65}}, {{0, 0, 8580, 2145, 65, 1}},
               {{0, 0, 8580, 2145, 1, 33}});
  strided_case("slice", {{1, 1, 1, 7, 60, 50}}, {{0, 0, 0, 6000, 100, 1}}, {{0, 0, 0, 3000, 50, 1}});
  strided_case("into a larger one", {{1, 1, 1, 1, 30, 20}}, {{0, 0, 0, 0, 20, 1}}, {{0, 0, 0, 0, 64, 1}});
  strided_case("broadcast", {{1, 1, 1, 9, 60, 50}}, {{0, 0, 0, 0, 1, 0}}, {{0, 0, 0, 3000, 50, 1}});
  strided_case("axes reversed", {{2, 3, 4, 5, 6, 7}}, {{2520, 840, 210, 42, 7, 1}},
               {{1, 2, 6, 24, 120, 720}});
  strided_case("head split", {{1, 1, 3, 40, 4, 16}}, {{0, 0, 2560, 64, 16, 1}}, {{0, 0, 2560, 16, 640, 1}});
  strided_case("one", {{1, 1, 1, 1, 1, 1}}, {{0, 0, 0, 0, 0, 0}}, {{0, 0, 0, 0, 0, 0}});
  strided_case("empty", {{1, 1, 1, 1, 0, 5}}, {{0, 0, 0, 0, 5, 1}}, {{0, 0, 0, 0, 5, 1}});
}

template <class T>
void cast_case(DType from, DType to, std::vector<T> x, std::vector<double> expected) {
  for (int i = 0; i < 40000; i++) {  // beyond a task
    x.push_back(static_cast<T>(i % 200));
    expected.push_back(i % 200);
  }
  run_case(
      std::string("cast ") + kDTypeNames[static_cast<int>(from)] + " to " + kDTypeNames[static_cast<int>(to)],
      {in(x), out(expected, 0, to)}, [&](const auto& data) {
        return Cast{from, to, static_cast<int64_t>(x.size()), input<Raw>(data[0]), output<Raw>(data[1])};
      });
}

void casts() {
  const std::vector<float> f = {-1.9f, 2.9f, 3e9f, -3e9f, NAN, INFINITY, -INFINITY, 300.0f, 2147483520.0f};
  const double high = INT32_MAX, low = INT32_MIN;
  cast_case(DType::kF32, DType::kI32, f, {-1, 2, high, low, 0, high, low, 300, 2147483520.0});
  cast_case(DType::kF32, DType::kU8, f, {0, 2, 255, 0, 0, 255, 0, 255, 255});
  cast_case(DType::kF32, DType::kF32, std::vector<float>{0.1f}, {static_cast<double>(0.1f)});
  cast_case(DType::kI32, DType::kF32, std::vector<int32_t>{-5, 16777217}, {-5, 16777216});
  cast_case(DType::kI32, DType::kU8, std::vector<int32_t>{-5, 256, 7}, {0, 255, 7});
  cast_case(DType::kI32, DType::kI32, std::vector<int32_t>{-5}, {-5});
  cast_case(DType::kU8, DType::kF32, std::vector<uint8_t>{255}, {255});
  cast_case(DType::kU8, DType::kI32, std::vector<uint8_t>{255}, {255});
  cast_case(DType::kU8, DType::kU8, std::vector<uint8_t>{255}, {255});
}

// The bits of bf16 are numbers here. Halfway cases go to even; the largest f32 is beyond the largest bf16.
void bf16_casts() {
  const std::vector<float> f = {1.0f,          -0.0f,    1.00390625f, 1.01171875f, 1.00390637f,
                                3.4028235e38f, INFINITY, -NAN,        1e-45f,      9.2e-41f};
  run_case(
      "cast f32 to bf16",
      {in(f), out({0x3f80, 0x8000, 0x3f80, 0x3f82, 0x3f81, 0x7f80, 0x7f80, 0xffc0, 0, 1}, 0, DType::kBF16)},
      [&](const auto& data) {
        return Cast{DType::kF32, DType::kBF16, 10, input<Raw>(data[0]), output<Raw>(data[1])};
      });
  Array codes = in(std::vector<uint8_t>{0x80, 0x3f, 0, 0x80, 0x81, 0xbf, 0x80, 0x7f, 1, 0});
  run_case("cast bf16 to f32", {codes, out({1, -0.0, -1.0078125, INFINITY, 0x1p-133}, 0)},
           [&](const auto& data) {
             return Cast{DType::kBF16, DType::kF32, 5, input<Raw>(data[0]), output<Raw>(data[1])};
           });
}

// What a backend of the best level draws.
std::vector<float> draw(RandomKind kind, int64_t n, int64_t seed, int64_t stream, float a, float b) {
  std::vector<float> y(static_cast<size_t>(n));
  const auto backend = open_cpu("", 1);
  backend->run({Random{kind, seed, stream, n, a, b, {y.data()}}});
  return y;
}

// Random123's known answer for key and counter 0, the moments, and that other keys draw other numbers.
void random() {
  constexpr int64_t kN = 100003;
  const std::vector<float> known = draw(RandomKind::kUniform, 4, 0, 0, 0, 1);
  const uint32_t words[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  for (size_t i = 0; i < 4; i++) {
    check(known[i] == static_cast<float>(words[i] >> 8) * 0x1p-24f, "random: the known answer");
  }
  for (const RandomKind kind : {RandomKind::kUniform, RandomKind::kNormal}) {
    const std::vector<float> once = draw(kind, kN, 7, 3, -1, 2);
    double sum = 0, squares = 0;
    for (float value : once) {
      sum += value;
      squares += static_cast<double>(value) * value;
    }
    const double mean = sum / kN, variance = squares / kN - mean * mean;
    const bool normal = kind == RandomKind::kNormal;
    check(std::fabs(mean - (normal ? -1 : 0.5)) < 0.03, "random: mean " + std::to_string(mean));
    check(std::fabs(variance / (normal ? 4 : 0.75) - 1) < 0.03,
          "random: variance " + std::to_string(variance));
    check(draw(kind, kN, 8, 3, -1, 2) != once && draw(kind, kN, 7, 4, -1, 2) != once,
          "random: other keys differ");
    run_case("random", {out({once.begin(), once.end()}, 4e-7)},
             [=](const auto& data) { return Random{kind, 7, 3, kN, -1, 2, output<float>(data[0])}; });
  }
}

void dropout() {
  constexpr int64_t kN = 50001;
  const std::vector<float> x = numbers(kN), u = draw(RandomKind::kUniform, kN, 5, 9, 0, 1);
  std::vector<double> expected;  // at step 0 the counter is that of Random
  for (size_t i = 0; i < u.size(); i++) expected.push_back(u[i] >= 0.3f ? x[i] / 0.7 : 0);
  run_case("dropout", {in(std::vector<double>{0}), in(x), out(expected, 4e-7)}, [](const auto& data) {
    return Dropout{kN, 5, 9, 0.3f, input<double>(data[0]), input<float>(data[1]), output<float>(data[2])};
  });
  run_case("dropout of nothing", {in(std::vector<double>{12}), in(x), out({x.begin(), x.end()}, 0)},
           [](const auto& data) {
             return Dropout{
                 kN, 5, 9, 0, input<double>(data[0]), input<float>(data[1]), output<float>(data[2])};
           });
}

}  // namespace

void test_memory() {
  fills();
  copies();
  strided();
  casts();
  bf16_casts();
  random();
  dropout();
}

}  // namespace adastep::test
