// Device memory: one large reserved range of host addresses, so that a device address is a host address, with
// shadows at fixed distances. An address is never given out twice: a use after free is always recognised.
#pragma once

#include <map>
#include <shared_mutex>
#include <string>
#include <vector>

#include "memory/race_tags.h"

namespace emulator {

struct Allocation {
  enum Kind { kDevice, kHost, kGlobalVariable, kConstant };
  u64 base = 0, size = 0;
  Kind kind = kDevice;
  bool live = true;
  u32 number = 0;
  std::string name;                              // of a module variable
  bool contains(u64 address, u64 bytes) const {  // without the end of the access, which may wrap
    return address - base <= size && bytes <= size - (address - base);
  }
};

// Shadows are kept per line where all of it is in the same state, which is most of the memory that kernels
// stream through, and per byte or granule where it is not.
constexpr u64 kLineBytes = 128;
struct LineTags {
  RaceTag writer, reader;
};
struct RaceTags {
  LineTags* line;
  RaceTag *writer, *reader;
};

class Arena {
 public:
  static Arena& instance();

  u64 allocate(u64 size, Allocation::Kind kind, const std::string& name = {});  // 0: out of memory
  bool release(u64 address, Allocation::Kind kind);  // false: not the start of a live allocation
  void releaseAll();                                 // with their context
  const Allocation* find(u64 address) const;         // live or freed, holding this address
  std::string describe(u64 address) const;           // for reports
  bool holds(u64 address) const { return address - base_ < kReserved; }

  u64 total() const { return total_; }
  u64 used() const { return used_; }

  // Which bytes somebody wrote.
  void markWritten(u64 address, u64 bytes) const;
  u64 firstUnwritten(u64 address, u64 bytes) const;  // its address; 0: all were written
  void copyWritten(u64 to, u64 from, u64 bytes) const;

  // Race shadows: who wrote and who read a granule of 1 or 4 bytes (the launch says which) last.
  RaceTags tags(u64 address, u32 granule) const {
    u64 offset = address - base_;
    return {lines_ + offset / kLineBytes, writers_ + offset / granule, readers_ + offset / granule};
  }
  u32 takeBlocks(u32 count);  // the first of `count` fresh numbers of blocks, for tags

 private:
  Arena();
  static constexpr u64 kReserved = u64{1} << 40;
  u64 base_ = 0, next_ = 0, total_ = 0, used_ = 0;
  u8 *written_ = nullptr, *lineWritten_ = nullptr;
  LineTags* lines_ = nullptr;
  RaceTag *writers_ = nullptr, *readers_ = nullptr;
  u32 nextBlock_ = 1, count_ = 0;
  std::map<u64, Allocation> allocations_;
  mutable std::shared_mutex lock_;  // a kernel may look up what another thread extends
};

}  // namespace emulator
