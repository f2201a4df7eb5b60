#include "exec/shared_shadow.h"

#include <algorithm>

namespace emulator {

// The tag of an access that is never ordered before another: of several lanes, from beyond the last time.
static constexpr u32 kNobodyMay = 0xffffffffu;

void SharedShadow::start(u32 bytes, u32 granule, const ThreadOrder& order,
                         const std::vector<Program::SharedGap>& gaps) {
  granule_ = granule;
  order_ = &order;
  written_.assign(bytes, 0);
  size_t cells = (bytes + granule - 1) / granule;
  for (std::vector<u32>* tags : {&writer_, &lastReader_, &readers_}) tags->assign(cells, 0);
  atomic_.assign(cells, 0);
  crowds_.clear();
  for (const Program::SharedGap& gap : gaps) {
    for (u32 cell = (gap.first + granule - 1) / granule; bytes > 0 && cell < gap.end / granule; ++cell)
      writer_[cell] = kNobodyMay;
  }
}

// The tag of a reader that joins an earlier one: of this thread alone if the earlier read was its own, or is
// ordered before all that this warp does.
u32 SharedShadow::withReader(u32 before, u32 self) const {
  u32 warp = warpOf(self);
  bool sameThread = ((before ^ self) & kThread) == 0 && (before & kSeveral) == 0;
  bool synced = warpOf(before) == warp && before >> kClockShift < order_->ordered(warp, warp);
  return self | (sameThread || synced ? 0 : kSeveral);
}

void SharedShadow::addReader(u64 cell, u32 self) {
  u32 &last = lastReader_[cell], &readers = readers_[cell], bit = 1u << warpOf(self);
  if (last >> kClockShift < order_->settledForAll()) {
    last = self;
    readers = bit;
    return;
  }
  if (readers && last >> kClockShift >= order_->lastBarrier()) {
    last = withReader(last, self);
    readers |= bit;
    return;
  }
  std::array<u32, 32>& crowd = crowds_[cell];
  if (readers) {
    for (u32 w = 0; w < 32; ++w) {
      u32 ofWarp = w == warpOf(last) ? last : (last & ~kThread) | kSeveral | w << 5;
      crowd[w] = readers >> w & 1 ? ofWarp : 0;
    }
  }
  u32& mine = crowd[warpOf(self)];
  mine = mine ? withReader(mine, self) : self;
  last = self;
  readers = 0;
}

u32 SharedShadow::racingReader(u64 cell, u32 self) const {
  u32 last = lastReader_[cell], readers = readers_[cell], warp = warpOf(self);
  if (last >> kClockShift < order_->settled(warp)) return 0;
  if (!readers) {
    for (u32 tag : crowds_.at(cell)) {
      if (races(tag, self)) return tag;
    }
    return 0;
  }
  if (readers == 1u << warpOf(last)) return races(last, self) ? last : 0;
  // Several warps: as long as this one's own reads are not ordered, neither are the others'.
  for (u32 rest = readers & ~(1u << warp); rest; rest &= rest - 1) {
    u32 other = static_cast<u32>(__builtin_ctz(rest));
    u32 tag = other == warpOf(last) ? last : (last & ~kThread) | kSeveral | other << 5;
    if (races(tag, self)) return tag;
  }
  return 0;
}

SharedShadow::Conflict SharedShadow::conflict(const Access& access) const {
  u64 first = access.address / granule_, cells = std::max(1u, access.bytes * access.lanes / granule_);
  u32 perLane = std::max(1u, access.bytes / granule_);
  for (u64 k = first; k < first + cells; ++k) {
    u32 self = selfTag(access.warp, access.lane + static_cast<u32>((k - first) / perLane));
    if (!(access.store && access.atomic && atomic_[k]) && races(writer_[k], self))
      return {writer_[k], true, k * granule_};
    if (u32 reader = access.store ? racingReader(k, self) : 0) return {reader, false, k * granule_};
  }
  return {};
}

}  // namespace emulator
