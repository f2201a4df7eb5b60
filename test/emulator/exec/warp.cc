#include "exec/warp.h"

#include <algorithm>

#include "exec/block.h"
#include "exec/memory_access.h"

namespace emulator {
namespace {

constexpr u32 kNever = 0xffffffffu;

}  // namespace

void Warp::run() {
  if (!schedule()) return;
  const Instruction* code = block->launch->program->code.data();
  u64* executed = block->worker->counters.executed.data();
  u64* lanes = block->worker->counters.lanes.data();
  u64 spent = 0;
  while (true) {
    const Instruction& i = code[pc++];
    u32 active = mask;
    if (i.guard != Instruction::kNoGuard) active &= *reinterpret_cast<u32*>(bank[0] + i.guard) ^ i.guardFlip;
    ++executed[i.index];
    lanes[i.index] += static_cast<u32>(__builtin_popcount(active));
    ++spent;
    if (active) i.run(*this, i, active);
    if (pc < stopAt) continue;
    if (spent >= block->budget) {
      reportMisuse(*this, i, mask ? __builtin_ctz(mask) : 0, kTimeout,
                   "the block executed its whole budget of instructions in an endless loop, or a lane that "
                   "waits for another");
    }
    if (!schedule()) break;
  }
  block->budget -= std::min(spent, block->budget);
}

// Parks the running group, merges groups that stand at the same place, and picks the next. False if none can
// run.
bool Warp::schedule() {
  if (parked.empty() && mask && !waiting) {
    stopAt = kNever;
    // Backward branches come here too, which is where the budget is looked at.
    return true;
  }
  if (mask) {
    Group self{pc, mask, returns, waiting, arrival};
    bool merged = false;
    for (Group& other : parked) {
      if (other.pc != pc || other.waiting != waiting || other.returns != returns) continue;
      other.mask |= mask;
      merged = true;
      break;
    }
    if (!merged) parked.push_back(std::move(self));
  }
  mask = 0;
  waiting = nullptr;
  auto runsBefore = [](const Group& a, const Group& b) {
    if ((a.waiting == nullptr) != (b.waiting == nullptr)) return a.waiting == nullptr;
    if (a.returns.size() != b.returns.size()) return a.returns.size() > b.returns.size();
    return a.pc < b.pc;
  };
  auto best = std::min_element(parked.begin(), parked.end(), runsBefore);
  if (best == parked.end() || best->waiting) return false;
  pc = best->pc;
  mask = best->mask;
  returns = std::move(best->returns);
  parked.erase(best);
  stopAt = kNever;
  for (const Group& other : parked) {
    if (!other.waiting && other.returns.size() == returns.size()) stopAt = std::min(stopAt, other.pc);
  }
  return true;
}

void Warp::branch(u32 target, u32 taken) {
  bool backward = target < pc;
  if (taken == mask) {
    pc = target;
  } else {
    ++block->worker->counters.divergentBranches;
    parked.push_back({pc, mask & ~taken, returns, nullptr});
    mask = taken;
    pc = target;
    yield();
  }
  if (backward) yield();
}

void Warp::exit(u32 lanes) {
  live &= ~lanes;
  mask &= ~lanes;
  yield();
}

}  // namespace emulator
