#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "core/error.h"
#include "twin.h"

using namespace adastep;
using namespace adastep::test;

struct Family {
  std::string name;
  std::function<void(Report& report, Backend& cpu, Backend& cuda)> run;
};

// In families that are as small as the kernels that they launch, so that scripts/mutants.mjs runs little
// else.
static std::vector<Family> all_families() {
  std::vector<Family> families = {{"fill", fill_cases},
                                  {"copy", copy_cases},
                                  {"strided", strided_cases},
                                  {"cast", cast_cases},
                                  {"random", random_cases},
                                  {"dropout", dropout_cases},
                                  {"unary", unary_cases},
                                  {"binary", binary_cases},
                                  {"reduce", reduce_cases},
                                  {"argmax", argmax_cases},
                                  {"labelRank", label_rank_cases},
                                  {"softmax", softmax_cases},
                                  {"crossEntropy", cross_entropy_cases},
                                  {"layerNorm", layer_norm_cases},
                                  {"layerNormLong", layer_norm_long_cases},
                                  {"embedding", embedding_cases},
                                  {"gemmSmall", gemm_small_cases},
                                  {"gemmMedium", gemm_medium_cases},
                                  {"gemmLarge", gemm_large_cases},
                                  {"gemmHuge", gemm_huge_cases},
                                  {"gemmBF16Small", gemm_bf16_small_cases},
                                  {"gemmBF16Medium", gemm_bf16_medium_cases},
                                  {"gemmBF16Large", gemm_bf16_large_cases},
                                  {"sums", sums_cases},
                                  {"advance", advance_cases},
                                  {"updateSizes", update_size_cases},
                                  {"updateGuard", update_guard_cases},
                                  {"updateTables", update_table_cases},
                                  {"clip", clip_cases},
                                  {"sort", sort_cases},
                                  {"rowGradient", row_gradient_cases},
                                  {"sparseLazy", sparse_lazy_cases},
                                  {"sparseRowWise", sparse_row_wise_cases},
                                  {"sparseCatchUp", sparse_catch_up_cases},
                                  {"bag", bag_cases},
                                  {"unfold", unfold_cases},
                                  {"maxPool", max_pool_cases},
                                  {"accumulate", accumulate_cases},
                                  {"spread", spread_cases}};
  for (int i = 0; i < kRuleCount; i++)
    families.push_back(
        {std::string("update:") + kRuleNames[i], [i](Report& report, Backend& cpu, Backend& cuda) {
           update_rule_cases(report, cpu, cuda, static_cast<RuleId>(i));
         }});
  families.push_back({"backend", backend_cases});
  families.push_back({"lost", lost_cases});  // the last: it leaves the GPU's context broken
  return families;
}

// cuda-test [family ...] runs these in this order, or all; --list prints their names.
int main(int count, char** names) {
  std::vector<Family> families = all_families();
  if (count == 2 && std::strcmp(names[1], "--list") == 0) {
    for (const Family& family : families) std::printf("%s\n", family.name.c_str());
    return 0;
  }
  if (count > 1) {
    std::vector<Family> chosen;
    for (int i = 1; i < count; i++) {
      const auto found = std::find_if(families.begin(), families.end(),
                                      [&](const Family& family) { return family.name == names[i]; });
      if (found == families.end()) {
        std::printf("FAILED: there is no family %s\n", names[i]);
        return 1;
      }
      chosen.push_back(*found);
    }
    families = chosen;
  }
  // Who reads this may end the program at the first failure.
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  Report report;
  try {
    const auto cpu = cpu::open(0, {}), cuda = cuda::open(0, {});
    std::printf("%s against %s\n", cpu->info().name.c_str(), cuda->info().name.c_str());
    for (const Family& family : families) {
      const auto start = std::chrono::steady_clock::now();
      const int before = report.checks;
      family.run(report, *cpu, *cuda);
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
      std::printf("%-32s %5d checks  %6.2f s\n", family.name.c_str(), report.checks - before,
                  seconds.count());
    }
  } catch (const Error& error) {
    std::printf("FAILED: %s\n", error.what());
    return 1;
  }
  std::printf("%d passed, %d failed\n", report.checks - report.failures, report.failures);
  return report.failures == 0 ? 0 : 1;
}
