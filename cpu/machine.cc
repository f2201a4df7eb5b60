#include "cpu/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <memory>

namespace adastep::cpu {

namespace {

// The process's group in the unified hierarchy (cgroup v2): "0::/path" in /proc/self/cgroup.
std::string control_group() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("0::", 0) == 0) return line.substr(3);
  }
  return "/";
}

// Calls `see` with the contents of file `name` of the process's group and of every group above it: each may
// limit.
void for_each_group(const std::string& name, const std::function<void(std::istream&)>& see) {
  std::string group = control_group();
  for (;;) {
    std::ifstream file("/sys/fs/cgroup" + group + "/" + name);
    if (file) see(file);
    const size_t slash = group.rfind('/');
    if (group.size() <= 1 || slash == std::string::npos) return;
    group.resize(slash);
  }
}

double cores_of(double quota, double period) {
  return quota > 0 && period > 0 ? quota / period : std::numeric_limits<double>::infinity();
}

double quota_cores() {
  double cores = std::numeric_limits<double>::infinity();
  for_each_group("cpu.max", [&](std::istream& file) {  // "max 100000" or "150000 100000", microseconds
    double quota = 0, period = 0;
    if (file >> quota >> period) cores = std::min(cores, cores_of(quota, period));
  });
  double quota = 0, period = 0;  // cgroup v1; -1 means no quota
  if (std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") >> quota &&
      std::ifstream("/sys/fs/cgroup/cpu/cpu.cfs_period_us") >> period) {
    cores = std::min(cores, cores_of(quota, period));
  }
  return cores;
}

// Machines may have more processors than a cpu_set_t holds: the mask grows until the kernel accepts it.
int affinity_cores() {
  for (int processors = CPU_SETSIZE; processors <= 1 << 20; processors *= 2) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> mask(CPU_ALLOC(processors),
                                                                [](cpu_set_t* set) { CPU_FREE(set); });
    const size_t bytes = CPU_ALLOC_SIZE(processors);
    if (mask && sched_getaffinity(0, bytes, mask.get()) == 0) return CPU_COUNT_S(bytes, mask.get());
  }
  return 1;
}

}  // namespace

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
  }
#if defined(__aarch64__)
  return "arm64 processor";  // Linux on arm64 gives numbers, no name
#else
  return "processor";
#endif
}

int64_t memory_bytes() {
  int64_t bytes = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  for_each_group("memory.max", [&](std::istream& file) {  // "max" or bytes
    int64_t limit = 0;
    if (file >> limit) bytes = std::min(bytes, limit);
  });
  return bytes;
}

int usable_cores() {
  return std::max(1, static_cast<int>(std::min<double>(affinity_cores(), std::ceil(quota_cores()))));
}

}  // namespace adastep::cpu
