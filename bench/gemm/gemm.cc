// GFLOP/s of the CPU GEMM beside OpenBLAS and oneDNN. Contenders take turns within a round, one at a time and
// with a pause between them, because the pools of the peers go on spinning after a call; a figure is the
// median of the rounds, a ratio the median of the ratios within a round to the faster peer.
//   gemm [rounds] [shape substring]
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "cpu/context.h"
#include "cpu/level.h"
#include "peers.h"

using namespace adastep;

namespace {

struct Shape {
  int64_t m, n, k;
  const char* layout;  // NN, NT, TN
};

constexpr Shape kShapes[] = {
    {1024, 1024, 1024, "NN"}, {1024, 1024, 1024, "NT"}, {1024, 1024, 1024, "TN"}, {64, 512, 784, "NN"},
    {64, 512, 784, "NT"},     {512, 784, 64, "TN"},     {256, 1024, 1024, "NN"},  {256, 1024, 1024, "NT"},
    {1024, 1024, 256, "TN"},  {4096, 4096, 256, "NN"},  {32, 4096, 1024, "NN"},   {32, 4096, 1024, "NT"},
    {4096, 1024, 32, "TN"},   {8, 1024, 1024, "NN"},    {1, 1024, 1024, "NN"},    {1, 1024, 1024, "NT"},
    {1024, 1, 1024, "NN"},    {128, 10, 512, "NN"},     {128, 512, 10, "NT"},     {512, 10, 128, "TN"},
    {128, 128, 784, "NN"},    {64, 64, 64, "NN"},
};

std::string name_of(const Shape& s) {
  return std::to_string(s.m) + "," + std::to_string(s.n) + "," + std::to_string(s.k) + " " + s.layout;
}

using Buffer = std::unique_ptr<float, decltype(&std::free)>;

Buffer noise(int64_t count) {
  Buffer buffer(static_cast<float*>(std::aligned_alloc(256, (4 * count + 255) / 256 * 256)), &std::free);
  std::mt19937 bits(static_cast<unsigned>(count));
  for (int64_t i = 0; i < count; i++) buffer.get()[i] = static_cast<float>(bits()) / 2147483648.0f - 1.0f;
  return buffer;
}

struct Problem {
  Shape shape;
  Buffer a, b, c;

  explicit Problem(const Shape& s)
      : shape(s), a(noise(s.m * s.k)), b(noise(s.k * s.n)), c(noise(s.m * s.n)) {}

