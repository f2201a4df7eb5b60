// The kernels of one instruction-set level as a table: cpu/kernels.cc is compiled once per level.
#pragma once
#include "core/ops.h"
#include "cpu/parallel.h"

namespace adastep::cpu {

struct Kernels {
#define ADASTEP_KERNEL(op) void (*run_##op)(const op& arguments, const Parallel& parallel);
  ADASTEP_FOR_EACH_OP(ADASTEP_KERNEL)
#undef ADASTEP_KERNEL
};

#if defined(__aarch64__)
extern const Kernels kernels_neon;
#else
extern const Kernels kernels_baseline;
#if defined(__x86_64__)
extern const Kernels kernels_v3, kernels_v4;
#endif
#endif

}  // namespace adastep::cpu
