// The machine as this process may use it: from /proc, the affinity mask and the control group.
#pragma once
#include <cstdint>
#include <string>

namespace adastep::cpu {

std::string processor_name();
// Physical memory, or less where the control group allows less.
int64_t memory_bytes();
// Cores that this process may run on: the affinity mask, capped by the control group's quota. At least 1.
int usable_cores();

}  // namespace adastep::cpu
