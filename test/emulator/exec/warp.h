// 32 lanes that execute together, and how they part and meet again.
//
// Lanes at the same place form a group; one group of a warp runs at a time. The order is by call depth
// (deepest first), then by the lowest pc: code that both sides of a branch reach lies behind both, so the
// groups meet there and merge. That needs no analysis of the program, and is deterministic. A lane that spins
// until another lane of its own warp moves on would hang: the instruction budget of the block reports it.
#pragma once

#include <vector>

#include "exec/instruction.h"

namespace emulator {

struct Block;

struct Group {
  u32 pc = 0;
  u32 mask = 0;
  std::vector<u32> returns;              // where the calls that these lanes are in return to
  const Instruction* waiting = nullptr;  // the barrier they wait at
  u32 arrival = 0;                       // their number among the arrivals of the block
};

struct Warp {
  u8* bank[2] = {nullptr, nullptr};  // registers, constants
  u32 pc = 0;
  u32 mask = 0;    // of the running group
  u32 stopAt = 0;  // the lowest pc at which another group must be considered
  u32 live = 0;    // lanes that have not exited
  u32 index = 0;
  Block* block = nullptr;
  std::vector<u32> returns;
  const Instruction* waiting = nullptr;
  u32 arrival = 0;
  std::vector<Group> parked;
  std::vector<u8> registers;
  std::vector<u8> local;  // one stretch of Program::localBytes per lane
  std::vector<u8> localWritten;

  template <class T>
  T* at(Slot slot) const {
    return reinterpret_cast<T*>(bank[slot.code >> 31] + (slot.code & ~Slot::kConstant));
  }
  u32& predicate(Slot slot) const { return *at<u32>(slot); }

  void run();  // until every group has exited or waits
  bool finished() const { return live == 0; }
  void branch(u32 target, u32 taken);
  void exit(u32 lanes);
  void yield() { stopAt = 0; }

 private:
  bool schedule();
};

}  // namespace emulator
