// Races on global memory, between threads of a block and between blocks of a launch: every granule remembers
// who wrote it last, and who read it. Threads of a block are ordered by barriers (exec/thread_order.h),
// blocks by fences and atomics (exec/block_order.h).
//
// Of readers in one block a granule knows the thread, that there were several in a warp, or two of several
// warps (enough unless a barrier of a part of the block orders just those); of several blocks, that they were
// several. Volatile reads are not remembered.
#include <algorithm>

#include "exec/line_tags.h"
#include "exec/memory_access.h"

namespace emulator {
namespace {

using namespace race_tag;

struct Checker {
  Warp& warp;
  const Instruction& instruction;
  const MemoryForm& form;
  RaceTag launchBegin;  // tags of earlier launches are less
  RaceTag own;          // of this block, at time 0
  RaceTag self;         // of this warp now, in lane 0
  u32 manyBlocks;       // the block in the tag of what several blocks read
  u32 granule;
  bool several = false;  // lanes access the same bytes: whoever did before, one of them is another

  Checker(Warp& w, const Instruction& i, const MemoryForm& f) : warp(w), instruction(i), form(f) {
    const Launch& launch = *w.block->launch;
    launchBegin = RaceTag{launch.raceBase} << kBlockAt;
    own = RaceTag{launch.raceBase + w.block->linear} << kBlockAt;
    self = own | RaceTag{w.block->order.clock()} << kTimeAt | RaceTag{w.index} << kWarpAt;
    manyBlocks = launch.raceBase + launch.blocks();
    granule = launch.program->globalGranule;
  }

  bool late() const { return form.nonCoherent && !form.store; }  // may read what was there before the launch
  u32 launchBlock(RaceTag tag) const { return block(tag) - static_cast<u32>(launchBegin >> kBlockAt); }
  bool isOwn(RaceTag tag) const { return (tag ^ own) >> kBlockAt == 0; }
  bool before(RaceTag tag, u32 time) const { return tag - own < RaceTag{time} << kTimeAt; }  // in this block

  // What `other` of an earlier access did is ordered before what this thread does. lane < 0: some lanes.
  bool ordered(RaceTag tag, u32 otherWarp, int otherLane, RaceTag me) const {
    if (!isOwn(tag))
      return warp.block->acquired.covers(warp.index, {launchBlock(tag), otherWarp, otherLane, time(tag)});
    bool sameThread = !several && otherWarp == warp.index && otherLane == static_cast<int>(lane(me));
    return sameThread || time(tag) < warp.block->order.ordered(warp.index, otherWarp);
  }

  bool writerRaces(RaceTag tag, RaceTag me) const {
    if (tag < launchBegin) return false;
    if (late()) return true;
    if (form.atomic && kind(tag) == kAtomic) return false;
    return !ordered(tag, race_tag::warp(tag), static_cast<int>(lane(tag)), me);
  }

  bool readerRaces(RaceTag tag, RaceTag me) const {
    if (tag < launchBegin) return false;
    u32 other = race_tag::warp(tag);
    if (block(tag) == manyBlocks)
      return !warp.block->acquired.coversBlocks(warp.index, warp.block->launch->startedBlocks());
    if (kind(tag) == kOne) return !ordered(tag, other, static_cast<int>(lane(tag)), me);
    return !ordered(tag, other, -1, me) || (kind(tag) == kWarps && !ordered(tag, lane(tag), -1, me));
  }

  std::string nameOf(RaceTag tag) const {
    if (block(tag) == manyBlocks) return "several blocks";
    std::string who = kind(tag) == kLanes || kind(tag) == kWarps
                          ? "warp " + std::to_string(race_tag::warp(tag))
                          : "thread " + std::to_string(race_tag::warp(tag) * kWarpSize + lane(tag));
    if (kind(tag) == kAtomic) who = "an atomic of " + who;
    if (!isOwn(tag)) return who + " of block " + std::to_string(launchBlock(tag));
    return who + " of this block " +
           (late() ? "(and ld.global.nc may not see it)" : "with no barrier between");
  }

