#include <chrono>
#include <cstdio>
#include <cstring>

#include "core/error.h"
#include "twin.h"

using namespace adastep;
using namespace adastep::test;

// cuda-test [family ...]
int main(int count, char** names) {
  struct Family {
    const char* name;
    Case run;
  };
  constexpr Family kFamilies[] = {{"memory", memory_cases},
                                  {"elementwise", elementwise_cases},
                                  {"reduce", reduce_cases},
                                  {"argmax", argmax_cases},
                                  {"softmax", softmax_cases},
                                  {"crossEntropy", cross_entropy_cases},
                                  {"layerNorm", layer_norm_cases},
                                  {"embedding", embedding_cases},
                                  {"gemm", gemm_cases},
                                  {"update", update_cases},
                                  {"sort", sort_cases},
                                  {"sparse", sparse_cases},
                                  {"bag", bag_cases},
                                  {"backend", backend_cases}};
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
