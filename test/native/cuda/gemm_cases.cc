#include <algorithm>
#include <cmath>
#include <vector>

#include "twin.h"

namespace adastep::test {

namespace {

constexpr int64_t kToFour = -1;

struct Problem {
  int64_t batch, m, n, k;
  int64_t pad = 0;        // added to the leading dimensions; kToFour: they become multiples of 4
  size_t shift = 0;       // of the matrices in memory, in elements
  bool shared_a = false;  // batch stride 0
  float alpha = 1, beta = 0;
  Activation activation = Activation::kNone;
  bool bias = false, special = false;
  Precision precision = Precision::kF32;
};

// Multiples of 1/16 and a rounding to bf16 whose products are multiples of 1/256: their sums are exact in
// f32 in any order, so that tensor cores, which have an order of their own, give the CPU's bits.
std::vector<float> coarse(std::vector<float> values) {
  for (float& value : values) {
    if (std::abs(value) < 1e6f) value = std::nearbyint(16 * value) / 16;
    if (std::isfinite(value) && std::abs(value) > 1e6f) value = 1;
  }
  return values;
}

void gemm(Report& report, Backend& cpu, Backend& cuda, const Problem& p, bool trans_a, bool trans_b) {
  Twin twin(report, cpu, cuda, 1);
  const auto padded = [&](int64_t n) { return p.pad == kToFour ? (n + 3) / 4 * 4 : n + p.pad; };
  const int64_t width_a = trans_a ? p.m : p.k, width_b = trans_b ? p.k : p.n;
  const int64_t lda = padded(width_a), ldb = padded(width_b), ldc = padded(p.n);
  const int64_t size_a = (trans_a ? p.k : p.m) * lda, size_b = (trans_b ? p.n : p.k) * ldb,
                size_c = p.m * ldc;
  // Not one element more than is used: the emulator reports what is read beyond the end.
  const auto extent_of = [&](int64_t batch, int64_t size, int64_t padding) {
    return std::max<int64_t>(0, batch * size - padding);
  };
  const int64_t extent_a = extent_of(p.shared_a ? 1 : p.batch, size_a, lda - width_a);
  const auto numbers = [&](int64_t n, bool special) {
    const std::vector<float> values = twin.floats(n, special);
    return p.precision == Precision::kF32 ? values : coarse(values);
  };
  const auto a = twin.slot(numbers(extent_a, p.special), p.shift);
  const auto b = twin.slot(numbers(extent_of(p.batch, size_b, ldb - width_b), false), p.shift);
  const auto c = twin.slot(twin.floats(extent_of(p.batch, size_c, ldc - p.n)), p.shift);
  const auto bias = twin.slot(twin.floats(p.n));
  const std::string name = std::string("gemm ") + kPrecisionNames[static_cast<int>(p.precision)] + " " +
                           std::to_string(p.batch) + " " + std::to_string(p.m) + "x" + std::to_string(p.n) +
                           "x" + std::to_string(p.k) + (trans_a ? " At" : "") + (trans_b ? " Bt" : "") + " " +
                           kActivationNames[static_cast<int>(p.activation)];
  twin.run(name, [&](Side side) {
    Gemm op = {};
    op.batch = p.batch, op.m = p.m, op.n = p.n, op.k = p.k;
    op.trans_a = trans_a, op.trans_b = trans_b;
    op.lda = lda, op.ldb = ldb, op.ldc = ldc;
    op.stride_a = p.shared_a ? 0 : size_a, op.stride_b = size_b, op.stride_c = size_c;
    op.alpha = p.alpha, op.beta = p.beta, op.activation = p.activation, op.precision = p.precision;
    op.a.data = a.on(side), op.b.data = b.on(side), op.c.data = c.on(side);
    if (p.bias) op.bias.data = bias.on(side);
    return std::vector<Op>{op};
  });
}

void all_storages(Report& report, Backend& cpu, Backend& cuda, const Problem& problem) {
  for (bool trans_a : {false, true}) {
    for (bool trans_b : {false, true}) gemm(report, cpu, cuda, problem, trans_a, trans_b);
  }
}

// Aligned matrices whose last group of four, along m, n or k, is not whole, wherever a thread loads one.
void partial_fours(Report& report, Backend& cpu, Backend& cuda, int64_t m, int64_t n,
                   const std::vector<int64_t>& ks, Precision precision = Precision::kF32) {
  for (int64_t k : ks) {
    const int64_t less = k % 8 / 4;
    all_storages(
        report, cpu, cuda,
        {1, m - less, n - less, k, kToFour, 0, false, 2, 0.5f, Activation::kNone, true, false, precision});
  }
}

// Products that vanish leave -0, which a zero added for padding would make +0.
void underflow(Report& report, Backend& cpu, Backend& cuda, int64_t m, int64_t n) {
  Twin twin(report, cpu, cuda, 2);
  const auto a = twin.slot(std::vector<float>(static_cast<size_t>(3 * m), -1e-30f));
  const auto b = twin.slot(std::vector<float>(static_cast<size_t>(3 * n), 1e-30f));
  const auto c = twin.slot(std::vector<float>(static_cast<size_t>(m * n), 7));
  twin.run("gemm of vanishing products", [&](Side side) {
    Gemm op = {};
    op.batch = 1, op.m = m, op.n = op.ldb = op.ldc = n;
    op.k = op.lda = 3;
    op.alpha = 1;
    op.a.data = a.on(side), op.b.data = b.on(side), op.c.data = c.on(side);
    return std::vector<Op>{op};
  });
}

void run_all(Report& report, Backend& cpu, Backend& cuda, const std::vector<Problem>& problems,
             Precision precision = Precision::kF32) {
  for (Problem problem : problems) {
    problem.precision = precision;
    all_storages(report, cpu, cuda, problem);
  }
}

// To 8 significant bits, to the nearest, ties to even.
double to_bf16(float x) {
  int exponent = 0;
  const double mantissa = std::frexp(static_cast<double>(x), &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(mantissa, 8)), exponent - 8);
}

// Operands that bf16 does round, against a sum in double. Each of k additions, in any order, may cut off what
// is below the last place of a partial sum, which is no larger than the sum of the magnitudes (Fasi et al.,
// "Numerical behavior of NVIDIA tensor cores", 2021).
void rounding(Report& report, Backend& cpu, Backend& cuda, int64_t m, int64_t n, int64_t k) {
  Twin twin(report, cpu, cuda, 3);
  const std::vector<float> left = twin.floats(m * k), right = twin.floats(k * n);
  const auto a = twin.slot(left), b = twin.slot(right);
  const auto c = twin.slot(std::vector<float>(static_cast<size_t>(m * n)));
  twin.execute([&](Side side) {
    Gemm op = {};
    op.batch = 1, op.m = m, op.n = op.ldb = op.ldc = n;
    op.k = op.lda = k;
    op.alpha = 1, op.precision = Precision::kBF16;
    op.a.data = a.on(side), op.b.data = b.on(side), op.c.data = c.on(side);
    return std::vector<Op>{op};
  });
  for (Side side : {kCpu, kCuda}) {
    const std::vector<float> product = twin.values(c, static_cast<size_t>(m * n), side);
    int wrong = 0;
    for (int64_t i = 0; i < m * n; i++) {
      double sum = 0, magnitude = 0;
      for (int64_t j = 0; j < k; j++) {
        const double term = to_bf16(left[static_cast<size_t>(i / n * k + j)]) *
                            to_bf16(right[static_cast<size_t>(j * n + i % n)]);
        sum += term, magnitude += std::abs(term);
      }
      const double bound = static_cast<double>(k) * 0x1p-23 * magnitude;
      wrong += !(std::abs(product[static_cast<size_t>(i)] - sum) <= bound);
    }
    report.expect(wrong == 0, "gemm bf16 with rounding on " + std::string(side == kCpu ? "cpu" : "cuda") +
                                  ": " + std::to_string(wrong) + " elements");
  }
}

}  // namespace

