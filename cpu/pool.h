// The one thread pool of the process. One parallel region owns it at a time.
#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include "core/error.h"

namespace adastep::cpu {

class Pool {
 public:
  using Task = void (*)(void* context, int64_t index, int thread);

  static constexpr int kMaxThreads = 1024;

  // Throws kArgument if ADASTEP_THREADS is set to what is no count.
  static Pool& process();

  // How many threads share a region unless a device asks for another number: ADASTEP_THREADS or
  // usable_cores().
  int threads() const { return threads_; }

  // Calls task(context, index, thread) for each index in [0, tasks) and returns when all have ended; `thread`
  // is in [0, threads), unique among the tasks of the call that run at once, and 0 is the caller. Threads are
  // started when a call first needs them. While another caller has the pool, the caller does its tasks alone.
  // The first Error that a task throws ends the region early and is thrown here.
  void run(int threads, int64_t tasks, Task task, void* context);

 private:
  explicit Pool(int threads) : threads_(threads) {}

  void start_workers(int count);
  void work();
  bool try_join(uint32_t& last_epoch, int& thread);
  void leave();
  void open(int room);
  void close();
  void claim(int thread);

  const int threads_;
  std::atomic<bool> owned_{false};

  // Of the owner: workers that exist, and whether the system refused to start another.
  int workers_ = 0;
  bool exhausted_ = false;

  // The region. Written by the owner before it opens the gate; read by those who have joined.
  Task task_ = nullptr;
  void* context_ = nullptr;
  int64_t tasks_ = 0;
  std::mutex failure_mutex_;
  std::optional<Error> failure_;

  // The hot words lie on cache lines of their own.
  alignas(64) std::atomic<int64_t> next_{0};  // the first index that nobody has claimed
  alignas(64) std::atomic<uint64_t> gate_{0};
  alignas(64) std::atomic<uint32_t> left_{0};  // workers that joined and have ended
  std::atomic<bool> owner_sleeps_{false};
  alignas(64) std::atomic<uint32_t> bell_{0};  // rung when a region opens; workers sleep on it
  std::atomic<int> sleepers_{0};
};

}  // namespace adastep::cpu
