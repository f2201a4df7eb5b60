#include "exec/block.h"

#include <algorithm>
#include <cstring>

#include "exec/specials.h"

namespace emulator {
namespace {

constexpr u32 kBarriers = 16;                     // per block, as the hardware has
constexpr u64 kInstructionBudget = u64{1} << 33;  // per block: minutes of emulation

bool waitsAt(const Group& group, u32 barrier) { return group.waiting && group.waiting->immediate == barrier; }

}  // namespace

void Block::start() {
  const Program& program = *launch->program;
  budget = kInstructionBudget;
  shared.resize(launch->sharedExtent());
  copies.start(launch->warps());
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
    if (!releaseBarriers() && !progress) reportDeadlock();
  }
}

// A group that arrives waits; what the barrier computes is computed when all have arrived.
void Block::arrive(Warp& warp, const Instruction& barrier) {
  warp.waiting = &barrier;
  warp.yield();
}

bool Block::releaseBarriers() {
  bool released = false;
  for (u32 barrier = 0; barrier < kBarriers; ++barrier) {
    Arrivals arrivals = count(barrier);
    if (arrivals.lanes == 0 ||
        (arrivals.expected ? arrivals.whole < arrivals.expected : arrivals.lanes < alive()))
      continue;
    release(barrier, arrivals);
    released = true;
  }
  return released;
}

u32 Block::alive() const {
  u32 lanes = 0;
  for (const Warp& warp : warps) lanes += static_cast<u32>(__builtin_popcount(warp.live));
  return lanes;
}

// An aligned barrier must find the whole warp together. That is known only here, when every other group of
// the warp has run until it exited or waits too.
Block::Arrivals Block::count(u32 barrier) {
  Arrivals sum;
  for (Warp& warp : warps) {
    for (Group& group : warp.parked) {
      if (!waitsAt(group, barrier)) continue;
      const auto& form = *static_cast<const BarrierForm*>(group.waiting->form);
      if (form.aligned && group.mask != warp.live) {
        throw Fault(kLaunchFailed, "divergent barrier in warp " + std::to_string(warp.index) +
                                       ": lanes (mask) " + std::to_string(group.mask) + " of " +
                                       std::to_string(warp.live) + " reach " +
                                       launch->program->describe(group.waiting->index));
      }
      u32 lanes = static_cast<u32>(__builtin_popcount(group.mask));
      sum.lanes += lanes;
      sum.whole += form.aligned ? kWarpSize : lanes;
      sum.expected = std::max(sum.expected, group.waiting->target);
      sum.members.push_back(warp.index);
      if (form.kind != BarrierKind::kSync) {
        u32 source = warp.predicate(group.waiting->a) ^ (form.sourceNegated ? kAllLanes : 0);
        sum.votes += static_cast<u32>(__builtin_popcount(source & group.mask));
      }
    }
  }
  return sum;
}

void Block::release(u32 barrier, const Arrivals& arrivals) {
  order.barrier(arrivals.members);
  acquired.barrier(arrivals.members);
  for (Warp& warp : warps) {
    for (Group& group : warp.parked) {
      if (!waitsAt(group, barrier)) continue;
      BarrierKind kind = static_cast<const BarrierForm*>(group.waiting->form)->kind;
      if (kind == BarrierKind::kPopcount) {
        u32* result = warp.at<u32>(group.waiting->d);
        for (int l = 0; l < kWarpSize; ++l) result[l] = group.mask >> l & 1 ? arrivals.votes : result[l];
      } else if (kind != BarrierKind::kSync) {
        u32& result = warp.predicate(group.waiting->d);
        bool value = kind == BarrierKind::kAnd ? arrivals.votes == arrivals.lanes : arrivals.votes != 0;
        result = value ? result | group.mask : result & ~group.mask;
      }
      group.waiting = nullptr;
    }
  }
}

void Block::reportDeadlock() {
  std::string report = "deadlock: no warp can move on;";
  for (Warp& warp : warps) {
    for (Group& group : warp.parked) {
      report += " warp " + std::to_string(warp.index) + " mask " + std::to_string(group.mask) + " waits at " +
                launch->program->describe(group.waiting->index) + ";";
    }
  }
  throw Fault(kTimeout, report);
}

}  // namespace emulator
