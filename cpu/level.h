// Instruction-set levels: which this build has, which this machine can run.
#pragma once
#include <string>
#include <vector>

#include "cpu/kernels.h"

namespace adastep::cpu {

struct Level {
  const char* name;  // "baseline", "v3" (x86-64-v3: AVX2, FMA), "v4" (x86-64-v4: AVX-512) or "neon"
  const Kernels* kernels;
};

// Those that this machine can run, best first. All but "baseline" agree with each other bit for bit.
const std::vector<Level>& levels();

// By name, "" for the best. Throws kArgument for one that is unknown or that this machine cannot run.
const Level& level(const std::string& name);

}  // namespace adastep::cpu
