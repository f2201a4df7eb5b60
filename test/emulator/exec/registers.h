// Where the registers of a function lie in the register file of a warp. PTX has as many registers as it
// likes, each written about once; those that are never needed at the same time share a place, so that the few
// that are alive stay in the cache of the host.
//
// Liveness is that of one thread, which is enough: an instruction writes only the lanes that execute it.
#pragma once

#include <vector>

#include "ptx/module.h"

namespace emulator {

// What one statement does to registers and control flow.
struct RegisterUse {
  std::vector<u32> reads, writes;  // indices into Function::registers
  std::vector<u32> targets;        // statements that it may jump to
  bool guarded = false;            // lanes may keep what a write would replace
  bool endsFlow = false;           // the next statement does not follow
};

constexpr u32 registerBytes(u8 bits) { return bits == 1 ? 4 : bits / 8 * kWarpSize; }

// Byte offsets from `base` on, which is moved behind the last register.
std::vector<u32> placeRegisters(const Function& function, const std::vector<RegisterUse>& uses, u32& base);

}  // namespace emulator
