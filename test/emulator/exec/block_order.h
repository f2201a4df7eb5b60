// What orders accesses of different blocks of one launch (PTX manual 8.8: release and acquire patterns).
//
// A thread releases when it fences and then writes atomically (atomics, volatile or relaxed stores). A thread
// that reads there what the release wrote, or what atomics have made of it since, and then fences, has
// acquired it: what was ordered before the fence of the first is ordered before what its warp does next.
// Blocks that fence and touch different addresses are not ordered.
//
// With fence.sc (membar.gl) the threads that fence need not be those that write and read the flag, if
// barriers of their blocks stand between: of two such fences one comes first, and were it the reader's, the
// flag would be read before it is written.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "exec/thread_order.h"

namespace emulator {

// A fence of some lanes of a warp: their own accesses before `time` lie before it, and those of every warp
// before its entry in `ordered` (exec/thread_order.h).
struct Fence {
  u32 warp, lanes, time;
  bool sequential;  // fence.sc
  std::array<u32, 32> ordered;
};
using Fences = std::vector<std::shared_ptr<const Fence>>;

// Releases form a graph: each comes after those that its thread had acquired, and after the one whose value
// its atomic replaced.
struct Release;
struct Head {
  const Release* release;
  // By a fence of the thread that read it (ofReader); by a fence.sc, whoever read it.
  bool ofReader, sequential;
  bool operator==(const Head& o) const {
    return release == o.release && ofReader == o.ofReader && sequential == o.sequential;
  }
};
struct Release {
  u32 block;
  Fences fences;
  bool ofWriter, ofWriterSequential;  // the thread that wrote had fenced itself
  std::vector<Head> heads;
  const Release* replaced = nullptr;
};

// Of a launch; releases live as long as it.
class Releases {
 public:
  bool any() const { return any_.load(std::memory_order_relaxed); }
  const Release* latest(u64 address) const;  // whose value, or what atomics have made of it, stands there
  void publish(u64 address, Release release, bool replaces);
  void overwrite(u64 address);  // by a store that releases nothing

  std::atomic<u32> started{0};  // blocks

 private:
  mutable std::mutex lock_;
  std::deque<Release> all_;
  std::unordered_map<u64, const Release*> latest_;
  std::atomic<bool> any_{false};
};

// What the warps of a running block have fenced and acquired.
class Acquired {
 public:
  // An access of another block; lane < 0: of several lanes.
  struct Access {
    u32 block, warp;
    int lane;
    u32 time;
  };

  void start(u32 block, u32 warps);
  void fence(u32 warp, u32 lanes, bool sequential, ThreadOrder& order);
  void write(u32 warp, u32 lane, u64 address, bool reads, Releases& releases);  // before it writes
  void read(u32 warp, u64 address, const Releases& releases);                   // after it has read
  // As ThreadOrder's.
  struct Arrival {
    Fences fences;
    std::vector<Head> heads;
    std::vector<const Release*> seen;
  };
  void barrier(const std::vector<u32>& members, const std::vector<const Arrival*>& arrived = {});
  Arrival arrive(u32 warp) const;
  bool covers(u32 warp, const Access& access);
  bool coversBlocks(u32 warp, u32 count);  // something of each of these blocks but this one is acquired

 private:
  struct OfWarp {
    Fences own, others;                  // others: of warps that met this one at a barrier since
    std::map<u64, const Release*> seen;  // at an address: acquired with the next fence
    std::vector<const Release*> met;     // seen by warps before a barrier: acquired with the next fence.sc
    std::vector<Head> heads;             // acquired, with all they come after
    bool known = false;                  // the index below is of these heads
    std::unordered_map<u32, std::vector<Head>> byBlock;
  };
  void index(OfWarp& warp);

  u32 block_ = 0;
  bool used_ = false;
  std::vector<OfWarp> warps_;
};

}  // namespace emulator
