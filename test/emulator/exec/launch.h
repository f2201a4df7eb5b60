// One kernel launch: what its blocks share, and the threads that run them.
#pragma once

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "exec/block_order.h"
#include "exec/counters.h"
#include "exec/instruction.h"
#include "memory/arena.h"

namespace emulator {

// What a kernel did wrong. `code` is the CUresult that the driver would give.
struct Fault : std::runtime_error {
  Fault(int code, const std::string& report) : std::runtime_error(report), code(code) {}
  int code;
};

constexpr int kIllegalAddress = 700, kMisalignedAddress = 716, kTimeout = 702, kIllegalInstruction = 715,
              kLaunchFailed = 719;

struct Launch {
  const Program* program = nullptr;
  u32 grid[3] = {1, 1, 1};
  u32 block[3] = {1, 1, 1};
  u32 dynamicShared = 0;
  std::vector<u8> params;

  bool check = true;         // the memory checker
  bool countMemory = false;  // sectors and wavefronts too
  u32 raceBase = 0;          // tags of this launch in the race shadow: raceBase + linear block index
  std::unique_ptr<Releases> releases;  // of its blocks to one another

  u32 threads() const { return block[0] * block[1] * block[2]; }
  u32 blocks() const { return grid[0] * grid[1] * grid[2]; }
  u32 warps() const { return (threads() + kWarpSize - 1) / kWarpSize; }
  u32 startedBlocks() const { return std::min(releases->started.load(), blocks()); }
  u32 sharedBytes() const { return program->sharedBytes + dynamicShared; }
  u32 sharedExtent() const { return sharedBytes() + program->sharedGapBytes; }
};

// What one host thread keeps while it runs blocks.
struct Worker {
  Counters counters;
  const Allocation* recent = nullptr;  // the allocation of the last access: most accesses hit it again
};

// Runs every block, on all cores, and returns the counters. Throws the Fault of the lowest block that had
// one.
Counters execute(Launch& launch);

}  // namespace emulator
