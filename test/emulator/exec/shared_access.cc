// Checks and counters of one warp's access to shared memory.
#include <algorithm>
#include <cstring>

#include "exec/memory_access.h"

namespace emulator {
namespace {

constexpr u32 kBanks = 32;

[[noreturn]] void reportRace(Warp& warp, const Instruction& i, int lane, const MemoryForm& form,
                             const SharedShadow::Conflict& conflict) {
  reportFault(warp, i, lane, kLaunchFailed,
              std::string("shared race: ") + (form.store ? "write" : "read") + " after a " +
                  (conflict.earlierWrote ? "write" : "read") + " by thread " +
                  std::to_string(conflict.warp() * kWarpSize + conflict.lane()) + " with no barrier between",
              hex(conflict.address));
}

// Often the upper lanes read just what the lower ones do; once is enough.
u32 withoutRepeats(const Addresses& address, u32 mask) {
  for (int half = 16; half >= 4 && mask == kAllLanes >> (32 - 2 * half); half /= 2) {
    u64 different = 0;
    for (int l = 0; l < half; ++l) different |= address[l] ^ address[l + half];
    if (different) break;
    mask &= (1u << half) - 1;
  }
  return mask;
}

void check(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask, const Addresses& address) {
  SharedShadow& shadow = warp.block->shadow;
  u32 bytes = form.bytes();
  // Every store counts, even to the address that another lane stores to: that is a race of its own.
  Runs runs;
  if (form.store) {
    for (int l = 0; l < kWarpSize; ++l) {
      if (!(mask >> l & 1)) continue;
      bool joins = runs.count && address[l] == runs.at[runs.count - 1] + runs.bytes[runs.count - 1] &&
                   l == runs.lane[runs.count - 1] + static_cast<int>(runs.bytes[runs.count - 1] / bytes);
      if (joins) {
        runs.bytes[runs.count - 1] += bytes;
      } else {
        runs.at[runs.count] = address[l];
        runs.lane[runs.count] = l;
        runs.bytes[runs.count++] = bytes;
      }
    }
  } else {
    runs = joinLanes(address, withoutRepeats(address, mask), bytes);
  }
  for (int r = 0; r < runs.count; ++r) {
    if (form.reads && !shadow.isWritten(runs.at[r], runs.bytes[r])) {
      reportFault(warp, i, runs.lane[r], kLaunchFailed, "read of shared memory that nobody wrote",
                  hex(runs.at[r]));
    }
    SharedShadow::Run run{runs.at[r], runs.bytes[r], warp.index, static_cast<u32>(runs.lane[r]), bytes};
    SharedShadow::Conflict conflict = form.store ? shadow.write(run, form.atomic) : shadow.read(run);
    if (conflict.tag) {
      int lane =
          runs.lane[r] + static_cast<int>((std::max(conflict.address, run.address) - run.address) / bytes);
      reportRace(warp, i, lane, form, conflict);
    }
    if (form.store) shadow.markWritten(runs.at[r], runs.bytes[r]);
  }
}

// Wavefronts: 32 lanes of 4 bytes go at once, of 8 bytes 16, of 16 bytes 8. A wavefront serves one word per
// bank; lanes that want the same word share it.
void countWavefronts(Warp& warp, const MemoryForm& form, u32 mask, const Addresses& address) {
  u32 words = std::max(1u, form.bytes() / 4), group = kWarpSize / words;
  Counters& c = warp.block->worker->counters;
  for (u32 first = 0; first < kWarpSize; first += group) {
    u64 wanted[kWarpSize];
    u32 count = 0, perBank[kBanks] = {};
    for (u32 l = first; l < first + group; ++l) {
      for (u32 w = 0; (mask >> l & 1) && w < words; ++w) wanted[count++] = address[l] / 4 + w;
    }
    if (count == 0) continue;
    std::sort(wanted, wanted + count);
    count = static_cast<u32>(std::unique(wanted, wanted + count) - wanted);
    for (u32 k = 0; k < count; ++k) ++perBank[wanted[k] % kBanks];
    c.sharedWavefronts += *std::max_element(perBank, perBank + kBanks);
    c.sharedIdeal += (count + kBanks - 1) / kBanks;
  }
}

}  // namespace

void resolveShared(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask,
                   const Addresses& address, Access& access) {
  std::vector<u8>& shared = warp.block->shared;
  u32 bytes = form.bytes();
  for (int l = 0; l < kWarpSize; ++l) {
    if (!(mask >> l & 1)) continue;
    if (address[l] + bytes > shared.size() || address[l] > shared.size()) {
      reportFault(warp, i, l, kIllegalAddress, "shared access out of bounds",
                  hex(address[l]) + " of " + std::to_string(shared.size()) + " bytes");
    }
    if (address[l] % bytes) {
      reportFault(warp, i, l, kMisalignedAddress,
                  "misaligned shared access of " + std::to_string(bytes) + " bytes", hex(address[l]));
    }
    access.host[l] = shared.data() + address[l];
  }
  if (warp.block->launch->check) check(warp, i, form, mask, address);
  if (warp.block->launch->countMemory) countWavefronts(warp, form, mask, address);
}

}  // namespace emulator
