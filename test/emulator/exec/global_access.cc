// Checks and counters of one warp's access to global memory. Races: see global_races.cc.
#include <algorithm>
#include <cstring>

#include "exec/memory_access.h"

namespace emulator {
namespace {

[[noreturn]] void badAddress(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask,
                             const Addresses& address) {
  const Arena& arena = Arena::instance();
  for (int l = 0; l < kWarpSize; ++l) {
    if (!(mask >> l & 1)) continue;
    const Allocation* found = arena.find(address[l]);
    if (found && found->live && found->contains(address[l], form.bytes())) continue;
    std::string what = found && !found->live ? "use after free" : "global access out of bounds";
    reportFault(warp, i, l, kIllegalAddress, what, hex(address[l]) + ": " + arena.describe(address[l]));
  }
  throw Fault(kIllegalAddress,
              "global access out of bounds: " + warp.block->launch->program->describe(i.index));
}

void checkBounds(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask, const Addresses& address,
                 const Runs& runs) {
  const Arena& arena = Arena::instance();
  const Allocation*& recent = warp.block->worker->recent;
  for (int r = 0; r < runs.count; ++r) {
    if (recent && recent->contains(runs.at[r], runs.bytes[r])) continue;
    recent = arena.holds(runs.at[r]) ? arena.find(runs.at[r]) : nullptr;
    if (!recent || !recent->live || !recent->contains(runs.at[r], runs.bytes[r])) {
      recent = nullptr;
      badAddress(warp, i, form, mask, address);
    }
    if (form.store && recent->kind == Allocation::kConstant) {
      reportFault(warp, i, __builtin_ctz(mask), kIllegalAddress, "store to constant memory",
                  arena.describe(runs.at[r]));
    }
  }
  u64 low = 0, size = form.bytes();
  for (int l = 0; l < kWarpSize; ++l) low |= mask >> l & 1 ? address[l] : 0;
  if ((low & (size - 1)) == 0) return;  // sizes are powers of two
  for (int l = 0; l < kWarpSize; ++l) {
    if (mask >> l & 1 && address[l] % form.bytes()) {
      reportFault(warp, i, l, kMisalignedAddress,
                  "misaligned global access of " + std::to_string(form.bytes()) + " bytes", hex(address[l]));
    }
  }
}

void checkWritten(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask,
                  const Addresses& address, const Runs& runs) {
  const Arena& arena = Arena::instance();
  for (int r = 0; r < runs.count; ++r) {
    if (!form.reads) {
      arena.markWritten(runs.at[r], runs.bytes[r]);
    } else if (arena.firstUnwritten(runs.at[r], runs.bytes[r])) {
      for (int l = 0; l < kWarpSize; ++l) {
        if (mask >> l & 1 && arena.firstUnwritten(address[l], form.bytes())) {
          reportFault(warp, i, l, kLaunchFailed, "read of global memory that nobody wrote",
                      hex(address[l]) + ": " + arena.describe(address[l]));
        }
      }
    }
  }
}

void countSectors(Warp& warp, const MemoryForm& form, u32 mask, const Runs& runs) {
  u64 sectors[kWarpSize * 2 * 16], count = 0, bytes = 0;
  for (int r = 0; r < runs.count; ++r) {
    for (u64 s = runs.at[r] / 32; s <= (runs.at[r] + runs.bytes[r] - 1) / 32; ++s) sectors[count++] = s;
    bytes += runs.bytes[r];
  }
  std::sort(sectors, sectors + count);
  count = static_cast<u64>(std::unique(sectors, sectors + count) - sectors);
  Counters& c = warp.block->worker->counters;
  u64 requested = static_cast<u64>(__builtin_popcount(mask)) * form.bytes();
  (form.store ? c.globalStoreSectors : c.globalLoadSectors) += count;
  (form.store ? c.globalStoreIdeal : c.globalLoadIdeal) += std::min(count, (bytes + 31) / 32);
  (form.store ? c.bytesStored : c.bytesLoaded) += requested;
}

// A warp strides through memory by the width of the grid, which no prefetcher of the host follows; so the
// next stride of this instruction is asked for in advance. A wrong guess costs nothing but the request.
void prefetchNext(const Instruction& i, u64 address, u64 bytes) {
  constexpr u32 kRemembered = 1024;  // instructions
  constexpr u64 kCacheLine = 64;
  thread_local u64 last[kRemembered] = {};
  u64& previous = last[i.index % kRemembered];
  u64 next = address + (address - previous);
  previous = address;
  const Arena& arena = Arena::instance();
  if (!arena.holds(next)) return;
  for (u64 at = next; at < next + bytes; at += kCacheLine) __builtin_prefetch(reinterpret_cast<void*>(at));
  __builtin_prefetch(arena.tags(next, 1).line);
}

bool ordersBlocks(const Warp& warp) { return warp.block->launch->check && warp.block->launch->blocks() > 1; }

void noteAtomicWrite(Warp& warp, const MemoryForm& form, u32 mask, const Addresses& address) {
  if (!ordersBlocks(warp)) return;
  if (form.releases) fence(warp, mask);
  for (u32 rest = mask; rest; rest &= rest - 1) {
    u32 lane = static_cast<u32>(__builtin_ctz(rest));
    warp.block->acquired.write(warp.index, lane, address[lane], form.reads, *warp.block->launch->releases);
  }
}

}  // namespace

void fence(Warp& warp, u32 mask) {
  if (ordersBlocks(warp)) warp.block->acquired.fence(warp.index, mask, warp.block->order);
}

void noteAtomicRead(Warp& warp, const MemoryForm& form, u32 mask, const Access& access) {
  if (!ordersBlocks(warp) || !warp.block->launch->releases->any()) return;
  for (u32 rest = mask; rest; rest &= rest - 1) {
    u64 address = reinterpret_cast<u64>(access.host[__builtin_ctz(rest)]);
    warp.block->acquired.read(warp.index, address, *warp.block->launch->releases);
  }
  if (form.acquires) fence(warp, mask);
}

void resolveGlobal(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask,
                   const Addresses& address, bool contiguous) {
  const Launch& launch = *warp.block->launch;
  Runs runs;
  joinLanes(address, mask, form.bytes(), contiguous, runs);
  checkBounds(warp, i, form, mask, address, runs);
  if (contiguous) prefetchNext(i, address[0], runs.bytes[0]);
  if (launch.check && form.space != Space::kConst) {
    checkWritten(warp, i, form, mask, address, runs);
    checkGlobalRaces(warp, i, form, runs);
    if (form.atomic && form.store) noteAtomicWrite(warp, form, mask, address);
  } else if (form.store) {
    for (int r = 0; r < runs.count; ++r) Arena::instance().markWritten(runs.at[r], runs.bytes[r]);
  }
  if (launch.countMemory && form.space != Space::kConst) countSectors(warp, form, mask, runs);
}

}  // namespace emulator
