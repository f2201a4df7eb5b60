// What the memory checker knows of a block's shared memory: which bytes were written, and who accessed each
// granule.
//
// Of the writers the last is enough: another write that is not ordered after it is a race at once. The
// readers since what is ordered for everyone are all known: their warps as a mask, with the time of the last,
// and while there is one warp only its lane or that there were several. Nothing is lost by that: without a
// barrier between two reads, what orders the later before a write orders the earlier too. Where a barrier of
// a part of the block lies between two such reads, the granule gets a time per warp (a crowd), which is slow
// and rare.
#pragma once

#include <array>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "exec/instruction.h"
#include "exec/thread_order.h"

namespace emulator {

class SharedShadow {
 public:
  struct Conflict {
    u32 tag = 0;  // of the earlier access; 0: none
    bool earlierWrote = false;
    u64 address = 0;
    u32 warp() const { return warpOf(tag); }
    u32 lane() const { return tag & 31; }
    bool isOneThread() const { return (tag & kSeveral) == 0; }
  };
  // Consecutive lanes, from `lane` on, that access `bytes` each at consecutive addresses.
  struct Access {
    u64 address;
    u32 bytes, lanes, warp, lane;
    bool store, atomic;
  };

  // In the gaps every access conflicts.
  void start(u32 bytes, u32 granule, const ThreadOrder& order, const std::vector<Program::SharedGap>& gaps);

  // An asynchronous copy that nobody has waited for yet fills these bytes: they count as not written.
  void markInFlight(u64 address, u64 bytes) { std::memset(&written_[address], kInFlight, bytes); }
  void markLanded(u64 address, u64 bytes) { std::memset(&written_[address], 1, bytes); }
  bool isInFlight(u64 address) const { return written_[address] == kInFlight; }
  bool isInFlight(u64 address, u64 bytes) const {
    return std::memchr(&written_[address], kInFlight, bytes) != nullptr;
  }
  template <u32 Bytes>
  bool isWritten(u64 address) const;

  // Most tags are settled: they are compared many at a time, and only if one is not does a closer look
  // follow. False if there is a conflict; then `conflict` finds it.
  template <u32 Bytes, u32 Lanes>
  bool read(u64 address, u32 warp, u32 lane);
  template <u32 Bytes, u32 Lanes>
  bool write(u64 address, u32 warp, u32 lane, bool atomic);
  Conflict conflict(const Access& access) const;  // its tag is 0 if there is none

 private:
  template <u32 Cells, u32 PerLane>
  bool readCells(u64 first, u32 warp, u32 lane);
  template <u32 Cells, u32 PerLane>
  bool writeCells(u64 first, u32 warp, u32 lane, bool atomic);
  bool races(u32 tag, u32 self) const;
  u32 racingReader(u64 cell, u32 self) const;  // its tag, or 0
  void addReader(u64 cell, u32 self);
  u32 withReader(u32 before, u32 self) const;
  static u32 warpOf(u32 tag) { return tag >> 5 & 31; }
  u32 selfTag(u32 warp, u32 lane) const { return order_->clock() << kClockShift | warp << 5 | lane; }

