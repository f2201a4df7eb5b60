#include "exec/barriers.h"

#include <algorithm>

#include "exec/block.h"
#include "exec/memory_access.h"

namespace emulator {
namespace {

const BarrierForm& formOf(const Instruction& barrier) {
  return *static_cast<const BarrierForm*>(barrier.form);
}

bool reduces(BarrierKind kind) { return kind != BarrierKind::kSync && kind != BarrierKind::kArrive; }

u32 threadsIn(u32 mask) { return static_cast<u32>(__builtin_popcount(mask)); }

// An aligned barrier counts whole warps.
u32 counted(const Instruction& barrier, u32 mask) {
  return formOf(barrier).aligned ? kWarpSize : threadsIn(mask);
}

[[noreturn]] void reportDivergence(const Warp& warp, const Instruction& barrier, u32 mask) {
  reportMisuse(warp, barrier, __builtin_ctz(mask), kLaunchFailed,
               "divergent barrier: only lanes " + hex(mask) + " of " + hex(warp.live) + " reach it");
}

// Nothing made the warp wait until others have come: it would stand in for them.
[[noreturn]] void reportSecondArrival(const Warp& warp, const Instruction& barrier, u32 mask) {
  reportMisuse(warp, barrier, __builtin_ctz(mask), kLaunchFailed,
               "a second arrival at a barrier that was not complete yet");
}

void reduce(Warp& warp, const Group& group, u32 votes, u32 threads) {
  BarrierKind kind = formOf(*group.waiting).kind;
  if (kind == BarrierKind::kPopcount) {
    u32* result = warp.at<u32>(group.waiting->d);
    for (int l = 0; l < kWarpSize; ++l) result[l] = group.mask >> l & 1 ? votes : result[l];
  } else {
    u32& result = warp.predicate(group.waiting->d);
    bool value = kind == BarrierKind::kAnd ? votes == threads : votes != 0;
    result = value ? result | group.mask : result & ~group.mask;
  }
}

}  // namespace

void Barriers::start() {
  arrived_ = 0;
  early_.clear();
}

void Barriers::wait(Warp& warp, const Instruction& barrier) {
  warp.waiting = &barrier;
  warp.arrival = ++arrived_;
  warp.yield();
}

void Barriers::arrive(Warp& warp, const Instruction& barrier) {
  u32 mask = warp.mask;
  if (formOf(barrier).aligned && mask != warp.live) reportDivergence(warp, barrier, mask);
  for (const Early& early : early_) {
    if (early.warp == warp.index && early.mask & mask && early.barrier->immediate == barrier.immediate)
      reportSecondArrival(warp, barrier, mask);
  }
  Block& block = *warp.block;
  early_.push_back({&barrier, warp.index, mask, ++arrived_, block.order.arrive(warp.index),
                    block.acquired.arrive(warp.index)});
}

bool Barriers::release(Block& block) {
  u32 used = 0;
  for (const Early& early : early_) used |= 1u << early.barrier->immediate;
  for (const Warp& warp : block.warps) {
    for (const Group& group : warp.parked) used |= group.waiting ? 1u << group.waiting->immediate : 0;
  }
  bool released = false;
  for (; used; used &= used - 1) {
    while (true) {
      Arrivals arrivals = arrivalsAt(block, static_cast<u32>(__builtin_ctz(used)));
      if (arrivals.empty()) break;
      checkAlike(arrivals);
      keepComplete(block, arrivals);
      if (arrivals.empty()) break;
      complete(block, arrivals);
      released = true;
    }
  }
  return released;
}

Barriers::Arrivals Barriers::arrivalsAt(Block& block, u32 barrier) const {
  Arrivals all;
  for (Warp& warp : block.warps) {
    for (Group& group : warp.parked) {
      if (group.waiting && group.waiting->immediate == barrier)
        all.push_back({&warp, &group, group.waiting, group.mask, group.arrival});
    }
  }
  for (const Early& early : early_) {
    if (early.barrier->immediate == barrier)
      all.push_back({&block.warps[early.warp], nullptr, early.barrier, early.mask, early.number});
  }
  std::sort(all.begin(), all.end(), [](const Arrival& a, const Arrival& b) { return a.number < b.number; });
  return all;
}

// An aligned barrier must find the whole warp together. That is known only here, when every other group of
// the warp has run until it exited or waits too.
void Barriers::checkAlike(const Arrivals& arrivals) {
  const Instruction& first = *arrivals[0].barrier;
  u32 seen[32] = {};  // lanes of each warp
  for (const Arrival& a : arrivals) {
    int lane = __builtin_ctz(a.mask);
    if (a.group && formOf(*a.barrier).aligned && a.mask != a.warp->live)
      reportDivergence(*a.warp, *a.barrier, a.mask);
    if (a.barrier->target != first.target)
      reportMisuse(*a.warp, *a.barrier, lane, kLaunchFailed,
                   "a barrier with different counts of threads, " + std::to_string(first.target) + " and " +
                       std::to_string(a.barrier->target));
    BarrierKind kind = formOf(*a.barrier).kind, other = formOf(first).kind;
    if (kind != other && (reduces(kind) || reduces(other)))
      reportMisuse(*a.warp, *a.barrier, lane, kLaunchFailed,
                   "a reduction at a barrier where others do something else");
    if (seen[a.warp->index] & a.mask) reportSecondArrival(*a.warp, *a.barrier, a.mask);
    seen[a.warp->index] |= a.mask;
  }
}

// The barrier lets go just as many as it counts to: whoever comes later waits for the next time.
void Barriers::keepComplete(const Block& block, Arrivals& arrivals) {
  u32 expected = arrivals[0].barrier->target, sum = 0;
  if (expected == 0) {
    for (const Arrival& a : arrivals) sum += threadsIn(a.mask);
    if (sum < block.alive()) arrivals.clear();
    return;
  }
  size_t count = 0;
  while (sum < expected && count < arrivals.size()) {
    sum += counted(*arrivals[count].barrier, arrivals[count].mask);
    ++count;
  }
  if (sum > expected) {
    const Arrival& last = arrivals[count - 1];
    reportMisuse(*last.warp, *last.barrier, __builtin_ctz(last.mask), kLaunchFailed,
                 "more threads at a barrier than the " + std::to_string(expected) + " that it expects");
  }
  arrivals.resize(sum < expected ? 0 : count);
}

void Barriers::complete(Block& block, const Arrivals& arrivals) {
  std::vector<u32> members;
  std::vector<const ThreadOrder::Row*> orders;
  std::vector<const Acquired::Arrival*> acquired;
  u32 votes = 0, threads = 0, last = arrivals.back().number;
  i64 barrier = arrivals[0].barrier->immediate;
  auto belongs = [&](const Early& e) { return e.barrier->immediate == barrier && e.number <= last; };
  for (const Early& early : early_) {
    if (!belongs(early)) continue;
    orders.push_back(&early.order);
    acquired.push_back(&early.acquired);
  }
  for (const Arrival& a : arrivals) {
    if (a.group) members.push_back(a.warp->index);
    threads += threadsIn(a.mask);
    if (!reduces(formOf(*a.barrier).kind)) continue;
    u32 source = a.warp->predicate(a.barrier->a) ^ (formOf(*a.barrier).sourceNegated ? kAllLanes : 0);
    votes += threadsIn(source & a.mask);
  }
  block.order.barrier(members, orders);
  block.acquired.barrier(members, acquired);
  early_.erase(std::remove_if(early_.begin(), early_.end(), belongs), early_.end());
  for (const Arrival& a : arrivals) {
    if (!a.group) continue;
    if (reduces(formOf(*a.barrier).kind)) reduce(*a.warp, *a.group, votes, threads);
    a.group->waiting = nullptr;
  }
}

void Barriers::reportDeadlock(Block& block) const {
  const Warp* first = nullptr;
  const Group* waiting = nullptr;
  std::string others;
  for (const Warp& warp : block.warps) {
    for (const Group& group : warp.parked) {
      if (!group.waiting) continue;
      if (first) {
        others += "; warp " + std::to_string(warp.index) + ", lanes " + hex(group.mask) + ", waits at " +
                  block.launch->program->describe(group.waiting->index);
      } else {
        first = &warp;
        waiting = &group;
      }
    }
  }
  reportMisuse(*first, *waiting->waiting, __builtin_ctz(waiting->mask), kTimeout,
               "deadlock: no warp can move on", others);
}

}  // namespace emulator
