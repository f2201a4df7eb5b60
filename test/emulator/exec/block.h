// A thread block: its warps, barriers and shared memory.
#pragma once

#include <vector>

#include "exec/async_copies.h"
#include "exec/barriers.h"
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
  Barriers barriers;
  u64 budget = 0;  // instructions left before a hang is reported

  void execute(u32 linearIndex);
  u32 alive() const;  // threads

 private:
  void start();
};

// Of a barrier instruction: immediate = its number, target = the threads it expects (0: all live ones), a =
// the predicate that a reduction takes, d = its result.
enum class BarrierKind : u8 { kSync, kArrive, kPopcount, kAnd, kOr };
struct BarrierForm {
  BarrierKind kind = BarrierKind::kSync;
  bool aligned = true;
  bool sourceNegated = false;
};

}  // namespace emulator
