#include "exec/block.h"

#include <algorithm>
#include <cstring>

#include "exec/specials.h"

namespace emulator {
namespace {

constexpr u64 kInstructionBudget = u64{1} << 33;  // per block: minutes of emulation

}  // namespace

void Block::start() {
  const Program& program = *launch->program;
  budget = kInstructionBudget;
  shared.resize(launch->sharedExtent());
  copies.start(launch->warps());
  barriers.start();
  order.start(launch->warps());
  acquired.start(linear, launch->warps());
  shadow.start(launch->check ? launch->sharedExtent() : 0, program.sharedGranule, order, program.sharedGaps);
  // Warps stay for the next block, registers and all: what a program reads it has written.
  if (warps.size() < launch->warps()) warps.resize(launch->warps());
  for (Warp& warp : warps) {
    warp.live = warp.mask = 0;
    warp.parked.clear();  // a block that failed leaves its groups behind
  }
  for (u32 w = 0; w < launch->warps(); ++w) {
    Warp& warp = warps[w];
    warp.block = this;
    warp.index = w;
    if (warp.registers.size() < program.registerBytes) warp.registers.resize(program.registerBytes);
    warp.local.resize(program.localBytes * kWarpSize);
    warp.localWritten.assign(program.localBytes * kWarpSize, 0);
    warp.bank[0] = warp.registers.data();
    warp.bank[1] = const_cast<u8*>(program.constants.data());
    u32 threads = std::min<u32>(kWarpSize, launch->threads() - w * kWarpSize);
    warp.live = warp.mask = threads == kWarpSize ? kAllLanes : (1u << threads) - 1;
    warp.pc = 0;
    warp.waiting = nullptr;
    warp.returns.clear();
    for (const Program::Special& special : program.specials) fillSpecial(warp, special);
  }
}

void Block::execute(u32 linearIndex) {
  linear = linearIndex;
  id[0] = linear % launch->grid[0];
  id[1] = linear / launch->grid[0] % launch->grid[1];
  id[2] = linear / launch->grid[0] / launch->grid[1];
  start();
  while (true) {
    bool alive = false, progress = false;
    for (Warp& warp : warps) {
      if (warp.finished()) continue;
      u64 before = budget;
      warp.run();
      progress |= budget != before;
      alive |= !warp.finished();
    }
    if (!alive) return;
    if (!barriers.release(*this) && !progress) barriers.reportDeadlock(*this);
  }
}

u32 Block::alive() const {
  u32 lanes = 0;
  for (const Warp& warp : warps) lanes += static_cast<u32>(__builtin_popcount(warp.live));
  return lanes;
}

}  // namespace emulator
