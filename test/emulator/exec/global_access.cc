// Checks and counters of one warp's access to global memory.
//
// Races between blocks: every granule remembers which block of this launch wrote it and which read it last
// (the tag `many` once several did). Blocks that fence and then touch an atomic count as having published
// what they wrote, so the "last block sums up" pattern passes; a plain flag does not.
#include <algorithm>
#include <cstring>

#include "exec/memory_access.h"

namespace emulator {
namespace {

struct Tags {
  u32 base, self, many, atomic;
};

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
  u64 low = 0;
  for (int l = 0; l < kWarpSize; ++l) low |= mask >> l & 1 ? address[l] : 0;
  if (low % form.bytes() == 0) return;
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
    u8* written = arena.written(runs.at[r]);
    if (!form.reads) {
      std::memset(written, 1, runs.bytes[r]);
    } else if (std::memchr(written, 0, runs.bytes[r])) {
      for (int l = 0; l < kWarpSize; ++l) {
        if (mask >> l & 1 && std::memchr(arena.written(address[l]), 0, form.bytes())) {
          reportFault(warp, i, l, kLaunchFailed, "read of global memory that nobody wrote",
                      hex(address[l]) + ": " + arena.describe(address[l]));
        }
      }
    }
  }
}

// Both sides have ordered their accesses with a fence and an atomic.
bool ordered(const Warp& warp, const Tags& tags, u32 other) {
  const Launch& launch = *warp.block->launch;
  if (!warp.block->worker->published) return false;
  return other >= tags.many || launch.published[other - tags.base].load(std::memory_order_relaxed);
}

[[noreturn]] void reportRace(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask,
                             const Addresses& address, u64 at, const Tags& tags, u32 other, bool otherWrote) {
  int lane = __builtin_ctz(mask);
  for (int l = kWarpSize - 1; l >= 0; --l) {
    if (mask >> l & 1 && address[l] <= at && at < address[l] + form.bytes()) lane = l;
  }
  std::string who = other == tags.many     ? "several blocks"
                    : other == tags.atomic ? "an atomic of another block"
                                           : "block " + std::to_string(other - tags.base);
  if (other == tags.self) who = "this block (and ld.global.nc may not see it)";
  reportFault(warp, i, lane, kLaunchFailed,
              std::string("global race: ") + (form.store ? "write" : "read") + " after a " +
                  (otherWrote ? "write" : "read") + " by " + who,
              hex(at) + ": " + Arena::instance().describe(at));
}

void checkRaces(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask, const Addresses& address,
                const Runs& runs) {
  const Arena& arena = Arena::instance();
  const Launch& launch = *warp.block->launch;
  u32 granule = launch.program->globalGranule, base = launch.raceBase;
  const Tags tags{base, base + warp.block->linear, base + launch.blocks(), base + launch.blocks() + 1};
  const u32 self = tags.self, mine = form.atomic ? tags.atomic : self,
            tolerated = form.atomic ? tags.atomic : self;
  for (int r = 0; r < runs.count; ++r) {
    u32* writer = arena.writer(runs.at[r], granule);
    u32* reader = arena.reader(runs.at[r], granule);
    u64 cells = std::max<u64>(1, runs.bytes[r] / granule);
    u32 bad = 0;
    if (form.store) {
      for (u64 k = 0; k < cells; ++k) {
        bad |= static_cast<u32>(writer[k] >= base && writer[k] != self && writer[k] != tolerated);
        bad |= static_cast<u32>(reader[k] >= base && reader[k] != self);
      }
    } else {
      for (u64 k = 0; k < cells; ++k) {
        bad |= static_cast<u32>(writer[k] >= base &&
                                ((writer[k] != self && writer[k] != tolerated) || form.nonCoherent));
      }
    }
    for (u64 k = 0; bad && k < cells; ++k) {
      u64 at = runs.at[r] + k * granule;
      u32 w = writer[k], rd = reader[k];
      bool badWriter = w >= base && ((w != self && w != tolerated && !ordered(warp, tags, w)) ||
                                     (form.nonCoherent && !form.store));
      if (badWriter) reportRace(warp, i, form, mask, address, at, tags, w, true);
      if (form.store && rd >= base && rd != self && !ordered(warp, tags, rd))
        reportRace(warp, i, form, mask, address, at, tags, rd, false);
    }
    if (form.store) {
      for (u64 k = 0; k < cells; ++k) writer[k] = mine;
    } else if (!form.atomic) {
      for (u64 k = 0; k < cells; ++k) reader[k] = reader[k] >= base && reader[k] != self ? tags.many : self;
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

}  // namespace

void resolveGlobal(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask,
                   const Addresses& address) {
  const Launch& launch = *warp.block->launch;
  Runs runs = joinLanes(address, mask, form.bytes());
  checkBounds(warp, i, form, mask, address, runs);
  if (launch.check && form.space != Space::kConst) {
    checkWritten(warp, i, form, mask, address, runs);
    if (launch.blocks() > 1) checkRaces(warp, i, form, mask, address, runs);
  } else if (form.store) {
    for (int r = 0; r < runs.count; ++r) std::memset(Arena::instance().written(runs.at[r]), 1, runs.bytes[r]);
  }
  if (launch.countMemory && form.space != Space::kConst) countSectors(warp, form, mask, runs);
  if (form.atomic && form.store && warp.block->worker->fenced && !warp.block->worker->published) {
    warp.block->worker->published = true;
    launch.published[warp.block->linear].store(1, std::memory_order_relaxed);
  }
}

}  // namespace emulator
