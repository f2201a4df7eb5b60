// Which bytes of device memory somebody wrote: per line "none", "all", or "see the bytes".
//
// Blocks on different host threads write parts of one line at the same time. A line only ever goes from none
// to mixed to all (a copy of unwritten memory apart, which runs alone), and a byte from 0 to 1.
#include <algorithm>
#include <cstring>

#include "memory/arena.h"

namespace emulator {
namespace {

constexpr u8 kNone = 0, kAll = 1, kSeeBytes = 2;

// Calls visit(line, first byte, bytes) for each line that the range touches, until one returns false.
template <class Visit>
bool forLines(u64 offset, u64 bytes, Visit visit) {
  for (u64 end = offset + bytes; offset < end;) {
    u64 here = std::min(end, (offset / kLineBytes + 1) * kLineBytes) - offset;
    if (!visit(offset / kLineBytes, offset, here)) return false;
    offset += here;
  }
  return true;
}

}  // namespace

void Arena::markWritten(u64 address, u64 bytes) const {
  forLines(address - base_, bytes, [&](u64 line, u64 offset, u64 here) {
    u8& state = lineWritten_[line];
    if (here == kLineBytes) {
      state = kAll;
    } else if (state != kAll) {
      u8 expected = kNone;  // another thread may be marking the rest of the line
      __atomic_compare_exchange_n(&state, &expected, kSeeBytes, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
      std::memset(written_ + offset, 1, here);
    }
    return true;
  });
}

u64 Arena::firstUnwritten(u64 address, u64 bytes) const {
  u64 found = 0;
  forLines(address - base_, bytes, [&](u64 line, u64 offset, u64 here) {
    u8& state = lineWritten_[line];
    if (state == kAll) return true;
    const u8* begin = written_ + offset;
    const void* gap = state == kNone ? begin : std::memchr(begin, 0, here);
    if (gap) found = base_ + offset + static_cast<u64>(static_cast<const u8*>(gap) - begin);
    if (!gap && here == kLineBytes) state = kAll;
    return !gap;
  });
  return found;
}

void Arena::copyWritten(u64 to, u64 from, u64 bytes) const {
  std::vector<u8> source(bytes);
  forLines(from - base_, bytes, [&](u64 line, u64 offset, u64 here) {
    u8* copy = source.data() + (offset - (from - base_));
    if (lineWritten_[line] == kSeeBytes) {
      std::memcpy(copy, written_ + offset, here);
    } else {
      std::memset(copy, lineWritten_[line], here);
    }
    return true;
  });
  forLines(to - base_, bytes, [&](u64 line, u64 offset, u64 here) {
    u8* all = written_ + line * kLineBytes;
    if (lineWritten_[line] != kSeeBytes) std::memset(all, lineWritten_[line], kLineBytes);
    std::memcpy(written_ + offset, source.data() + (offset - (to - base_)), here);
    lineWritten_[line] = std::memchr(all, 0, kLineBytes) ? kSeeBytes : kAll;
    return true;
  });
}

}  // namespace emulator
