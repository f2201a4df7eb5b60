// What cp.async has begun and nobody has waited for. The data is read when the copy starts and reaches shared
// memory when its thread waits; until then the destination counts as not written, and nobody may write it or
// the source.
#pragma once

#include <algorithm>
#include <vector>

#include "ptx/integers.h"

namespace emulator {

class AsyncCopies {
 public:
  struct Copy {
    u32 lane, group;
    u64 to, from;
    u32 bytes, read;  // of the source; the rest is zero
    u8 data[16];
  };

  void start(u32 warps) {
    if (warps_.size() < warps) warps_.resize(warps);
    for (OfWarp& each : warps_) each = {};
    count_ = 0;
  }
  bool any() const { return count_ > 0; }
  // The copy joins the group that its thread commits next.
  void add(u32 warp, Copy copy) {
    copy.group = warps_[warp].committed[copy.lane];
    warps_[warp].pending.push_back(copy);
    if (count_++ == 0) lowest_ = ~u64{0}, end_ = 0;
    lowest_ = std::min(lowest_, copy.from);
    end_ = std::max(end_, copy.from + copy.read);
  }
  bool reads(u64 address, u64 bytes) const {
    if (!any() || address >= end_ || address + bytes <= lowest_) return false;
    for (const OfWarp& warp : warps_) {
      for (const Copy& copy : warp.pending) {
        if (address < copy.from + copy.read && copy.from < address + bytes) return true;
      }
    }
    return false;
  }
  void commit(u32 warp, u32 lanes) {
    for (u32 l = 0; l < kWarpSize; ++l) warps_[warp].committed[l] += lanes >> l & 1;
  }
  // Takes out what these threads now wait for: all but their `newest` most recent groups, in order.
  std::vector<Copy> finish(u32 warp, u32 lanes, u32 newest) {
    return take(warp, [&](const Copy& c) {
      return lanes >> c.lane & 1 && c.group + newest < warps_[warp].committed[c.lane];
    });
  }
  std::vector<Copy> finishAll(u32 warp, u32 lanes) {
    return take(warp, [&](const Copy& c) { return lanes >> c.lane & 1; });
  }

 private:
  struct OfWarp {
    std::vector<Copy> pending;
    u32 committed[kWarpSize] = {};  // groups
  };

  template <class Done>
  std::vector<Copy> take(u32 warp, Done done) {
    std::vector<Copy> taken, kept;
    for (const Copy& copy : warps_[warp].pending) (done(copy) ? taken : kept).push_back(copy);
    warps_[warp].pending = std::move(kept);
    count_ -= taken.size();
    return taken;
  }

  std::vector<OfWarp> warps_;
  size_t count_ = 0;          // pending, of all warps
  u64 lowest_ = 0, end_ = 0;  // of their sources, and of those before since there were none
};

}  // namespace emulator
