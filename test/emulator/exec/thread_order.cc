#include "exec/thread_order.h"

namespace emulator {

void ThreadOrder::start(u32 warps) {
  warps_ = warps;
  clock_ = lastBarrier_ = 1;
  expired_ = false;
  ordered_.assign(32 * 32, 0);
  settle();
}

// Time 0 is "never": the clock starts at 1, so it lies below every bound.
void ThreadOrder::settle() {
  settledForAll_ = kClockEnd;
  for (u32 w = 0; w < warps_; ++w) {
    settled_[w] = std::max(1u, *std::min_element(row(w), row(w) + warps_));
    settledForAll_ = std::min(settledForAll_, settled_[w]);
  }
}

// When the clock has run out, all is ordered from then on: that can only hide a race, never invent one.
void ThreadOrder::tick() {
  if (clock_ + 1 < kClockEnd) {
    ++clock_;
  } else if (!expired_) {
    expired_ = true;
    lastBarrier_ = kClockEnd;
    ordered_.assign(32 * 32, kClockEnd);
    settle();
  }
}

void ThreadOrder::barrier(const std::vector<u32>& members, const std::vector<const Row*>& arrived) {
  tick();
  if (expired_) return;
  u32 joined[32] = {};
  for (u32 member : members) {
    for (u32 other = 0; other < 32; ++other) joined[other] = std::max(joined[other], ordered(member, other));
  }
  for (const Row* row : arrived) {
    for (u32 other = 0; other < 32; ++other) joined[other] = std::max(joined[other], (*row)[other]);
  }
  for (u32 member : members) joined[member] = clock_;
  for (u32 member : members) std::copy(joined, joined + 32, &ordered_[member * 32]);
  lastBarrier_ = clock_;
  settle();
}

// Accesses before and after it differ in time, as those before and after a barrier do: some may be ordered
// and the others not.
ThreadOrder::Row ThreadOrder::arrive(u32 warp) {
  tick();
  Row made;
  std::copy(row(warp), row(warp) + 32, made.begin());
  if (expired_) return made;
  made[warp] = lastBarrier_ = clock_;
  return made;
}

void ThreadOrder::warpSync(u32 warp) {
  tick();
  if (expired_) return;
  ordered_[warp * 32 + warp] = clock_;
  settle();
}

}  // namespace emulator