// The tiles are those that are taken with the 4 multiprocessors of the emulator.
void gemm_small_cases(Report& report, Backend& cpu, Backend& cuda) {
  run_all(report, cpu, cuda,
          {{1, 1, 1, 1},
           {1, 0, 5, 3},
           {1, 5, 7, 0},
           {1, 5, 7, 0, 0, 0, false, 2, 0.5f, Activation::kSigmoid, true},
           {1, 3, 5, 7},
           {1, 32, 32, 32},
           {1, 33, 31, 65},
           {1, 128, 10, 784},
           {1, 64, 64, 100, 3},
           {1, 64, 64, 100, 4, 1},
           {1, 37, 29, 41, 0, 0, false, 1, 0, Activation::kRelu, true},
           {1, 37, 29, 41, 0, 0, false, 1, 0, Activation::kTanh, true},
           {1, 37, 29, 41, 0, 0, false, 1, 1, Activation::kSigmoid, false, true},
           {1, 36, 28, 44, 4, 0, false, -0.7f, 1.3f, Activation::kGelu, true},
           {5, 20, 24, 28},
           {5, 20, 24, 28, 1, 0, true}});
  partial_fours(report, cpu, cuda, 31, 30, {3, 11, 19, 27, 35, 43, 51, 59});
  underflow(report, cpu, cuda, 1, 1);
}

