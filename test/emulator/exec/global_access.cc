// Checks and counters of one warp's access to global memory. Races: see global_races.cc.
#include <algorithm>
#include <cstring>
#include <utility>

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
  reportMisuse(warp, i, __builtin_ctz(mask), kIllegalAddress, "global access out of bounds");
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
                  hex(runs.at[r]) + ": " + arena.describe(runs.at[r]));
    }
  }
  u64 low = 0, size = form.bytes();
  for (int l = 0; l < kWarpSize; ++l) low |= mask >> l & 1 ? address[l] : 0;
  if ((low & (size - 1)) == 0) return;  // sizes are powers of two
  for (int l = 0; l < kWarpSize; ++l) {
    if (mask >> l & 1 && address[l] % form.bytes()) {
      reportFault(warp, i, l, kMisalignedAddress,
                  "misaligned global access of " + std::to_string(form.bytes()) + " bytes",
                  hex(address[l]) + ": " + arena.describe(address[l]));
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

void checkCopied(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask,
                 const Addresses& address) {
  for (u32 rest = mask; rest; rest &= rest - 1) {
    int l = __builtin_ctz(rest);
    if (warp.block->copies.reads(address[l], form.bytes()))
      reportFault(warp, i, l, kLaunchFailed, "write to global memory that an asynchronous copy still reads",
                  hex(address[l]) + ": " + Arena::instance().describe(address[l]));
  }
}

// Each byte once, however many lanes want it.
u64 distinctBytes(const Runs& runs) {
  std::pair<u64, u64> parts[kWarpSize];  // begin and end
  for (int r = 0; r < runs.count; ++r) parts[r] = {runs.at[r], runs.at[r] + runs.bytes[r]};
  std::sort(parts, parts + runs.count);
  u64 sum = 0, end = 0;
  for (int r = 0; r < runs.count; ++r) {
    u64 begin = std::max(parts[r].first, end);
    end = std::max(end, parts[r].second);
    sum += end - std::min(begin, end);
  }
  return sum;
}

// The ideal: as few sectors as could hold the bytes.
void countSectors(Warp& warp, const MemoryForm& form, u32 mask, const Runs& runs) {
  u64 sectors[kWarpSize * 2 * 16], count = 0;
  for (int r = 0; r < runs.count; ++r) {
    for (u64 s = runs.at[r] / 32; s <= (runs.at[r] + runs.bytes[r] - 1) / 32; ++s) sectors[count++] = s;
  }
  std::sort(sectors, sectors + count);
  count = static_cast<u64>(std::unique(sectors, sectors + count) - sectors);
  Counters& c = warp.block->worker->counters;
  u64 requested = static_cast<u64>(__builtin_popcount(mask)) * form.bytes();
  (form.store ? c.globalStoreSectors : c.globalLoadSectors) += count;
  (form.store ? c.globalStoreIdeal : c.globalLoadIdeal) += (distinctBytes(runs) + 31) / 32;
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
  if (form.releases) fence(warp, mask, false);
  for (u32 rest = mask; rest; rest &= rest - 1) {
    u32 lane = static_cast<u32>(__builtin_ctz(rest));
    warp.block->acquired.write(warp.index, lane, address[lane], form.reads, *warp.block->launch->releases);
  }
}

}  // namespace

void fence(Warp& warp, u32 mask, bool sequential) {
  if (ordersBlocks(warp)) warp.block->acquired.fence(warp.index, mask, sequential, warp.block->order);
}

void noteAtomicRead(Warp& warp, const MemoryForm& form, u32 mask, const Access& access) {
  if (!ordersBlocks(warp) || !warp.block->launch->releases->any()) return;
  for (u32 rest = mask; rest; rest &= rest - 1) {
    u64 address = reinterpret_cast<u64>(access.host[__builtin_ctz(rest)]);
    warp.block->acquired.read(warp.index, address, *warp.block->launch->releases);
  }
  if (form.acquires) fence(warp, mask, false);
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
    if (form.store && warp.block->copies.any()) checkCopied(warp, i, form, mask, address);
    if (form.atomic && form.store) noteAtomicWrite(warp, form, mask, address);
  } else if (form.store) {
    for (int r = 0; r < runs.count; ++r) Arena::instance().markWritten(runs.at[r], runs.bytes[r]);
  }
  if (launch.countMemory && form.space != Space::kConst) countSectors(warp, form, mask, runs);
}

}  // namespace emulator