  Gemm op(float* out) const {
    Gemm op{};
    op.batch = 1;
    op.m = shape.m, op.n = shape.n, op.k = shape.k;
    op.trans_a = shape.layout[0] == 'T', op.trans_b = shape.layout[1] == 'T';
    op.lda = op.trans_a ? op.m : op.k, op.ldb = op.trans_b ? op.k : op.n, op.ldc = op.n;
    op.alpha = 1;
    op.a.data = a.get(), op.b.data = b.get(), op.c.data = out;
    return op;
  }
};

double seconds(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec + 1e-9 * time.tv_nsec;
}

// Calls for about 40 ms; the mean time of a call. One thread is measured by its own processor time, which
// other processes disturb less; several by the wall clock.
double time_of(int threads, const std::function<void()>& call) {
  const clockid_t clock = threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
  call();
  int64_t calls = 0;
  const double start = seconds(clock);
  double now = start;
  for (int64_t burst = 1; now - start < 0.04; burst *= 2) {
    for (int64_t i = 0; i < burst; i++) call();
    calls += burst;
    now = seconds(clock);
  }
  return (now - start) / calls;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The largest error of `c` over the bound (k + 1) u sum |a b|, u = 2^-24, on a sample of elements.
double error_over_bound(const Problem& problem, const float* c) {
  const Gemm op = problem.op(nullptr);
  std::mt19937 bits(3);
  double worst = 0;
  for (int sample = 0; sample < 2000; sample++) {
    const int64_t i = bits() % op.m, j = bits() % op.n;
    double sum = 0, magnitude = 0;
    for (int64_t k = 0; k < op.k; k++) {
      const double x = op.a.data[op.trans_a ? k * op.lda + i : i * op.lda + k];
      const double y = op.b.data[op.trans_b ? j * op.ldb + k : k * op.ldb + j];
      sum += x * y, magnitude += std::fabs(x * y);
    }
    worst = std::max(worst, std::fabs(c[i * op.ldc + j] - sum) / ((op.k + 1) * 0x1p-24 * magnitude));
  }
  return worst;
}

bool fuses(const cpu::Level& level) { return level.name != std::string("baseline"); }

// Whether our result keeps the error bound and every level with fma gives the same bits with any threads.
bool verify(const Problem& problem) {
  const size_t count = problem.shape.m * problem.shape.n;
  std::vector<float> first, c(count);
  bool good = true;
  for (const cpu::Level& level : cpu::levels()) {
    for (int threads : {1, 2, 3}) {
      cpu::Context context(cpu::Pool::process(), threads);
      level.kernels->run_Gemm(problem.op(c.data()), context.parallel());
      good = good && error_over_bound(problem, c.data()) <= 1;
      if (!fuses(level)) continue;
      if (first.empty()) first = c;
      good = good && std::memcmp(first.data(), c.data(), 4 * count) == 0;
    }
  }
  return good;
}

struct Contender {
  std::string name;
  std::function<void(const Gemm&)> gemm;
};

// The two peers, then our levels, the best last.
void measure(const Problem& problem, const std::vector<Contender>& contenders, int rounds, int threads) {
  const Shape& s = problem.shape;
  const double flop = 2.0 * s.m * s.n * s.k;
  const Gemm op = problem.op(problem.c.get());
  std::vector<std::vector<double>> rates(contenders.size());
  std::vector<double> ratios;
  for (int round = 0; round < rounds; round++) {
    for (size_t i = 0; i < contenders.size(); i++) {
      rates[i].push_back(flop / time_of(threads, [&] { contenders[i].gemm(op); }) * 1e-9);
      if (threads > 1) std::this_thread::sleep_for(std::chrono::milliseconds(60));
    }
    ratios.push_back(rates.back().back() / std::max(rates[0].back(), rates[1].back()));
  }
  std::printf("| %s | %d |", name_of(s).c_str(), threads);
  for (const auto& rate : rates) std::printf(" %.1f |", median(rate));
  std::sort(ratios.begin(), ratios.end());
  std::printf(" %.2f (%.2f-%.2f) |\n", median(ratios), ratios[ratios.size() / 4],
              ratios[ratios.size() * 3 / 4]);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 9;
  const std::string filter = argc > 2 ? argv[2] : "";
  cpu::Context one(cpu::Pool::process(), 1), two(cpu::Pool::process(), 2);
  const cpu::Parallel* parallel = &one.parallel();
  std::vector<Contender> contenders = {{"OpenBLAS", openblas_gemm}, {"oneDNN", onednn_gemm}};
  for (auto level = cpu::levels().rbegin(); level != cpu::levels().rend(); ++level) {
    const cpu::Kernels* kernels = level->kernels;
    if (!fuses(*level)) continue;
    contenders.push_back({level->name, [&, kernels](const Gemm& op) { kernels->run_Gemm(op, *parallel); }});
  }
  std::printf("%s\n\n| m,n,k | threads |", peer_names().c_str());
  for (const auto& contender : contenders) std::printf(" %s |", contender.name.c_str());
  std::printf(" %s / best peer (quartiles) |\n|---|---|---|", contenders.back().name.c_str());
  for (size_t i = 0; i < contenders.size(); i++) std::printf("---|");
  std::printf("\n");
  int wrong = 0;
  for (const Shape& shape : kShapes) {
    if (name_of(shape).find(filter) == std::string::npos) continue;
    const Problem problem(shape);
    if (!verify(problem)) wrong++, std::printf("WRONG: %s\n", name_of(shape).c_str());
    for (int threads : {1, 2}) {
      parallel = threads == 1 ? &one.parallel() : &two.parallel();
      set_peer_threads(threads);
      measure(problem, contenders, rounds, threads);
    }
  }
  std::printf("\n%d shapes wrong (error bound, bits across levels and threads)\n", wrong);
  return wrong != 0;
}