  [[noreturn]] void report(u64 at, RaceTag me, RaceTag tag, bool otherWrote) const {
    reportFault(warp, instruction, static_cast<int>(lane(me)), kLaunchFailed,
                std::string("global race: ") + (form.store ? "write" : "read") + " after a " +
                    (otherWrote ? "write" : "read") + " by " + nameOf(tag),
                hex(at) + ": " + Arena::instance().describe(at));
  }

  // Something looked bad: find where, and whether the threads are ordered after all.
  void lookCloser(u64 at, const LinePart& writer, const LinePart& reader, const Touch& touch) const {
    for (u64 k = 0; k < writer.count; ++k) {
      RaceTag w = writer.tag(k), r = reader.tag(k), me = touch.tag(k);
      if (writerRaces(w, me)) report(at + k * granule, me, w, true);
      if (form.store && readerRaces(r, me)) report(at + k * granule, me, r, false);
    }
  }

  // `lane` accesses the first byte, and the following lanes the rest; or `several` lanes the same bytes.
  void checkPart(u64 at, u64 bytes, u32 lane) const {
    const Arena& arena = Arena::instance();
    RaceTags here = arena.tags(at, granule), begin = arena.tags(at / kLineBytes * kLineBytes, granule);
    u64 count = std::max<u64>(1, bytes / granule), all = kLineBytes / granule;
    u64 offset = at % kLineBytes;
    LinePart writer{&here.line->writer, here.writer, begin.writer, count, all, offset, granule};
    LinePart reader{&here.line->reader, here.reader, begin.reader, count, all, offset, granule};
    Touch touch(self | RaceTag{lane} << kLaneAt, form.bytes(), granule);
    RaceTag settled = late() ? 0 : RaceTag{warp.block->order.settled(warp.index)} << kTimeAt;
    RaceTag sameThread = late() || several ? 0 : kThread | kBlock;
    auto harmless = [&](RaceTag tag, RaceTag me) {
      bool mine = ((tag ^ me) & sameThread) == 0 && kind(tag) <= kAtomic;
      return (tag < launchBegin) | (tag - own < settled) | (mine & (sameThread != 0));
    };
    if (!writer.all(touch, harmless) || (form.store && !reader.all(touch, harmless)))
      lookCloser(at, writer, reader, touch);
    if (form.store) {
      if (several && !form.atomic)
        reportFault(warp, instruction, static_cast<int>(lane), kLaunchFailed,
                    "global race: write after a write by another thread of its warp at once",
                    hex(at) + ": " + Arena::instance().describe(at));
      touch.first |= form.atomic ? kAtomic : kOne;
      writer.assign(touch);
    } else if (!form.atomic) {
      touch.first |= several ? kLanes : kOne;
      reader.addReader(touch, [&](RaceTag tag, RaceTag me) { return withReader(tag, me); });
    }
  }

  RaceTag withReader(RaceTag tag, RaceTag me) const {
    const ThreadOrder& order = warp.block->order;
    if (tag < launchBegin) return me;
    if (!isOwn(tag)) return RaceTag{manyBlocks} << kBlockAt;
    if (before(tag, order.settledForAll())) return me;
    u32 last = race_tag::warp(tag), mine = race_tag::warp(me);
    if (kind(tag) != kWarps && last == mine) {
      bool alone = before(tag, order.ordered(mine, mine)) || ((tag ^ me) & (kThread | kKind)) == 0;
      return alone ? me : (me & ~(kKind | kSpread)) | kLanes;
    }
    u32 another = last == mine ? lane(tag) : last;
    return (me & ~(kKind | kLane | kSpread)) | kWarps | RaceTag{another} << kLaneAt;
  }
};

}  // namespace

void checkGlobalRaces(Warp& warp, const Instruction& i, const MemoryForm& form, const Runs& runs) {
  Checker checker(warp, i, form);
  for (int r = 0; r < runs.count; ++r) {
    checker.several = runs.shared[r];
    for (u64 at = runs.at[r], end = at + runs.bytes[r]; at < end;) {
      u64 bytes = std::min(end, (at / kLineBytes + 1) * kLineBytes) - at;
      u32 lane = static_cast<u32>(runs.lane[r]) + static_cast<u32>((at - runs.at[r]) / form.bytes());
      checker.checkPart(at, bytes, lane);
      at += bytes;
    }
  }
}

}  // namespace emulator