  static constexpr u8 kInFlight = 2;  // beside 0 and 1
  // A tag is clock << 11 | several lanes of the warp << 10 | warp << 5 | lane.
  static constexpr u32 kClockShift = 11, kSeveral = 1u << 10, kThread = kSeveral - 1;
  std::vector<u8> written_;
  std::vector<u32> writer_, lastReader_;  // per granule: tags
  std::vector<u32> readers_;  // per granule: warps that read it; 0 with an open lastReader_: a crowd
  std::vector<u8> atomic_;    // the last write was an atomic
  std::unordered_map<u64, std::array<u32, 32>> crowds_;  // tags of the last read of each warp
  const ThreadOrder* order_ = nullptr;
  u32 granule_ = 4;
};

template <u32 Bytes>
bool SharedShadow::isWritten(u64 address) const {
  const u8* written = written_.data() + address;
  if constexpr (Bytes > 16) {
    u8 missing = 0;
    for (u32 k = 0; k < Bytes; ++k) missing |= written[k] ^ 1;
    return missing == 0;
  } else {
    static const u8 all[16] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    return std::memcmp(written, all, Bytes) == 0;
  }
}

template <u32 Bytes, u32 Lanes>
bool SharedShadow::read(u64 address, u32 warp, u32 lane) {
  if (Bytes < 4 || granule_ == 1) return readCells<Bytes * Lanes, Bytes>(address, warp, lane);
  return readCells<(Bytes * Lanes + 3) / 4, (Bytes + 3) / 4>(address / 4, warp, lane);
}

template <u32 Cells, u32 PerLane>
bool SharedShadow::readCells(u64 first, u32 warp, u32 lane) {
  const u32 self = selfTag(warp, lane), settled = order_->settled(warp) << kClockShift;
  const u32* writer = &writer_[first];
  u32 open = 0;
  for (u32 k = 0; k < Cells; ++k) open |= static_cast<u32>(writer[k] >= settled);
  for (u32 k = 0; open && k < Cells; ++k) {
    if (races(writer[k], self + k / PerLane)) return false;
  }
  if (!order_->uniform()) {
    for (u32 k = 0; k < Cells; ++k) addReader(first + k, self + k / PerLane);
    return true;
  }
  // As addReader, many at a time.
  const u32 fresh = order_->settledForAll() << kClockShift, bit = 1u << warp;
  const u32 ownSettled = order_->ordered(warp, warp) << kClockShift;
  u32 *last = &lastReader_[first], *readers = &readers_[first];
#pragma GCC ivdep
  for (u32 k = 0; k < Cells; ++k) {
    u32 before = last[k], tag = self + k / PerLane, different = before ^ tag;
    u32 alone = static_cast<u32>(before < fresh) | static_cast<u32>((different & (kThread | kSeveral)) == 0) |
                (static_cast<u32>(before < ownSettled) & static_cast<u32>((different & (31u << 5)) == 0));
    last[k] = tag | (alone ? 0 : kSeveral);
    readers[k] = (before < fresh ? 0 : readers[k]) | bit;
  }
  return true;
}

template <u32 Bytes, u32 Lanes>
bool SharedShadow::write(u64 address, u32 warp, u32 lane, bool atomic) {
  std::memset(&written_[address], 1, Bytes * Lanes);
  if (Bytes < 4 || granule_ == 1) return writeCells<Bytes * Lanes, Bytes>(address, warp, lane, atomic);
  return writeCells<(Bytes * Lanes + 3) / 4, (Bytes + 3) / 4>(address / 4, warp, lane, atomic);
}

template <u32 Cells, u32 PerLane>
bool SharedShadow::writeCells(u64 first, u32 warp, u32 lane, bool atomic) {
  const u32 self = selfTag(warp, lane), settled = order_->settled(warp) << kClockShift;
  u32 *writer = &writer_[first], *last = &lastReader_[first];
  u32 open = 0;
  for (u32 k = 0; k < Cells; ++k) {
    open |= static_cast<u32>(writer[k] >= settled) | static_cast<u32>(last[k] >= settled);
  }
  for (u32 k = 0; open && k < Cells; ++k) {
    u32 tag = self + k / PerLane;
    bool writesRace = !(atomic && atomic_[first + k]) && races(writer[k], tag);
    if (writesRace || racingReader(first + k, tag)) return false;
  }
  for (u32 k = 0; k < Cells; ++k) writer[k] = self + k / PerLane;
  std::memset(&atomic_[first], atomic, Cells);
  return true;
}

inline bool SharedShadow::races(u32 tag, u32 self) const {
  return tag != 0 && tag >> kClockShift >= order_->ordered(warpOf(self), warpOf(tag)) &&
         ((tag ^ self) & (kThread | kSeveral)) != 0;
}

}  // namespace emulator
