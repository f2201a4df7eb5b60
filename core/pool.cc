#include "core/pool.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "core/error.h"

namespace adastep {

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr int64_t kCacheLimit = 0;  // a reused block would hide a use after free
#else
constexpr int64_t kCacheLimit = int64_t{1} << 28;  // bytes kept for reuse at most
#endif

// ADASTEP_POOL=exact is for memory checkers: a block that is kept would hide a use after free, and one that
// is used again reads of what nobody wrote since.
int64_t cache_limit() {
  static const char* const mode = std::getenv("ADASTEP_POOL");
  return mode && std::strcmp(mode, "exact") == 0 ? 0 : kCacheLimit;
}

std::atomic<int64_t> live_bytes{0};

}  // namespace

int64_t process_live_bytes() { return live_bytes.load(); }

Storage::Storage(std::shared_ptr<MemoryPool> pool, void* data, int64_t bytes)
    : pool_(std::move(pool)), data_(data), bytes_(bytes) {
  live_bytes += bytes;
}

Storage::~Storage() {
  live_bytes -= bytes_;
  pool_->release(data_, bytes_);
}

MemoryPool::MemoryPool(Allocate allocate, Free free, int64_t limit)
    : allocate_(std::move(allocate)), free_(std::move(free)) {
  stats_.limit = limit;
}

MemoryPool::~MemoryPool() { trim(); }

std::shared_ptr<Storage> MemoryPool::allocate(int64_t bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (stats_.limit > 0 && bytes > stats_.limit - stats_.live) {
    throw Error(ErrorCode::kOutOfMemory, "device memory limit: asked for " + std::to_string(bytes) +
                                             " bytes, " + std::to_string(stats_.live) + " of " +
                                             std::to_string(stats_.limit) + " are in use");
  }
  void* data = nullptr;
  auto found = cached_.find(bytes);
  if (found != cached_.end() && !found->second.empty()) {
    data = found->second.back();
    found->second.pop_back();
  } else {
    try {
      data = allocate_(static_cast<size_t>(bytes));
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kOutOfMemory || stats_.reserved == stats_.live) throw;
      trim_locked();
      data = allocate_(static_cast<size_t>(bytes));
    }
    stats_.reserved += bytes;
  }
  stats_.live += bytes;
  if (stats_.live > stats_.peak) stats_.peak = stats_.live;
  return std::make_shared<Storage>(shared_from_this(), data, bytes);
}

void MemoryPool::release(void* data, int64_t bytes) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stats_.live -= bytes;
    if (stats_.reserved - stats_.live <= cache_limit()) {
      cached_[bytes].push_back(data);
      return;
    }
    stats_.reserved -= bytes;
  }
  free_(data);  // outside of the lock: on a GPU it may wait for the device
}

MemoryStats MemoryPool::stats() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return stats_;
}

void MemoryPool::trim() {
  std::lock_guard<std::mutex> lock(mutex_);
  trim_locked();
}

void MemoryPool::trim_locked() {
  for (auto& [bytes, blocks] : cached_) {
    for (void* block : blocks) free_(block);
    stats_.reserved -= bytes * static_cast<int64_t>(blocks.size());
  }
  cached_.clear();
}

}  // namespace adastep
