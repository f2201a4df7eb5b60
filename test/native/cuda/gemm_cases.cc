#include <algorithm>

#include "twin.h"

namespace adastep::test {

namespace {

struct Problem {
  int64_t batch, m, n, k;
  int64_t pad = 0;        // added to the leading dimensions
  size_t shift = 0;       // of the matrices in memory, in elements
  bool shared_a = false;  // batch stride 0
  float alpha = 1, beta = 0;
  Activation activation = Activation::kNone;
  bool bias = false, special = false;
};

void gemm(Report& report, Backend& cpu, Backend& cuda, const Problem& p, bool trans_a, bool trans_b) {
  Twin twin(report, cpu, cuda, 1);
  const int64_t lda = (trans_a ? p.m : p.k) + p.pad, ldb = (trans_b ? p.k : p.n) + p.pad, ldc = p.n + p.pad;
  const int64_t size_a = (trans_a ? p.k : p.m) * lda, size_b = (trans_b ? p.n : p.k) * ldb,
                size_c = p.m * ldc;
  // Not one element more than is used: the emulator reports what is read beyond the end.
  const auto extent_of = [&](int64_t batch, int64_t size) {
    return std::max<int64_t>(0, batch * size - p.pad);
  };
  const auto a = twin.slot(twin.floats(extent_of(p.shared_a ? 1 : p.batch, size_a), p.special), p.shift);
  const auto b = twin.slot(twin.floats(extent_of(p.batch, size_b)), p.shift);
  const auto c = twin.slot(twin.floats(extent_of(p.batch, size_c)), p.shift);
  const auto bias = twin.slot(twin.floats(p.n));
  const std::string name = "gemm " + std::to_string(p.batch) + " " + std::to_string(p.m) + "x" +
                           std::to_string(p.n) + "x" + std::to_string(p.k) + (trans_a ? " At" : "") +
                           (trans_b ? " Bt" : "") + " " + kActivationNames[static_cast<int>(p.activation)];
  twin.run(name, [&](Side side) {
    Gemm op = {};
    op.batch = p.batch, op.m = p.m, op.n = p.n, op.k = p.k;
    op.trans_a = trans_a, op.trans_b = trans_b;
    op.lda = lda, op.ldb = ldb, op.ldc = ldc;
    op.stride_a = p.shared_a ? 0 : size_a, op.stride_b = size_b, op.stride_c = size_c;
    op.alpha = p.alpha, op.beta = p.beta, op.activation = p.activation;
    op.a.data = a.on(side), op.b.data = b.on(side), op.c.data = c.on(side);
    if (p.bias) op.bias.data = bias.on(side);
    return std::vector<Op>{op};
  });
}

// Products that vanish leave -0, which a zero added for padding would make +0.
void underflow(Report& report, Backend& cpu, Backend& cuda) {
  Twin twin(report, cpu, cuda, 2);
  const auto a = twin.slot(std::vector<float>(3, -1e-30f)), b = twin.slot(std::vector<float>(3, 1e-30f));
  const auto c = twin.slot(std::vector<float>(1, 7));
  twin.run("gemm of vanishing products", [&](Side side) {
    Gemm op = {};
    op.batch = op.m = op.n = op.ldb = op.ldc = 1;
    op.k = op.lda = 3;
    op.alpha = 1;
    op.a.data = a.on(side), op.b.data = b.on(side), op.c.data = c.on(side);
    return std::vector<Op>{op};
  });
}

}  // namespace

void gemm_cases(Report& report, Backend& cpu, Backend& cuda) {
  const Problem problems[] = {
      {1, 1, 1, 1},
      {1, 0, 5, 3},
      {1, 5, 7, 0},
      {1, 5, 7, 0, 0, 0, false, 2, 0.5f, Activation::kSigmoid, true},
      {1, 3, 5, 7},
      {1, 32, 32, 32},
      {1, 33, 31, 65},
      {1, 128, 10, 784},
      {1, 64, 128, 100, 3},
      {1, 64, 128, 100, 4, 1},
      {1, 100, 36, 44, 4, 0, false, -0.7f, 1.3f, Activation::kGelu, true},
      {1, 37, 29, 41, 0, 0, false, 1, 0, Activation::kRelu, true},
      {1, 37, 29, 41, 0, 0, false, 1, 0, Activation::kTanh, true},
      {1, 37, 29, 41, 0, 0, false, 1, 1, Activation::kSigmoid, false, true},
      {5, 20, 24, 28},
      {5, 20, 24, 28, 1, 0, true},
      // With 108 multiprocessors the rest takes the 64 and the 128 tile.
      {1, 700, 800, 20},
      {1, 701, 799, 33, 0, 0, false, 2, 0.5f, Activation::kGelu, true},
      {1, 1500, 1800, 9},
      {1, 1501, 1799, 17, 1, 1, false, 2, 0.5f, Activation::kTanh, true},
      {1, 1536, 1792, 32, 0, 0, false, 1, 0, Activation::kRelu, true},
  };
  for (const Problem& problem : problems) {
    for (bool trans_a : {false, true}) {
      for (bool trans_b : {false, true}) gemm(report, cpu, cuda, problem, trans_a, trans_b);
    }
  }
  underflow(report, cpu, cuda);
  gemm(report, cpu, cuda, {65537, 1, 2, 3}, false, false);  // more problems than a grid has
}

}  // namespace adastep::test
