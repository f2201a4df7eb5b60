#include "driver/registered.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "exec/launch.h"
#include "exec/memory_access.h"
#include "memory/arena.h"

namespace emulator {
namespace {

const u64 kPage = static_cast<u64>(sysconf(_SC_PAGESIZE));
u64 pageOf(u64 address) { return address / kPage * kPage; }

// In pieces, as the size is the client's and may be anything.
bool mapped(u64 base, u64 size) {
  constexpr u64 kPages = 4096;
  if (size > ~u64{0} - kPage - base) return false;
  unsigned char resident[kPages];
  const u64 end = pageOf(base + size + kPage - 1);
  for (u64 at = pageOf(base); at < end; at += kPages * kPage) {
    if (mincore(reinterpret_cast<void*>(at), std::min(end - at, kPages * kPage), resident) != 0) return false;
  }
  return true;
}

}  // namespace

void RegisteredRange::demandMapped() const {
  if (!mapped(base, size))
    throw Fault(kIllegalAddress, "copy from registered memory at " + hex(base) + " that was freed");
}

RegisteredMemory& RegisteredMemory::instance() {
  static auto* const memory = new RegisteredMemory;
  return *memory;
}

// Whole pages are locked, so two ranges may not share one.
CUresult RegisteredMemory::add(u64 base, u64 size) {
  if (!base || !size || Arena::instance().holds(base) || !mapped(base, size)) return kInvalidValue;
  const auto after = ranges_.lower_bound(pageOf(base + size + kPage - 1));
  if (after != ranges_.begin()) {
    const RegisteredRange& before = *std::prev(after)->second;
    if (pageOf(before.base + before.size + kPage - 1) > pageOf(base)) return kHostMemoryAlreadyRegistered;
  }
  const auto range = std::make_shared<RegisteredRange>();
  range->base = base;
  range->size = size;
  ranges_[base] = range;
  traceCopy("register", size);
  return kSuccess;
}

CUresult RegisteredMemory::remove(u64 base, std::string& busy) {
  const auto found = ranges_.find(base);
  if (found == ranges_.end()) {
    const bool inside = copy(base) != nullptr || Arena::instance().holds(base);
    return inside ? kInvalidValue : kHostMemoryNotRegistered;
  }
  const auto [_, range] = *found;
  if (range->copies > 0) {
    busy = std::to_string(range->copies) + " copies are under way from registered memory at " + hex(base) +
           " that is being unregistered";
  }
  ranges_.erase(found);
  traceCopy("unregister", range->size);
  return kSuccess;
}

RegisteredCopy RegisteredMemory::copy(u64 address) const {
  auto after = ranges_.upper_bound(address);
  if (after == ranges_.begin()) return nullptr;
  const auto range = std::prev(after)->second;
  if (!range->contains(address, 1)) return nullptr;
  range->copies++;
  return {range.get(), [range](RegisteredRange* counted) { counted->copies--; }};
}

void traceCopy(const char* kind, u64 bytes) {
  const char* path = std::getenv("ADASTEP_EMULATOR_COPIES");
  if (!path) return;
  if (std::FILE* file = std::fopen(path, "a")) {
    std::fprintf(file, "{\"%s\":%llu}\n", kind, static_cast<unsigned long long>(bytes));
    std::fclose(file);
  }
}

}  // namespace emulator
