// Races between blocks on global memory: every granule remembers which block of this launch wrote it last,
// and which read it last (`many` once several did). Blocks that fence and then touch an atomic count as
// having published what they wrote, so the "last block sums up" pattern passes; a plain flag does not.
//
// A line whose granules all have the same tag has it once, for the line.
#include <algorithm>

#include "exec/memory_access.h"
#include "exec/spin_lock.h"

namespace emulator {
namespace {

struct Tags {
  u32 base, self, many, atomic;
};

// One kind of tag, in the part of a line that a run touches.
struct Part {
  u32* line;
  u32* cells;     // of the part
  u32* allCells;  // of the line
  u64 count, countAll;
  u32 tag(u64 k) const {
    u32 whole = *line;
    return whole == kMixed ? cells[k] : whole;
  }
};

// Gives the granules of a line tags of their own. Other blocks may be about to do the same.
void mix(const Part& part) {
  if (__atomic_load_n(part.line, __ATOMIC_ACQUIRE) == kMixed) return;
  SpinLock hold(part.line);
  if (*part.line == kMixed) return;
  std::fill(part.allCells, part.allCells + part.countAll, *part.line);
  __atomic_store_n(part.line, kMixed, __ATOMIC_RELEASE);
}

template <class Bad>
bool any(const Part& part, Bad bad) {
  u32 whole = *part.line;
  if (whole != kMixed) return bad(whole);
  bool found = false;
  for (u64 k = 0; k < part.count; ++k) found |= bad(part.cells[k]);
  return found;
}

void assign(const Part& part, u32 tag) {
  if (*part.line == tag) return;
  if (part.count == part.countAll) {
    *part.line = tag;
    return;
  }
  mix(part);
  std::fill(part.cells, part.cells + part.count, tag);
}

void addReader(const Part& part, const Tags& tags) {
  auto with = [&](u32 tag) { return tag >= tags.base && tag != tags.self ? tags.many : tags.self; };
  u32 whole = *part.line;
  if (whole != kMixed) {
    if (with(whole) == whole) return;
    if (part.count == part.countAll) {
      *part.line = with(whole);
      return;
    }
    mix(part);
  }
  bool alone = true;
  for (u64 k = 0; k < part.count; ++k) alone &= with(part.cells[k]) == tags.self;
  if (alone && part.count == part.countAll) {
    *part.line = tags.self;
    return;
  }
  for (u64 k = 0; k < part.count; ++k) part.cells[k] = with(part.cells[k]);
}

// Both sides have ordered their accesses with a fence and an atomic.
bool ordered(const Warp& warp, const Tags& tags, u32 other) {
  const Launch& launch = *warp.block->launch;
  if (!warp.block->worker->published) return false;
  return other >= tags.many || launch.published[other - tags.base].load(std::memory_order_relaxed);
}

struct Checker {
  Warp& warp;
  const Instruction& instruction;
  const MemoryForm& form;
  u32 mask;
  const Addresses& address;
  Tags tags;
  u32 granule;

  [[noreturn]] void report(u64 at, u32 other, bool otherWrote) const {
    int lane = __builtin_ctz(mask);
    for (int l = kWarpSize - 1; l >= 0; --l) {
      if (mask >> l & 1 && address[l] <= at && at < address[l] + form.bytes()) lane = l;
    }
    std::string who = other == tags.many     ? "several blocks"
                      : other == tags.atomic ? "an atomic of another block"
                                             : "block " + std::to_string(other - tags.base);
    if (other == tags.self) who = "this block (and ld.global.nc may not see it)";
    reportFault(warp, instruction, lane, kLaunchFailed,
                std::string("global race: ") + (form.store ? "write" : "read") + " after a " +
                    (otherWrote ? "write" : "read") + " by " + who,
                hex(at) + ": " + Arena::instance().describe(at));
  }

  bool badWriter(u32 tag) const {
    if (tag < tags.base) return false;
    if (form.nonCoherent && !form.store) return true;
    return tag != tags.self && !(form.atomic && tag == tags.atomic);
  }
  bool badReader(u32 tag) const { return form.store && tag >= tags.base && tag != tags.self; }

  // Something looked bad: find where, and whether the blocks are ordered after all.
  void lookCloser(u64 at, const Part& writer, const Part& reader) const {
    for (u64 k = 0; k < writer.count; ++k) {
      u32 w = writer.tag(k), r = reader.tag(k);
      bool bad = badWriter(w) && ((form.nonCoherent && !form.store) || !ordered(warp, tags, w));
      if (bad) report(at + k * granule, w, true);
      if (badReader(r) && !ordered(warp, tags, r)) report(at + k * granule, r, false);
    }
  }

  void checkPart(u64 at, u64 bytes) const {
    const Arena& arena = Arena::instance();
    RaceTags here = arena.tags(at, granule), begin = arena.tags(at / kLineBytes * kLineBytes, granule);
    u64 count = std::max<u64>(1, bytes / granule), all = kLineBytes / granule;
    Part writer{&here.line->writer, here.writer, begin.writer, count, all};
    Part reader{&here.line->reader, here.reader, begin.reader, count, all};
    bool bad = any(writer, [this](u32 tag) { return badWriter(tag); }) ||
               (form.store && any(reader, [this](u32 tag) { return badReader(tag); }));
    if (bad) lookCloser(at, writer, reader);
    if (form.store) {
      assign(writer, form.atomic ? tags.atomic : tags.self);
    } else if (!form.atomic) {
      addReader(reader, tags);
    }
  }
};

}  // namespace

void checkGlobalRaces(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask,
                      const Addresses& address, const Runs& runs) {
  const Launch& launch = *warp.block->launch;
  u32 base = launch.raceBase;
  Tags tags{base, base + warp.block->linear, base + launch.blocks(), base + launch.blocks() + 1};
  Checker checker{warp, i, form, mask, address, tags, launch.program->globalGranule};
  for (int r = 0; r < runs.count; ++r) {
    for (u64 at = runs.at[r], end = at + runs.bytes[r]; at < end;) {
      u64 bytes = std::min(end, (at / kLineBytes + 1) * kLineBytes) - at;
      checker.checkPart(at, bytes);
      at += bytes;
    }
  }
}

}  // namespace emulator
