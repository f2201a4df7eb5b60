#include "exec/registers.h"

#include <algorithm>

namespace emulator {
namespace {

using Bits = std::vector<u64>;

void set(Bits& bits, u32 at) { bits[at / 64] |= u64{1} << at % 64; }
void clear(Bits& bits, u32 at) { bits[at / 64] &= ~(u64{1} << at % 64); }

struct Interval {
  u32 first = 0xffffffffu, last = 0;
  void cover(u32 at) {
    first = std::min(first, at);
    last = std::max(last, at);
  }
};

// Runs of statements that are entered at the top and left at the bottom.
struct BasicBlock {
  u32 begin, end;
  std::vector<u32> next;  // blocks
  Bits liveAtBegin;
};

std::vector<BasicBlock> divide(const std::vector<RegisterUse>& uses) {
  u32 count = static_cast<u32>(uses.size());
  std::vector<u8> starts(count + 1, 0);
  starts[0] = 1;
  for (u32 s = 0; s < count; ++s) {
    for (u32 target : uses[s].targets) starts[target] = starts[s + 1] = 1;
    if (uses[s].endsFlow) starts[s + 1] = 1;
  }
  std::vector<BasicBlock> blocks;
  std::vector<u32> blockAt(count + 1, 0);
  for (u32 s = 0; s < count; ++s) {
    if (starts[s]) blocks.push_back({s, s, {}, {}});
    blocks.back().end = s + 1;
    blockAt[s] = static_cast<u32>(blocks.size()) - 1;
  }
  for (BasicBlock& block : blocks) {
    const RegisterUse& last = uses[block.end - 1];
    for (u32 target : last.targets) {
      if (target < count) block.next.push_back(blockAt[target]);
    }
    if (!last.endsFlow && block.end < count) block.next.push_back(blockAt[block.end]);
  }
  return blocks;
}

// Turns what is alive at the end of a block into what is alive at its begin.
void walkBack(const BasicBlock& block, const std::vector<RegisterUse>& uses, Bits& live) {
  for (u32 s = block.end; s-- > block.begin;) {
    if (!uses[s].guarded) {
      for (u32 r : uses[s].writes) clear(live, r);
    }
    for (u32 r : uses[s].reads) set(live, r);
  }
}

Bits liveAtEnd(const std::vector<BasicBlock>& blocks, const BasicBlock& block, size_t words) {
  Bits live(words, 0);
  for (u32 next : block.next) {
    const Bits& other = blocks[next].liveAtBegin;
    for (size_t w = 0; w < words; ++w) live[w] |= other[w];
  }
  return live;
}

void coverAll(const Bits& live, u32 at, std::vector<Interval>& intervals) {
  for (size_t w = 0; w < live.size(); ++w) {
    for (u64 rest = live[w]; rest; rest &= rest - 1)
      intervals[w * 64 + static_cast<u32>(__builtin_ctzll(rest))].cover(at);
  }
}

// From the first statement to the last at which a register holds something, or is written.
std::vector<Interval> intervalsOf(const std::vector<RegisterUse>& uses, size_t registers) {
  std::vector<BasicBlock> blocks = divide(uses);
  size_t words = (registers + 63) / 64;
  for (BasicBlock& block : blocks) block.liveAtBegin.assign(words, 0);
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t b = blocks.size(); b-- > 0;) {
      Bits live = liveAtEnd(blocks, blocks[b], words);
      walkBack(blocks[b], uses, live);
      changed |= live != blocks[b].liveAtBegin;
      blocks[b].liveAtBegin = std::move(live);
    }
  }
  std::vector<Interval> intervals(words * 64);
  for (const BasicBlock& block : blocks) {
    Bits live = liveAtEnd(blocks, block, words);
    coverAll(live, block.end - 1, intervals);
    coverAll(block.liveAtBegin, block.begin, intervals);
    for (u32 s = block.begin; s < block.end; ++s) {
      for (u32 r : uses[s].writes) intervals[r].cover(s);
      for (u32 r : uses[s].reads) intervals[r].cover(s);
    }
  }
  return intervals;
}

}  // namespace

// Linear scan, each width for itself. A place becomes free behind the last statement that needs it, so a
// destination never lies where a source of the same statement does, unless both are the same register.
std::vector<u32> placeRegisters(const Function& function, const std::vector<RegisterUse>& uses, u32& base) {
  const std::vector<u8>& bits = function.registers;
  std::vector<Interval> intervals = intervalsOf(uses, bits.size());
  std::vector<u32> order, places(bits.size(), base);
  for (u32 r = 0; r < bits.size(); ++r) {
    if (intervals[r].first <= intervals[r].last) order.push_back(r);
  }
  std::sort(order.begin(), order.end(),
            [&](u32 a, u32 b) { return intervals[a].first < intervals[b].first; });
  for (u8 width : {1, 16, 32, 64}) {
    std::vector<u32> unused;
    std::vector<std::pair<u32, u32>> taken;  // a heap of (last statement, place), the earliest on top
    auto later = [](const auto& a, const auto& b) { return a.first > b.first; };
    for (u32 r : order) {
      if (bits[r] != width) continue;
      while (!taken.empty() && taken.front().first < intervals[r].first) {
        unused.push_back(taken.front().second);
        std::pop_heap(taken.begin(), taken.end(), later);
        taken.pop_back();
      }
      if (unused.empty()) {
        unused.push_back(base);
        base += registerBytes(width);
      }
      places[r] = unused.back();
      unused.pop_back();
      taken.emplace_back(intervals[r].last, places[r]);
      std::push_heap(taken.begin(), taken.end(), later);
    }
  }
  return places;
}

}  // namespace emulator
