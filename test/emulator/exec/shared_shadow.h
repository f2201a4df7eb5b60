// What the memory checker knows of a block's shared memory: which bytes were written, and who touched a
// granule last.
//
// Every access carries a tag: the time of the access (a clock that ticks at each barrier), the warp and the
// lane. Each warp keeps, for every warp, the time up to which that warp's accesses are ordered before its own
// (a vector clock that barriers join). An access that meets a tag which is not ordered before it is a race.
#pragma once

#include <cstring>
#include <vector>

#include "ptx/integers.h"

namespace emulator {

class SharedShadow {
 public:
  struct Conflict {
    u32 tag = 0;  // of the earlier access; 0: none
    bool earlierWrote = false;
    u64 address = 0;
    u32 warp() const { return tag >> 5 & 31; }
    u32 lane() const { return tag & 31; }
  };
  // Consecutive lanes, from `lane` on, that access `bytes` each at consecutive addresses.
  struct Access {
    u64 address;
    u32 bytes, lanes, warp, lane;
    bool store, atomic;
  };

  void start(u32 bytes, u32 granule, u32 warps);
  void barrier(const std::vector<u32>& members);
  void warpSync(u32 warp);

  // An asynchronous copy that nobody has waited for yet fills these bytes: they count as not written.
  void markInFlight(u64 address, u64 bytes) { std::memset(&written_[address], kInFlight, bytes); }
  bool isInFlight(u64 address) const { return written_[address] == kInFlight; }
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
  void tick();
  void order(u32 warp);
  u32 selfTag(u32 warp, u32 lane) const { return clock_ << kClockShift | warp << 5 | lane; }

  static constexpr u8 kInFlight = 2;      // beside 0 and 1
  static constexpr u32 kClockShift = 10;  // a tag is clock << 10 | warp << 5 | lane
  std::vector<u8> written_;
  // Per granule: the tag of the last write, of the first read since what is ordered, and of the last read.
  std::vector<u32> writer_, firstReader_, lastReader_;
  std::vector<u8> atomic_;  // the last write was an atomic
  u32 granule_ = 4, warps_ = 0, clock_ = 1;
  std::vector<u32> ordered_;  // ordered_[warp * 32 + other]: accesses of `other` before this time are ordered
  u32 settled_[32] = {};      // a tag below is ordered before this warp, whoever made it
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
  const u32 self = selfTag(warp, lane), settled = settled_[warp];
  u32 *writer = &writer_[first], *firstReader = &firstReader_[first], *lastReader = &lastReader_[first];
  u32 open = 0;
  for (u32 k = 0; k < Cells; ++k) open |= static_cast<u32>(writer[k] >= settled);
  for (u32 k = 0; open && k < Cells; ++k) {
    if (races(writer[k], self + k / PerLane)) return false;
  }
#pragma GCC ivdep
  for (u32 k = 0; k < Cells; ++k) {
    u32 tag = self + k / PerLane;
    firstReader[k] = firstReader[k] < settled ? tag : firstReader[k];
    lastReader[k] = tag;
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
  const u32 self = selfTag(warp, lane), settled = settled_[warp];
  u32 *writer = &writer_[first], *firstReader = &firstReader_[first], *lastReader = &lastReader_[first];
  u32 open = 0;
  for (u32 k = 0; k < Cells; ++k) {
    open |= static_cast<u32>(writer[k] >= settled) | static_cast<u32>(firstReader[k] >= settled) |
            static_cast<u32>(lastReader[k] >= settled);
  }
  for (u32 k = 0; open && k < Cells; ++k) {
    u32 tag = self + k / PerLane;
    bool writesRace = !(atomic && atomic_[first + k]) && races(writer[k], tag);
    if (writesRace || races(firstReader[k], tag) || races(lastReader[k], tag)) return false;
  }
  for (u32 k = 0; k < Cells; ++k) writer[k] = self + k / PerLane;
  std::memset(&atomic_[first], atomic, Cells);
  return true;
}

inline bool SharedShadow::races(u32 tag, u32 self) const {
  u32 warp = self >> 5 & 31, other = tag >> 5 & 31;
  return tag != 0 && tag >> kClockShift >= ordered_[warp * 32 + other] && (tag & 1023) != (self & 1023);
}

}  // namespace emulator
