// The host threads that run blocks. They live as long as the process, so that their memory is allocated once.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "ptx/integers.h"

namespace emulator {

class ThreadPool {
 public:
  static ThreadPool& instance();
  u32 size() const { return static_cast<u32>(threads_.size()) + 1; }  // the caller works too

  // Calls work(0) here and work(1), ... work(count - 1) on the threads, and waits for all. One caller at a
  // time.
  void run(u32 count, const std::function<void(u32)>& work);

 private:
  ThreadPool();
  void serve(u32 index);

  std::vector<std::thread> threads_;
  std::mutex lock_;
  std::condition_variable begin_, end_;
  const std::function<void(u32)>* work_ = nullptr;
  u64 round_ = 0;
  u32 count_ = 0, busy_ = 0;
};

}  // namespace emulator
