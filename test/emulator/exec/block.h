// A thread block: its warps, barriers and shared memory.
#pragma once

#include <vector>

#include "exec/async_copies.h"
#include "exec/launch.h"
#include "exec/shared_shadow.h"
#include "exec/thread_order.h"
#include "exec/warp.h"

namespace emulator {

struct Block {
  const Launch* launch = nullptr;
  Worker* worker = nullptr;
  u32 id[3] = {0, 0, 0};
  u32 linear = 0;
  std::vector<Warp> warps;
  std::vector<u8> shared;
  ThreadOrder order;
  Acquired acquired;
  SharedShadow shadow;
  AsyncCopies copies;
  u64 budget = 0;  // instructions left before a hang is reported

  void execute(u32 linearIndex);
  void arrive(Warp& warp, const Instruction& barrier);

 private:
  void start();
  struct Arrivals {
    u32 lanes = 0, whole = 0;  // threads that arrived; an aligned barrier counts whole warps
    u32 expected = 0, votes = 0;
    std::vector<u32> members;  // warps
  };
  u32 alive() const;
  Arrivals count(u32 barrier);
  bool releaseBarriers();  // false: none was complete
  void release(u32 barrier, const Arrivals& arrivals);
  [[noreturn]] void reportDeadlock();
};

// Of a barrier instruction: immediate = its number, target = the threads it expects (0: all live ones), a =
// the predicate that a reduction takes, d = its result.
enum class BarrierKind : u8 { kSync, kPopcount, kAnd, kOr };
struct BarrierForm {
  BarrierKind kind = BarrierKind::kSync;
  bool aligned = true;
  bool sourceNegated = false;
};

}  // namespace emulator
