// Correctness of the CPU GEMM at random shapes: every level with fma, with one thread and with several, must
// equal a naive fma chain in every bit, epilogue included, and leave the gaps between rows of C alone.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "core/numerics.h"
#include "cpu/context.h"
#include "cpu/level.h"

using namespace adastep;

namespace {

std::mt19937 random_bits(7);

int64_t pick(int64_t low, int64_t high) {
  return low + static_cast<int64_t>(random_bits() % static_cast<uint64_t>(high - low + 1));
}

std::vector<float> noise(int64_t count) {
  std::vector<float> values(count);
  for (float& x : values) x = static_cast<float>(random_bits()) / 2147483648.0f - 1.0f;
  return values;
}

float activate(Activation activation, float x) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return numerics::relu_(x);
    case Activation::kGelu:
      return numerics::gelu_(x);
    case Activation::kTanh:
      return numerics::tanh_(x);
    case Activation::kSigmoid:
      return numerics::sigmoid_(x);
  }
  return x;
}

float element(const Gemm& op, int64_t index, int64_t i, int64_t j, bool fused, double* magnitude) {
  const float* a = op.a.data + index * op.stride_a;
  const float* b = op.b.data + index * op.stride_b;
  float sum = 0;
  for (int64_t k = 0; k < op.k; k++) {
    const float x = op.trans_a ? a[k * op.lda + i] : a[i * op.lda + k];
    const float y = op.trans_b ? b[j * op.ldb + k] : b[k * op.ldb + j];
    sum = fused ? std::fma(x, y, sum) : sum + x * y;
    *magnitude += std::fabs(static_cast<double>(x) * y);
  }
  float v = op.alpha * sum;
  if (op.beta != 0) {
    const float c = op.c.data[index * op.stride_c + i * op.ldc + j];
    v = fused ? std::fma(op.beta, c, v) : v + op.beta * c;
  }
  if (op.bias.data != nullptr) v = v + op.bias.data[j];
  return activate(op.activation, v);
}

struct Case {
  Gemm op;
  std::vector<float> a, b, bias, c;
};

Case random_case(int64_t largest) {
  Case x;
  Gemm& op = x.op;
  op.batch = pick(0, 9) < 7 ? 1 : pick(0, 5);
  op.m = pick(0, largest);
  op.n = pick(0, largest);
  op.k = pick(0, largest);
  if (pick(0, 3) == 0) (pick(0, 1) ? op.m : op.n) = 1;
  if (pick(0, 5) == 0) op.k = pick(200, 1100);
  op.trans_a = pick(0, 1);
  op.trans_b = pick(0, 1);
  op.lda = (op.trans_a ? op.m : op.k) + pick(0, 5);
  op.ldb = (op.trans_b ? op.k : op.n) + pick(0, 5);
  op.ldc = op.n + pick(0, 5);
  op.stride_a = pick(0, 3) == 0 ? 0 : (op.trans_a ? op.k : op.m) * op.lda + pick(0, 3);
  op.stride_b = pick(0, 3) == 0 ? 0 : (op.trans_b ? op.n : op.k) * op.ldb + pick(0, 3);
  op.stride_c = op.m * op.ldc + pick(0, 3);
  op.alpha = pick(0, 1) ? 1.0f : 0.37f;
  op.beta = pick(0, 1) ? 0.0f : -0.61f;
  op.activation = static_cast<Activation>(pick(0, 1) ? 0 : pick(0, 4));
  // Exactly as much memory as is needed, so that a memory checker sees any step too far.
  x.a = noise(
      Gemm::matrix_extent(op.batch, op.stride_a, op.trans_a ? op.k : op.m, op.trans_a ? op.m : op.k, op.lda));
  x.b = noise(
      Gemm::matrix_extent(op.batch, op.stride_b, op.trans_b ? op.n : op.k, op.trans_b ? op.k : op.n, op.ldb));
  x.c = noise(Gemm::matrix_extent(op.batch, op.stride_c, op.m, op.n, op.ldc));
  if (pick(0, 1)) x.bias = noise(op.n);
  op.a.data = x.a.data();
  op.b.data = x.b.data();
  op.bias.data = x.bias.empty() ? nullptr : x.bias.data();
  return x;
}

// The places of C that belong to the result; with beta 0 they hold NaN before.
template <class F>
void for_each_element(const Gemm& op, F f) {
  for (int64_t index = 0; index < op.batch; index++) {
    for (int64_t i = 0; i < op.m; i++) {
      for (int64_t j = 0; j < op.n; j++) f(index, i, j, index * op.stride_c + i * op.ldc + j);
    }
  }
}

// The baseline level rounds twice where the others fuse: it may differ by the error of a sum.
bool check(Case& x, const cpu::Level& level, const cpu::Parallel& parallel) {
  const bool fused = level.name != std::string("baseline");
  Gemm op = x.op;
  op.c.data = x.c.data();
  if (op.beta == 0) for_each_element(op, [&](int64_t, int64_t, int64_t, int64_t at) { x.c[at] = NAN; });
  std::vector<float> expected = x.c, got = x.c;
  std::vector<double> bound(x.c.size());
  for_each_element(op, [&](int64_t index, int64_t i, int64_t j, int64_t at) {
    double magnitude = 0;
    expected[at] = element(op, index, i, j, fused, &magnitude);
    bound[at] = fused ? 0 : 4e-7 * magnitude;
  });
  op.c.data = got.data();
  level.kernels->run_Gemm(op, parallel);
  for (size_t at = 0; at < got.size(); at++) {
    if (std::memcmp(&got[at], &expected[at], 4) == 0) continue;
    if (std::fabs(got[at] - expected[at]) <= bound[at]) continue;
    std::printf("%s, %d threads: batch %ld m %ld n %ld k %ld trans %d %d beta %g: c[%zu] = %g, not %g\n",
                level.name, parallel.threads, op.batch, op.m, op.n, op.k, op.trans_a, op.trans_b, op.beta, at,
                got[at], expected[at]);
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const int cases = argc > 1 ? std::atoi(argv[1]) : 3000;
  cpu::Context one(cpu::Pool::process(), 1), four(cpu::Pool::process(), 4);
  int failures = 0;
  for (int i = 0; i < cases; i++) {
    Case x = random_case(i % 50 == 0 ? 400 : 70);
    for (const cpu::Level& level : cpu::levels()) {
      for (cpu::Context* context : {&one, &four}) failures += !check(x, level, context->parallel());
    }
  }
  std::printf("%d cases, %zu levels, 1 and 4 threads: %d failures\n", cases, cpu::levels().size(), failures);
  return failures != 0;
}
