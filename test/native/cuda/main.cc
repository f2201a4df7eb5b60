#include <chrono>
#include <cstdio>
#include <cstring>

#include "core/error.h"
#include "twin.h"

using namespace adastep;
using namespace adastep::test;

// cuda-test [family ...], or --list for their names
int main(int count, char** names) {
  struct Family {
    const char* name;
    Case run;
  };
  constexpr Family kFamilies[] = {{"fill", fill_cases},
                                  {"copy", copy_cases},
                                  {"strided", strided_cases},
                                  {"cast", cast_cases},
                                  {"random", random_cases},
                                  {"dropout", dropout_cases},
                                  {"unary", unary_cases},
                                  {"binary", binary_cases},
                                  {"reduce", reduce_cases},
                                  {"argmax", argmax_cases},
                                  {"softmax", softmax_cases},
                                  {"crossEntropy", cross_entropy_cases},
                                  {"layerNorm", layer_norm_cases},
                                  {"layerNormLong", layer_norm_long_cases},
                                  {"embedding", embedding_cases},
                                  {"gemmSmall", gemm_small_cases},
                                  {"gemmMedium", gemm_medium_cases},
                                  {"gemmLarge", gemm_large_cases},
                                  {"gemmHuge", gemm_huge_cases},
                                  {"update", update_cases},
                                  {"sort", sort_cases},
                                  {"sparse", sparse_cases},
                                  {"bag", bag_cases},
                                  {"backend", backend_cases}};
  if (count == 2 && std::strcmp(names[1], "--list") == 0) {
    for (const Family& family : kFamilies) std::printf("%s\n", family.name);
    return 0;
  }
  // Who reads this may end the program at the first failure.
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  Report report;
  try {
    const auto cpu = cpu::open(0, {}), cuda = cuda::open(0, {});
    std::printf("%s against %s\n", cpu->info().name.c_str(), cuda->info().name.c_str());
    for (const Family& family : kFamilies) {
      bool chosen = count == 1;
      for (int i = 1; i < count; i++) chosen |= std::strcmp(names[i], family.name) == 0;
      if (!chosen) continue;
      const auto start = std::chrono::steady_clock::now();
      const int before = report.checks;
      family.run(report, *cpu, *cuda);
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      std::printf("%-12s %5d checks  %6.2f s\n", family.name, report.checks - before, seconds.count());
    }
  } catch (const Error& error) {
    std::printf("FAILED: %s\n", error.what());
    return 1;
  }
  std::printf("%d passed, %d failed\n", report.checks - report.failures, report.failures);
  return report.failures == 0 ? 0 : 1;
}
