// What the memory checker knows of a block's shared memory: which bytes were written, and who touched a
// granule last.
//
// Every access carries a tag: the time of the access (a clock that ticks at each barrier), the warp and the
// lane. Each warp keeps, for every warp, the time up to which that warp's accesses are ordered before its own
// (a vector clock that barriers join). An access that meets a tag which is not ordered before it is a race.
#pragma once

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
  // Consecutive lanes, from `lane` on, that access `bytesPerLane` each at consecutive addresses.
  struct Run {
    u64 address, bytes;
    u32 warp, lane, bytesPerLane;
  };

  void start(u32 bytes, u32 granule, u32 warps);
  void barrier(const std::vector<u32>& members);
  void warpSync(u32 warp);

  bool isWritten(u64 address, u64 bytes) const;
  void markWritten(u64 address, u64 bytes, bool written = true);
  // The conflict's tag is 0 if all is well.
  Conflict read(const Run& run);
  Conflict write(const Run& run, bool atomic);

 private:
  bool races(u32 tag, u32 self) const;
  void tick();
  void order(u32 warp);

  std::vector<u8> written_;
  // Per granule: the tag of the last write, of the first read since what is ordered, and of the last read.
  std::vector<u32> writer_, firstReader_, lastReader_;
  std::vector<u8> atomic_;  // the last write was an atomic
  u32 granule_ = 4, warps_ = 0, clock_ = 1;
  std::vector<u32> ordered_;  // ordered_[warp * 32 + other]: accesses of `other` before this time are ordered
  u32 settled_[32] = {};      // a tag below is ordered before this warp, whoever made it
};

}  // namespace emulator
