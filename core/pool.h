// Memory of one kind (device or staging) of one device: counts it, limits it, and reuses freed blocks.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace adastep {

struct MemoryStats {
  int64_t live = 0;      // bytes in buffers that exist
  int64_t reserved = 0;  // bytes taken from the system: live and kept for reuse
  int64_t peak = 0;      // the largest `live` so far
  int64_t limit = 0;     // 0 = none
};

// Bytes of live Storages of every device and kind in this process: a leak shows here.
int64_t process_live_bytes();

class MemoryPool;

// A block of memory; gives itself back to its pool at the end of its life.
class Storage {
 public:
  Storage(std::shared_ptr<MemoryPool> pool, void* data, int64_t bytes);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;
  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<MemoryPool> pool_;
  void* data_;
  int64_t bytes_;
};

// Thread-safe. Blocks may be reused as soon as their Storage ends: the stream runs work in order, and every
// queued command holds the Storages that it touches.
class MemoryPool : public std::enable_shared_from_this<MemoryPool> {
 public:
  using Allocate = std::function<void*(size_t)>;
  using Free = std::function<void(void*)>;
  MemoryPool(Allocate allocate, Free free, int64_t limit);
  ~MemoryPool();

  // Throws kOutOfMemory, naming what was asked, what is live and the limit. Contents are whatever was there.
  std::shared_ptr<Storage> allocate(int64_t bytes);
  MemoryStats stats() const;
  // Gives cached blocks back to the system.
  void trim();

 private:
  friend class Storage;
  void release(void* data, int64_t bytes);
  void trim_locked();

  const Allocate allocate_;
  const Free free_;
  mutable std::mutex mutex_;
  std::map<int64_t, std::vector<void*>>
      cached_;  // by exact size: a training process asks for the same sizes again
  MemoryStats stats_;
};

}  // namespace adastep
