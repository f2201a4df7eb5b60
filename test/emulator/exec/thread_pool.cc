#include "exec/thread_pool.h"

#include <algorithm>

namespace emulator {

ThreadPool& ThreadPool::instance() {
  static ThreadPool* pool = new ThreadPool;  // never destroyed: its threads wait in it until the process ends
  return *pool;
}

ThreadPool::ThreadPool() {
  u32 helpers = std::max(1u, std::thread::hardware_concurrency()) - 1;
  for (u32 k = 1; k <= helpers; ++k) threads_.emplace_back([this, k] { serve(k); });
}

void ThreadPool::run(u32 count, const std::function<void(u32)>& work) {
  {
    std::lock_guard<std::mutex> hold(lock_);
    work_ = &work;
    count_ = count;
    busy_ = count - 1;
    ++round_;
  }
  if (count > 1) begin_.notify_all();
  work(0);
  std::unique_lock<std::mutex> hold(lock_);
  end_.wait(hold, [this] { return busy_ == 0; });
}

void ThreadPool::serve(u32 index) {
  u64 seen = 0;
  std::unique_lock<std::mutex> hold(lock_);
  while (true) {
    begin_.wait(hold, [&] { return round_ != seen && index < count_ && busy_ > 0; });
    seen = round_;
    const std::function<void(u32)>& work = *work_;
    hold.unlock();
    work(index);
    hold.lock();
    if (--busy_ == 0) end_.notify_one();
  }
}

}  // namespace emulator
