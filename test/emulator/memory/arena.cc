#include "memory/arena.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>
#include <new>

namespace emulator {
namespace {

constexpr u64 kAlignment = 512;  // as cuMemAlloc gives
constexpr u64 kRedZone = 512;    // between allocations: no overrun lands in a neighbour unseen
constexpr u64 kPage = 4096;

// `dense`: neighbours are used together, so that large pages pay (blocks of a kernel jump through memory).
u8* reserve(u64 bytes, bool dense = false) {
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) throw std::bad_alloc();
  madvise(at, bytes, MADV_DONTDUMP);
  if (dense) madvise(at, bytes, MADV_HUGEPAGE);
  return static_cast<u8*>(at);
}

// Gives whole pages back to the system; what stays behind at the edges is only memory, never wrong data.
void drop(void* from, u64 bytes) {
  u64 begin = (reinterpret_cast<u64>(from) + kPage - 1) / kPage * kPage,
      end = (reinterpret_cast<u64>(from) + bytes) / kPage * kPage;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

const char* kindName(Allocation::Kind kind) {
  switch (kind) {
    case Allocation::kDevice:
      return "device allocation";
    case Allocation::kHost:
      return "pinned host allocation";
    case Allocation::kGlobalVariable:
      return "global variable";
    case Allocation::kConstant:
      return "constant";
  }
  return "";
}

}  // namespace

Arena& Arena::instance() {
  static Arena* arena = new Arena;  // outlives every other static: kernels may still be queued at exit
  return *arena;
}

Arena::Arena() {
  base_ = reinterpret_cast<u64>(reserve(kReserved, true));
  written_ = reserve(kReserved);
  lineWritten_ = reserve(kReserved / kLineBytes);
  lines_ = reinterpret_cast<LineTags*>(reserve(kReserved / kLineBytes * sizeof(LineTags), true));
  writers_ = reinterpret_cast<RaceTag*>(reserve(kReserved * sizeof(RaceTag)));
  readers_ = reinterpret_cast<RaceTag*>(reserve(kReserved * sizeof(RaceTag)));
  next_ = base_ + kPage;
  const char* mebibytes = std::getenv("ADASTEP_EMULATED_MEMORY_MB");
  total_ = (mebibytes ? std::strtoull(mebibytes, nullptr, 10) : 8192) << 20;
}

u64 Arena::allocate(u64 size, Allocation::Kind kind, const std::string& name) {
  std::unique_lock<std::shared_mutex> hold(lock_);
  u64 reserved = (size + kRedZone + kAlignment - 1) / kAlignment * kAlignment;
  bool device = kind != Allocation::kHost;
  if (size > kReserved || (device && used_ + size > total_) || next_ + reserved > base_ + kReserved) return 0;
  Allocation made{next_, size, kind, true, ++count_, name};
  next_ += reserved;
  if (device) used_ += size;
  // Nobody knows what the host writes into pinned memory, so all of it counts as written.
  if (kind != Allocation::kDevice) markWritten(made.base, size);
  allocations_[made.base] = made;
  return made.base;
}

bool Arena::release(u64 address, Allocation::Kind kind) {
  std::unique_lock<std::shared_mutex> hold(lock_);
  auto found = allocations_.find(address);
  if (found == allocations_.end() || !found->second.live || found->second.kind != kind) return false;
  Allocation& gone = found->second;
  gone.live = false;
  if (kind != Allocation::kHost) used_ -= gone.size;
  drop(reinterpret_cast<void*>(gone.base), gone.size);
  // What the edges of the pages keep does no harm: an address is never given out again.
  u64 offset = gone.base - base_;
  drop(written_ + offset, gone.size);
  drop(lineWritten_ + offset / kLineBytes, gone.size / kLineBytes);
  drop(lines_ + offset / kLineBytes, gone.size / kLineBytes * sizeof(LineTags));
  for (RaceTag* tags : {writers_, readers_}) {
    for (u64 granule : {1, 4}) drop(tags + offset / granule, gone.size / granule * sizeof(RaceTag));
  }
  return true;
}

void Arena::releaseAll() {
  std::vector<std::pair<u64, Allocation::Kind>> all;
  {
    std::shared_lock<std::shared_mutex> hold(lock_);
    for (const auto& [base, allocation] : allocations_) {
      if (allocation.live) all.emplace_back(base, allocation.kind);
    }
  }
  for (const auto& [base, kind] : all) release(base, kind);
}

const Allocation* Arena::find(u64 address) const {
  std::shared_lock<std::shared_mutex> hold(lock_);
  auto after = allocations_.upper_bound(address);
  if (after == allocations_.begin()) return nullptr;
  const Allocation& before = std::prev(after)->second;
  return address < before.base + before.size ? &before : nullptr;
}

std::string Arena::describe(u64 address) const {
  std::shared_lock<std::shared_mutex> hold(lock_);
  auto after = allocations_.upper_bound(address);
  if (after == allocations_.begin() || !holds(address)) return "no allocation is near";
  const Allocation& a = std::prev(after)->second;
  u64 offset = address - a.base;
  std::string where = offset < a.size ? "offset " + std::to_string(offset) + " of "
                                      : std::to_string(offset - a.size) + " bytes behind the end of ";
  return where + (a.live ? "" : "FREED ") + kindName(a.kind) +
         (a.name.empty() ? " #" + std::to_string(a.number) : " " + a.name) + " (" + std::to_string(a.size) +
         " bytes)";
}

u32 Arena::takeBlocks(u32 count) {
  if (std::numeric_limits<u32>::max() - nextBlock_ < count) {
    drop(lines_, (next_ - base_) / kLineBytes * sizeof(LineTags) + kPage);
    drop(writers_, (next_ - base_) * sizeof(RaceTag) + kPage);
    drop(readers_, (next_ - base_) * sizeof(RaceTag) + kPage);
    nextBlock_ = 1;
  }
  u32 first = nextBlock_;
  nextBlock_ += count;
  return first;
}

}  // namespace emulator
