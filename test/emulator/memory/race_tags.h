// Who accessed a granule of global memory: 64 bits, so that tags of earlier launches are less than those of
// this one, and those of earlier times of a block less than later ones.
//
// A line of memory that one warp accessed as a whole has one tag, of the thread at its first byte, with how
// the lane grows from there on (`spread`).
#pragma once

#include "ptx/integers.h"

namespace emulator {

using RaceTag = u64;

namespace race_tag {

// block << 32 | time << 14 | kind << 12 | warp << 7 | lane << 2 | spread
constexpr u32 kBlockAt = 32, kTimeAt = 14, kKindAt = 12, kWarpAt = 7, kLaneAt = 2;
constexpr RaceTag kSpread = 3, kLane = RaceTag{31} << kLaneAt, kWarp = RaceTag{31} << kWarpAt,
                  kKind = RaceTag{3} << kKindAt, kThread = kWarp | kLane | kSpread,
                  kBlock = ~RaceTag{0} << kBlockAt;
constexpr RaceTag kMixed = ~RaceTag{0};  // of a line whose granules have tags of their own

// One thread, by an atomic or not; of readers also: several lanes of a warp; or several warps, of which this
// is the last and the lane stands for another.
constexpr RaceTag kOne = 0, kAtomic = RaceTag{1} << kKindAt, kLanes = RaceTag{2} << kKindAt,
                  kWarps = RaceTag{3} << kKindAt;

inline u32 block(RaceTag tag) { return static_cast<u32>(tag >> kBlockAt); }
inline u32 time(RaceTag tag) { return static_cast<u32>(tag) >> kTimeAt; }
inline RaceTag kind(RaceTag tag) { return tag & kKind; }
inline u32 warp(RaceTag tag) { return static_cast<u32>(tag >> kWarpAt) & 31; }
inline u32 lane(RaceTag tag) { return static_cast<u32>(tag >> kLaneAt) & 31; }

// Spread 1, 2, 3: the lane grows every 4, 8, 16 bytes. 0: it does not.
inline RaceTag spreadOf(u64 bytesPerLane) { return bytesPerLane == 4 ? 1 : bytesPerLane == 8 ? 2 : 3; }
// The tag of a granule, of a line that has one tag.
inline RaceTag granule(RaceTag line, u64 offset) {
  RaceTag spread = line & kSpread;
  return spread ? line - spread + (offset >> (1 + spread) << kLaneAt) : line;
}

}  // namespace race_tag
}  // namespace emulator
