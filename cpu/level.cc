#include "cpu/level.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "core/error.h"

namespace adastep::cpu {

namespace {

// Feature by feature: compilers learned the names "x86-64-v3" and "x86-64-v4" later, and clang still not all
// of the features. __builtin_cpu_supports asks the operating system too: what it does not save, no process
// may use.
#if defined(__x86_64__)
bool supports_v3() {
  unsigned eax, ebx, ecx, edx;
  const bool basic = __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_MOVBE) && (ecx & bit_F16C);
  const bool extended = __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && (ecx & bit_LZCNT);
  return basic && extended && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
bool supports_v4() {
  return supports_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
#endif

std::vector<Level> find_levels() {
  std::vector<Level> found;
#if defined(__aarch64__)
  found.push_back({"neon", &kernels_neon});
#else
#if defined(__x86_64__)
  if (supports_v4()) found.push_back({"v4", &kernels_v4});
  if (supports_v3()) found.push_back({"v3", &kernels_v3});
#endif
  found.push_back({"baseline", &kernels_baseline});
#endif
  return found;
}

}  // namespace

const std::vector<Level>& levels() {
  static const std::vector<Level> found = find_levels();
  return found;
}

const Level& level(const std::string& name) {
  if (name.empty()) return levels().front();
  std::string accepted;
  for (const Level& level : levels()) {
    if (name == level.name) return level;
    accepted += (accepted.empty() ? "\"" : ", \"") + std::string(level.name) + "\"";
  }
  throw Error(ErrorCode::kArgument, "level", "\"" + name + "\"", accepted);
}

}  // namespace adastep::cpu
