// The barriers of a block: who has come to them, and whom they let go on.
#pragma once

#include <vector>

#include "exec/block_order.h"
#include "exec/instruction.h"
#include "exec/thread_order.h"

namespace emulator {

struct Block;
struct Group;

class Barriers {
 public:
  void start();
  // The running group waits; what the barrier computes is computed when all have arrived.
  void wait(Warp& warp, const Instruction& barrier);
  // It goes on at once; only what it did so far is ordered before what those that wait do next.
  void arrive(Warp& warp, const Instruction& barrier);
  // When no warp can run. False: none was complete.
  bool release(Block& block);
  [[noreturn]] void reportDeadlock(Block& block) const;

 private:
  struct Early {  // bar.arrive, until the barrier is complete
    const Instruction* barrier;
    u32 warp, mask, number;
    ThreadOrder::Row order;
    Acquired::Arrival acquired;
  };
  struct Arrival {
    Warp* warp;
    Group* group;  // null: it does not wait
    const Instruction* barrier;
    u32 mask, number;
  };
  using Arrivals = std::vector<Arrival>;

  Arrivals arrivalsAt(Block& block, u32 barrier) const;  // the earliest first
  static void checkAlike(const Arrivals& arrivals);
  static void keepComplete(const Block& block, Arrivals& arrivals);
  void complete(Block& block, const Arrivals& arrivals);

  u32 arrived_ = 0;  // so far: arrivals are numbered
  std::vector<Early> early_;
};

}  // namespace emulator
