#include "exec/block_order.h"

#include <unordered_set>

namespace emulator {
namespace {

// A newer fence of the same lanes covers more than the older.
void addFence(Fences& all, const std::shared_ptr<const Fence>& added) {
  for (auto& fence : all) {
    if (fence->warp != added->warp || fence->lanes != added->lanes) continue;
    if (fence->time < added->time) fence = added;
    return;
  }
  all.push_back(added);
}

void addHead(std::vector<const Release*>& heads, const Release* head) {
  if (std::find(heads.begin(), heads.end(), head) == heads.end()) heads.push_back(head);
}

bool covers(const Release& release, const Acquired::Access& access) {
  for (const auto& fence : release.fences) {
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
  if (latest && !replaces) addHead(release.after, latest);
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

void Acquired::fence(u32 warp, u32 lanes, ThreadOrder& order) {
  used_ = true;
  OfWarp& self = warps_[warp];
  order.tick();  // so that accesses before and after differ in time
  auto made = std::make_shared<Fence>(Fence{warp, lanes, order.clock(), {}});
  std::copy(order.row(warp), order.row(warp) + 32, made->ordered.begin());
  Fences kept{made};
  for (const auto& fence : self.own) {
    if (u32 rest = fence->lanes & ~lanes) {
      auto part = std::make_shared<Fence>(*fence);
      part->lanes = rest;
      kept.push_back(std::move(part));
    }
  }
  self.own = std::move(kept);
  if (self.seen.empty()) return;
  for (const auto& [address, release] : self.seen) addHead(self.heads, release);
  self.seen.clear();
  self.known = false;
}

void Acquired::write(u32 warp, u32 lane, u64 address, bool reads, Releases& releases) {
  const OfWarp& self = warps_[warp];
  Release made{block_, {}, {}};
  for (const auto& fence : self.own) {
    if (fence->lanes >> lane & 1) made.fences.push_back(fence);
  }
  if (!made.fences.empty()) {
    // "Everyone writes and fences, a barrier, one thread counts": the fences of the others count too.
    made.fences.insert(made.fences.end(), self.others.begin(), self.others.end());
    made.after = self.heads;
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

void Acquired::barrier(const std::vector<u32>& members) {
  if (!used_) return;
  Fences fences;
  std::vector<const Release*> heads;
  for (u32 member : members) {
    const OfWarp& warp = warps_[member];
    for (const Fences* some : {&warp.own, &warp.others}) {
      for (const auto& fence : *some) addFence(fences, fence);
    }
    for (const Release* head : warp.heads) addHead(heads, head);
  }
  for (u32 member : members) {
    OfWarp& warp = warps_[member];
    warp.others = fences;
    if (warp.heads.size() == heads.size()) continue;
    warp.heads = heads;
    warp.known = false;
  }
}

void Acquired::index(OfWarp& warp) {
  if (warp.known) return;
  warp.known = true;
  warp.byBlock.clear();
  std::vector<const Release*> open = warp.heads;
  std::unordered_set<const Release*> seen(open.begin(), open.end());
  while (!open.empty()) {
    const Release* release = open.back();
    open.pop_back();
    warp.byBlock[release->block].push_back(release);
    for (const Release* earlier : release->after) {
      if (seen.insert(earlier).second) open.push_back(earlier);
    }
  }
}

bool Acquired::covers(u32 warp, const Access& access) {
  OfWarp& self = warps_[warp];
  index(self);
  auto found = self.byBlock.find(access.block);
  if (found == self.byBlock.end()) return false;
  return std::any_of(found->second.begin(), found->second.end(),
                     [&](const Release* release) { return emulator::covers(*release, access); });
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
