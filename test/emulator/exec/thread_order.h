// Which accesses of a block's threads are ordered before which others.
//
// A clock of the block ticks at each barrier, so that an access has a time. Each warp keeps, for every warp,
// the time up to which that warp's accesses are ordered before its own (a vector clock that barriers join).
// An earlier access that is not ordered before a later one to the same place is a race.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "ptx/integers.h"

namespace emulator {

class ThreadOrder {
 public:
  static constexpr u32 kClockBits = 18, kClockEnd = 1u << kClockBits;

  using Row = std::array<u32, 32>;  // for each warp, up to when its accesses are ordered before

  void start(u32 warps);
  // Of warps that wait for one another, and for what others had done when they arrived.
  void barrier(const std::vector<u32>& members, const std::vector<const Row*>& arrived = {});
  Row arrive(u32 warp);
  void warpSync(u32 warp);
  void tick();

  u32 clock() const { return clock_; }
  // Accesses of `other` before this time are ordered before what `warp` does now, ...
  u32 ordered(u32 warp, u32 other) const { return ordered_[warp * 32 + other]; }
  const u32* row(u32 warp) const { return &ordered_[warp * 32]; }
  // ... those before this time whoever made them, ...
  u32 settled(u32 warp) const { return settled_[warp]; }
  // ... and those before this time for every warp.
  u32 settledForAll() const { return settledForAll_; }
  u32 lastBarrier() const { return lastBarrier_; }
  // No barrier was of a part of the block only, or a later one of the whole block has made up for it.
  bool uniform() const { return settledForAll_ == lastBarrier_; }

 private:
  void settle();

  u32 warps_ = 0, clock_ = 1, lastBarrier_ = 1, settledForAll_ = 1;
  bool expired_ = false;
  std::vector<u32> ordered_;
  u32 settled_[32] = {};
};

}  // namespace emulator
