#include "exec/shared_shadow.h"

#include <algorithm>
#include <cstring>

namespace emulator {
namespace {

constexpr u32 kClockBits = 22;
constexpr u32 kClockEnd = 1u << kClockBits;

}  // namespace

void SharedShadow::start(u32 bytes, u32 granule, u32 warps) {
  granule_ = granule;
  warps_ = warps;
  clock_ = 1;
  written_.assign(bytes, 0);
  size_t cells = (bytes + granule - 1) / granule;
  for (std::vector<u32>* tags : {&writer_, &firstReader_, &lastReader_}) tags->assign(cells, 0);
  atomic_.assign(cells, 0);
  ordered_.assign(32 * 32, 0);
  for (u32 w = 0; w < 32; ++w) order(w);
}

// Tag 0 is "nobody": the clock starts at 1, so it lies below every bound.
void SharedShadow::order(u32 warp) {
  const u32* row = &ordered_[warp * 32];
  settled_[warp] = std::max(1u, *std::min_element(row, row + warps_)) << kClockShift;
}

void SharedShadow::tick() {
  if (++clock_ < kClockEnd) return;
  // The clock starts again: all that is recorded is forgotten, which can only hide a race, never invent one.
  u32 bytes = static_cast<u32>(written_.size());
  std::vector<u8> written = std::move(written_);
  start(bytes, granule_, warps_);
  written_ = std::move(written);
}

void SharedShadow::barrier(const std::vector<u32>& members) {
  tick();
  u32 joined[32] = {};
  for (u32 member : members) {
    for (u32 other = 0; other < 32; ++other)
      joined[other] = std::max(joined[other], ordered_[member * 32 + other]);
  }
  for (u32 member : members) joined[member] = clock_;
  for (u32 member : members) {
    std::copy(joined, joined + 32, &ordered_[member * 32]);
    order(member);
  }
}

void SharedShadow::warpSync(u32 warp) {
  tick();
  ordered_[warp * 32 + warp] = clock_;
  order(warp);
}

SharedShadow::Conflict SharedShadow::conflict(const Access& access) const {
  u64 first = access.address / granule_, cells = std::max(1u, access.bytes * access.lanes / granule_);
  u32 perLane = std::max(1u, access.bytes / granule_);
  for (u64 k = first; k < first + cells; ++k) {
    u32 self = selfTag(access.warp, access.lane + static_cast<u32>((k - first) / perLane));
    if (!(access.store && access.atomic && atomic_[k]) && races(writer_[k], self))
      return {writer_[k], true, k * granule_};
    if (!access.store) continue;
    for (u32 reader : {firstReader_[k], lastReader_[k]}) {
      if (races(reader, self)) return {reader, false, k * granule_};
    }
  }
  return {};
}

}  // namespace emulator
