#include "exec/shared_shadow.h"

#include <algorithm>
#include <cstring>

namespace emulator {
namespace {

constexpr u32 kClockShift = 10;  // a tag is clock << 10 | warp << 5 | lane
constexpr u32 kClockEnd = 1u << (32 - kClockShift);

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

bool SharedShadow::isWritten(u64 address, u64 bytes) const {
  u32 missing = 0;
  for (u64 i = 0; i < bytes; ++i) missing |= written_[address + i] ^ 1u;
  return missing == 0;
}

void SharedShadow::markWritten(u64 address, u64 bytes, bool written) {
  std::memset(&written_[address], written, bytes);
}

inline bool SharedShadow::races(u32 tag, u32 self) const {
  u32 warp = self >> 5 & 31, other = tag >> 5 & 31;
  return tag != 0 && tag >> kClockShift >= ordered_[warp * 32 + other] && (tag & 1023) != (self & 1023);
}

// Most tags are settled: they are compared many at a time, and only if one is not does a second look follow.
SharedShadow::Conflict SharedShadow::read(const Run& run) {
  const u64 first = run.address / granule_, cells = (run.address + run.bytes - 1) / granule_ + 1 - first;
  const u32 perLane = std::max(1u, run.bytesPerLane / granule_),
            shift = static_cast<u32>(__builtin_ctz(perLane));
  const u32 self = clock_ << kClockShift | run.warp << 5 | run.lane, settled = settled_[run.warp];
  u32 *writer = &writer_[first], *firstReader = &firstReader_[first], *lastReader = &lastReader_[first];
  u32 open = 0;
  for (u32 k = 0; k < cells; ++k) open |= static_cast<u32>(writer[k] >= settled);
  for (u32 k = 0; open && k < cells; ++k) {
    if (races(writer[k], self + (k >> shift))) return {writer[k], true, (first + k) * granule_};
  }
  for (u32 k = 0; k < cells; ++k) {
    u32 tag = self + (k >> shift);
    firstReader[k] = firstReader[k] < settled ? tag : firstReader[k];
    lastReader[k] = tag;
  }
  return {};
}

SharedShadow::Conflict SharedShadow::write(const Run& run, bool atomic) {
  const u64 first = run.address / granule_, cells = (run.address + run.bytes - 1) / granule_ + 1 - first;
  const u32 perLane = std::max(1u, run.bytesPerLane / granule_),
            shift = static_cast<u32>(__builtin_ctz(perLane));
  const u32 self = clock_ << kClockShift | run.warp << 5 | run.lane, settled = settled_[run.warp];
  u32 *writer = &writer_[first], *firstReader = &firstReader_[first], *lastReader = &lastReader_[first];
  u32 open = 0;
  for (u32 k = 0; k < cells; ++k) {
    open |= static_cast<u32>(writer[k] >= settled) | static_cast<u32>(firstReader[k] >= settled) |
            static_cast<u32>(lastReader[k] >= settled);
  }
  for (u32 k = 0; open && k < cells; ++k) {
    u32 tag = self + (k >> shift);
    u64 address = (first + k) * granule_;
    if (!(atomic && atomic_[first + k]) && races(writer[k], tag)) return {writer[k], true, address};
    if (races(firstReader[k], tag)) return {firstReader[k], false, address};
    if (races(lastReader[k], tag)) return {lastReader[k], false, address};
  }
  for (u32 k = 0; k < cells; ++k) writer[k] = self + (k >> shift);
  std::memset(&atomic_[first], atomic, cells);
  return {};
}

}  // namespace emulator