void gemm_medium_cases(Report& report, Backend& cpu, Backend& cuda) {
  run_all(report, cpu, cuda,
          {{1, 128, 96, 48},
           {1, 64, 128, 100, 3},
           {1, 64, 128, 100, 4, 1},
           {1, 127, 66, 33, 0, 0, false, 2, 0.5f, Activation::kGelu, true},
           {1, 125, 67, 17, 1, 1, false, 2, 0.5f, Activation::kTanh, true},
           {1, 100, 72, 20, 4, 0, false, -0.7f, 1.3f, Activation::kSigmoid, true},
           {1, 66, 101, 50, 0, 0, false, 1, 0, Activation::kRelu, false, true}});
  partial_fours(report, cpu, cuda, 127, 70, {7, 11, 23, 27});
  underflow(report, cpu, cuda, 100, 100);
}

void gemm_large_cases(Report& report, Backend& cpu, Backend& cuda) {
  run_all(report, cpu, cuda,
          {{1, 640, 128, 16},
           {1, 619, 123, 9, 0, 0, false, 2, 0.5f, Activation::kGelu, true},
           {1, 257, 640, 17, 1, 1, false, 2, 0.5f, Activation::kTanh, true},
           {1, 640, 260, 12, 4, 0, false, -0.7f, 1.3f, Activation::kSigmoid, true},
           {1, 636, 124, 24, 0, 0, false, 1, 0, Activation::kRelu, false, true}});
  partial_fours(report, cpu, cuda, 639, 126, {3, 11});
  underflow(report, cpu, cuda, 640, 128);
}

// With the 108 multiprocessors of an A100 most of these take the medium and the large tile.
void gemm_huge_cases(Report& report, Backend& cpu, Backend& cuda) {
  run_all(report, cpu, cuda,
          {{1, 700, 800, 20},
           {1, 701, 799, 33, 0, 0, false, 2, 0.5f, Activation::kGelu, true},
           {1, 1500, 1800, 9},
           {1, 1501, 1799, 17, 1, 1, false, 2, 0.5f, Activation::kTanh, true},
           {1, 1536, 1792, 32, 0, 0, false, 1, 0, Activation::kRelu, true}});
  gemm(report, cpu, cuda, {65537, 1, 2, 3}, false, false);  // more problems than a grid has
}

void gemm_bf16_small_cases(Report& report, Backend& cpu, Backend& cuda) {
  run_all(report, cpu, cuda,
          {{1, 1, 1, 1},
           {1, 0, 5, 3},
           {1, 5, 7, 0, 0, 0, false, 2, 0.5f, Activation::kSigmoid, true},
           {1, 32, 32, 32},
           {1, 33, 31, 65},
           {1, 128, 10, 100},
           {1, 32, 64, 100, 4, 1},
           {1, 37, 29, 41, 0, 0, false, 1, 0, Activation::kRelu, true},
           {1, 37, 29, 41, 0, 0, false, 1, 0, Activation::kTanh, true},
           {1, 37, 29, 41, 0, 0, false, 1, 1, Activation::kSigmoid, false, true},
           {1, 36, 28, 44, 4, 0, false, -0.7f, 1.3f, Activation::kGelu, true},
           {5, 20, 24, 28},
           {5, 20, 24, 28, 1, 0, true}},
          Precision::kBF16);
  partial_fours(report, cpu, cuda, 31, 30, {3, 11, 19, 27, 35}, Precision::kBF16);
  rounding(report, cpu, cuda, 33, 31, 70);
}

void gemm_bf16_medium_cases(Report& report, Backend& cpu, Backend& cuda) {
  run_all(report, cpu, cuda,
          {{1, 128, 128, 48},
           {1, 128, 128, 72, 4, 1},
           {1, 127, 66, 33, 0, 0, false, 2, 0.5f, Activation::kGelu, true},
           {1, 125, 67, 17, 1, 1, false, 2, 0.5f, Activation::kTanh, true},
           {1, 100, 72, 20, 4, 0, false, -0.7f, 1.3f, Activation::kSigmoid, true},
           {1, 66, 101, 50, 0, 0, false, 1, 0, Activation::kRelu, false, true}},
          Precision::kBF16);
  partial_fours(report, cpu, cuda, 127, 70, {7, 11, 23, 35}, Precision::kBF16);
  rounding(report, cpu, cuda, 127, 66, 70);
}

void gemm_bf16_large_cases(Report& report, Backend& cpu, Backend& cuda) {
  run_all(report, cpu, cuda,
          {{1, 640, 128, 32},
           {1, 619, 123, 9, 0, 0, false, 2, 0.5f, Activation::kGelu, true},
           {1, 257, 640, 33, 1, 1, false, 2, 0.5f, Activation::kTanh, true},
           {1, 640, 260, 12, 4, 0, false, -0.7f, 1.3f, Activation::kSigmoid, true},
           {1, 636, 124, 24, 0, 0, false, 1, 0, Activation::kRelu, false, true}},
          Precision::kBF16);
  partial_fours(report, cpu, cuda, 639, 126, {3, 11, 19}, Precision::kBF16);
  rounding(report, cpu, cuda, 640, 128, 40);
}

}  // namespace adastep::test
