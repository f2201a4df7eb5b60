#include "exec/block_order.h"

#include <set>
#include <tuple>

namespace emulator {
namespace {

// A newer fence of the same lanes covers more than the older, but for a fence.sc only another does.
void addFence(Fences& all, const std::shared_ptr<const Fence>& added) {
  for (auto& fence : all) {
    if (fence->warp != added->warp || fence->lanes != added->lanes) continue;
    if (fence->sequential && !added->sequential) continue;
    if (fence->time < added->time) fence = added;
    return;
  }
  all.push_back(added);
}

void addHead(std::vector<Head>& heads, const Head& added) {
  for (Head& head : heads) {
    if (head.release != added.release) continue;
    head.ofReader |= added.ofReader;
    head.sequential |= added.sequential;
    return;
  }
  heads.push_back(added);
}

void addRelease(std::vector<const Release*>& all, const Release* added) {
  if (std::find(all.begin(), all.end(), added) == all.end()) all.push_back(added);
}

// Whether all its fences count for who acquired it so; else it is those of fence.sc, if any.
bool countsWhole(const Head& head) { return head.ofReader && head.release->ofWriter; }

bool covers(const Head& head, const Acquired::Access& access) {
  for (const auto& fence : head.release->fences) {
    if (!countsWhole(head) && !(head.sequential && fence->sequential)) continue;
    bool ownLane = access.warp == fence->warp && access.lane >= 0 && fence->lanes >> access.lane & 1;
    if (access.time < (ownLane ? fence->time : fence->ordered[access.warp])) return true;
  }
  return false;
}

}  // namespace

const Release* Releases::latest(u64 address) const {
  std::lock_guard<std::mutex> hold(lock_);
  auto found = latest_.find(address);
  return found == latest_.end() ? nullptr : found->second;
}

void Releases::publish(u64 address, Release release, bool replaces) {
  std::lock_guard<std::mutex> hold(lock_);
  const Release*& latest = latest_[address];
  if (latest && !replaces) release.replaced = latest;
  all_.push_back(std::move(release));
  latest = &all_.back();
  any_.store(true, std::memory_order_relaxed);
}

void Releases::overwrite(u64 address) {
  std::lock_guard<std::mutex> hold(lock_);
  latest_.erase(address);
}

void Acquired::start(u32 block, u32 warps) {
  block_ = block;
  if (used_) warps_.clear();
  used_ = false;
  if (warps_.size() < warps) warps_.resize(warps);
}

void Acquired::fence(u32 warp, u32 lanes, bool sequential, ThreadOrder& order) {
  used_ = true;
  OfWarp& self = warps_[warp];
  order.tick();  // so that accesses before and after differ in time
  auto made = std::make_shared<Fence>(Fence{warp, lanes, order.clock(), sequential, {}});
  std::copy(order.row(warp), order.row(warp) + 32, made->ordered.begin());
  Fences kept{made};
  for (const auto& fence : self.own) {
    if (u32 rest = fence->sequential && !sequential ? fence->lanes : fence->lanes & ~lanes) {
      auto part = std::make_shared<Fence>(*fence);
      part->lanes = rest;
      kept.push_back(std::move(part));
    }
  }
  self.own = std::move(kept);
  if (self.seen.empty() && (self.met.empty() || !sequential)) return;
  for (const auto& [address, release] : self.seen) {
    addHead(self.heads, {release, true, sequential});
    if (!sequential) addRelease(self.met, release);
  }
  self.seen.clear();
  self.known = false;
  if (!sequential) return;
  for (const Release* release : self.met) addHead(self.heads, {release, false, true});
  self.met.clear();
}

void Acquired::write(u32 warp, u32 lane, u64 address, bool reads, Releases& releases) {
  const OfWarp& self = warps_[warp];
  Release made{block_, {}, false, false, {}, nullptr};
  for (const auto& fence : self.own) {
    if (!(fence->lanes >> lane & 1)) continue;
    made.fences.push_back(fence);
    made.ofWriter = true;
    made.ofWriterSequential |= fence->sequential;
  }
  // "Everyone writes and fences, a barrier, one thread counts": the fences of the others count too.
  for (const auto& fence : self.others) {
    if (made.ofWriter || fence->sequential) made.fences.push_back(fence);
  }
  if (!made.fences.empty()) {
    made.heads = self.heads;
    releases.publish(address, std::move(made), !reads);
  } else if (!reads && releases.any()) {
    releases.overwrite(address);
  }
}

void Acquired::read(u32 warp, u64 address, const Releases& releases) {
  const Release* latest = releases.latest(address);
  if (!latest) return;
  used_ = true;
  warps_[warp].seen[address] = latest;
}

Acquired::Arrival Acquired::arrive(u32 warp) const {
  Arrival made;
  const OfWarp& self = warps_[warp];
  for (const Fences* some : {&self.own, &self.others}) {
    for (const auto& fence : *some) addFence(made.fences, fence);
  }
  made.heads = self.heads;
  made.seen = self.met;
  for (const auto& [address, release] : self.seen) addRelease(made.seen, release);
  return made;
}

void Acquired::barrier(const std::vector<u32>& members, const std::vector<const Arrival*>& arrived) {
  if (!used_) return;
  Fences fences;
  std::vector<Head> heads;
  std::vector<const Release*> seen;
  auto add = [&](const Arrival& arrival) {
    for (const auto& fence : arrival.fences) addFence(fences, fence);
    for (const Head& head : arrival.heads) addHead(heads, head);
    for (const Release* release : arrival.seen) addRelease(seen, release);
  };
  for (u32 member : members) add(arrive(member));
  for (const Arrival* each : arrived) add(*each);
  for (u32 member : members) {
    OfWarp& warp = warps_[member];
    warp.others = fences;
    warp.met = seen;
    if (warp.heads == heads) continue;
    warp.heads = heads;
    warp.known = false;
  }
}

void Acquired::index(OfWarp& warp) {
  if (warp.known) return;
  warp.known = true;
  warp.byBlock.clear();
  std::vector<Head> open;
  std::set<std::tuple<const Release*, bool, bool>> reached;
  auto reach = [&](const Head& head) {
    if (reached.emplace(head.release, head.ofReader, head.sequential).second) open.push_back(head);
  };
  for (const Head& head : warp.heads) reach(head);
  while (!open.empty()) {
    const Head head = open.back();
    open.pop_back();
    const Release& release = *head.release;
    bool whole = countsWhole(head);
    auto sequential = [](const auto& fence) { return fence->sequential; };
    if (whole || (head.sequential && std::any_of(release.fences.begin(), release.fences.end(), sequential)))
      warp.byBlock[release.block].push_back(head);
    if (whole || (head.sequential && release.ofWriterSequential)) {
      for (const Head& earlier : release.heads) reach(earlier);
    }
    if (release.replaced) reach({release.replaced, head.ofReader, head.sequential});
  }
}

bool Acquired::covers(u32 warp, const Access& access) {
  OfWarp& self = warps_[warp];
  index(self);
  auto found = self.byBlock.find(access.block);
  if (found == self.byBlock.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(),
                     [&](const Head& head) { return emulator::covers(head, access); });
}

bool Acquired::coversBlocks(u32 warp, u32 count) {
  OfWarp& self = warps_[warp];
  index(self);
  for (u32 block = 0; block < count; ++block) {
    if (block != block_ && !self.byBlock.count(block)) return false;
  }
  return true;
}

}  // namespace emulator
