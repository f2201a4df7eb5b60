// Turns the addresses of one warp instruction into host pointers; on the way the memory checker looks at them
// and the counters count them.
#pragma once

#include "exec/block.h"

namespace emulator {

// Generic addresses outside of the arena: a window each for shared, local and parameter memory.
constexpr u64 kSharedWindow = u64{1} << 56, kLocalWindow = u64{2} << 56, kParamWindow = u64{3} << 56;
constexpr u64 kWindowMask = u64{0xff} << 56;

struct Access {
  u8* host[kWarpSize];      // of the active lanes
  bool contiguous = false;  // all 32 lanes are active and follow one another: host[0] is enough
};

// Throws Fault if an address is bad, or a check finds something.
void resolve(Warp& warp, const Instruction& instruction, const MemoryForm& form, u32 mask, Access& access);

// Addresses of one space, already without their window.
using Addresses = u64[kWarpSize];

// Lanes that continue one another, joined: consecutive lanes at consecutive addresses, or several at one.
struct Runs {
  u64 at[kWarpSize];
  u64 bytes[kWarpSize];
  int lane[kWarpSize];     // the first of the run
  bool shared[kWarpSize];  // by lanes that access the same
  int count = 0;
};
bool areContiguous(const Addresses& address, u32 mask, u32 bytes);
void joinLanes(const Addresses& address, u32 mask, u32 bytes, bool contiguous, Runs& runs);

void resolveGlobal(Warp& warp, const Instruction& instruction, const MemoryForm& form, u32 mask,
                   const Addresses& address, bool contiguous);
void checkGlobalRaces(Warp& warp, const Instruction& instruction, const MemoryForm& form, const Runs& runs);
// Of an atomic or volatile read that is done: what it read may have been released by another block.
void noteAtomicRead(Warp& warp, const MemoryForm& form, u32 mask, const Access& access);
void fence(Warp& warp, u32 mask, bool sequential);  // of the GPU or the system; fence.sc
void checkShared(Warp& warp, const Instruction& instruction, const MemoryForm& form, u32 mask,
                 const Addresses& address);  // races and reads of what nobody wrote, without bounds
void resolveShared(Warp& warp, const Instruction& instruction, const MemoryForm& form, u32 mask,
                   const Addresses& address, Access& access);

// One finding: kernel, line, block, thread, what, and where.
[[noreturn]] void reportFault(const Warp& warp, const Instruction& instruction, int lane, int code,
                              const std::string& what, const std::string& where);
// One that is of no address.
[[noreturn]] void reportMisuse(const Warp& warp, const Instruction& instruction, int lane, int code,
                               const std::string& what, const std::string& more = {});
std::string hex(u64 value);

inline u64 addressOf(const Warp& warp, const MemoryForm& form, int lane) {
  u64 offset = static_cast<u64>(form.offset);
  if (form.addressBytes == 4) return warp.at<u32>(form.base)[lane] + static_cast<u32>(offset);
  return form.addressBytes == 8 ? warp.at<u64>(form.base)[lane] + offset : offset;
}

}  // namespace emulator
