// A decoded instruction, and the program of one kernel.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "exec/places.h"
#include "ptx/module.h"

namespace emulator {

struct Warp;
struct Instruction;

// `mask` holds the lanes that execute: active and, if the instruction is guarded, with a true predicate.
// Never 0.
using Handler = void (*)(Warp&, const Instruction&, u32 mask);

// Where an operand lies: a byte offset into the registers of the warp, or (top bit) into the program's
// constants. A register is 32 lanes of its width; a predicate is one u32 with a bit per lane.
struct Slot {
  static constexpr u32 kConstant = 0x80000000u;
  u32 code = 0;
};

// One access to memory, alone or as the address part of an atomic.
struct MemoryForm {
  Space space = Space::kGeneric;
  u8 elementBytes = 4;
  u8 count = 1;                             // of a vector
  bool isSigned = false;                    // a narrow load extends its sign
  bool reads = true, store = false;         // an atomic does both
  bool atomic = false;                      // atomics, volatile and relaxed accesses: no race with each other
  bool releases = false, acquires = false;  // of the GPU or the system: as with a fence before or behind
  bool nonCoherent = false;                 // ld.global.nc
  u8 registerBytes[8] = {};                 // 0: the sink '_'
  Slot registers[8];
  u8 addressBytes = 0;  // width of the base register; 0: none
  Slot base;
  i64 offset = 0;
  u32 bytes() const { return elementBytes * count; }
};

enum class Class : u8 {
  kInteger,
  kFloat,
  kDouble,
  kConvert,
  kMove,
  kLoad,
  kStore,
  kAtomic,
  kWarp,
  kBarrier,
  kBranch,
  kOther,
  kMma
};
constexpr int kClasses = 13;
const char* className(Class c);

struct Instruction {
  static constexpr u32 kNoGuard = 0xffffffffu;
  Handler run = nullptr;
  Slot d, a, b, c, e;
  u32 guard = kNoGuard;  // byte offset of the predicate
  u32 guardFlip = 0;     // all ones for @!p
  u32 target = 0;        // of a branch or call
  i64 immediate = 0;
  const void* form = nullptr;
  u32 index = 0;  // in Program::code and Program::origins
};

struct Origin {
  const Function* function = nullptr;
  const Statement* statement = nullptr;
  Class kind = Class::kOther;
};

struct Program {
  const Module* module = nullptr;
  const Function* kernel = nullptr;
  std::vector<Instruction> code;
  std::vector<Origin> origins;
  std::vector<std::shared_ptr<const void>> forms;  // owns what Instruction::form points at
  std::vector<u8> constants;                       // 32 equal lanes per literal
  u32 registerBytes = 0;
  u32 localBytes = 0;   // per thread
  u32 sharedBytes = 0;  // static, as the GPU lays them out
  // Behind each shared array, unless it is the last, lie bytes that no access may touch.
  struct SharedGap {
    u32 first, end;
  };
  std::vector<SharedGap> sharedGaps;
  u32 sharedGapBytes = 0;
  u32 paramBytes = 0;
  Places sharedArrays{"shared array"}, localArrays{"local array"}, params{"parameter"};
  u32 sharedGranule = 4,
      globalGranule = 4;  // bytes per entry of the race shadows: 1 if narrow accesses occur
  struct Special {
    std::string name;
    u32 at;  // byte offset of its register
  };
  std::vector<Special> specials;  // %tid.x and its like, filled when a warp starts

  std::string place(u32 index) const;     // "file.cu:12", or without line info "PTX line 34"
  std::string describe(u32 index) const;  // with the kernel and the opcode

 private:
  std::string place(u32 file, u32 line) const;
};

}  // namespace emulator
