// The tags of a stretch of global memory within one line. A line whose granules were all accessed by one warp
// at once has its tag once, for the line.
#pragma once

#include <algorithm>

#include "exec/spin_lock.h"
#include "memory/arena.h"

namespace emulator {

// One access to such a stretch: the tag of the thread at its first granule, and how the lanes follow.
struct Touch {
  RaceTag first;
  u32 bytesPerLane, laneShift, granuleShift;
  Touch(RaceTag first, u32 bytesPerLane, u32 granule)
      : first(first),
        bytesPerLane(bytesPerLane),
        laneShift(static_cast<u32>(__builtin_ctz(bytesPerLane))),
        granuleShift(granule == 1 ? 0 : 2) {}
  // Of the granule k. Of one that several lanes share, the first of them.
  RaceTag tag(u64 k) const { return first + (k << granuleShift >> laneShift << race_tag::kLaneAt); }
  RaceTag line() const { return first | race_tag::spreadOf(bytesPerLane); }
};

struct LinePart {
  RaceTag* line;
  RaceTag* cells;     // of the part
  RaceTag* allCells;  // of the line
  u64 count, countAll, offset, granule;

  bool whole() const { return count == countAll; }
  RaceTag tag(u64 k) const {
    RaceTag all = *line;
    return all == race_tag::kMixed ? cells[k] : race_tag::granule(all, offset + k * granule);
  }

  // good(tag, self) of every granule, or of the line.
  template <class Good>
  bool all(const Touch& touch, Good good) const {
    RaceTag tagOfAll = *line;
    if (tagOfAll != race_tag::kMixed) return good(tagOfAll, whole() ? touch.line() : touch.first);
    bool each = true;
    for (u64 k = 0; k < count; ++k) each &= good(cells[k], touch.tag(k));
    return each;
  }

  void assign(const Touch& touch) const {
    if (whole()) {
      *line = touch.line();
      return;
    }
    mix();
    for (u64 k = 0; k < count; ++k) cells[k] = touch.tag(k);
  }

  // with(tag, self): the tag of a granule once self has read it too.
  template <class With>
  void addReader(const Touch& touch, With with) const {
    RaceTag all = *line;
    if (all != race_tag::kMixed) {
      RaceTag after = with(all, whole() ? touch.line() : touch.first);
      if (after == all) return;
      // Of two accesses whose lanes lie differently, some granules may have the same lane.
      bool perGranule = race_tag::kind(after) == race_tag::kLanes && (all & race_tag::kSpread) != 0 &&
                        ((all ^ touch.line()) & race_tag::kSpread) != 0;
      if (whole() && !perGranule) {
        *line = after;
        return;
      }
      mix();
    }
    bool alone = whole();
    for (u64 k = 0; k < count; ++k) {
      RaceTag self = touch.tag(k), after = with(cells[k], self);
      alone &= after == self;
      cells[k] = after;
    }
    if (alone) *line = touch.line();
  }

 private:
  // Gives the granules of the line tags of their own. Other blocks may be about to do the same.
  void mix() const {
    if (__atomic_load_n(line, __ATOMIC_ACQUIRE) == race_tag::kMixed) return;
    SpinLock hold(line);
    RaceTag all = *line;
    if (all == race_tag::kMixed) return;
    for (u64 k = 0; k < countAll; ++k) allCells[k] = race_tag::granule(all, k * granule);
    __atomic_store_n(line, race_tag::kMixed, __ATOMIC_RELEASE);
  }
};

}  // namespace emulator
