// What cp.async has begun and nobody has waited for. The data is read when the copy starts and reaches shared
// memory when its thread waits; until then the destination counts as not written.
#pragma once

#include <vector>

#include "ptx/integers.h"

namespace emulator {

class AsyncCopies {
 public:
  struct Copy {
    u32 lane, group;
    u64 to;
    u32 bytes;
    u8 data[16];
  };

  void start(u32 warps) {
    if (warps_.size() < warps) warps_.resize(warps);
    for (OfWarp& each : warps_) each = {};
  }
  // The copy joins the group that its thread commits next.
  void add(u32 warp, Copy copy) {
    copy.group = warps_[warp].committed[copy.lane];
    warps_[warp].pending.push_back(copy);
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
    return taken;
  }

  std::vector<OfWarp> warps_;
};

}  // namespace emulator
