#include "exec/launch.h"

#include <algorithm>
#include <mutex>

#include "exec/block.h"
#include "exec/thread_pool.h"

namespace emulator {
namespace {

// The first fault, in the order of blocks, is the one that is reported, whichever thread met it first.
class FirstFault {
 public:
  bool covers(u32 block) const { return block > lowest_.load(std::memory_order_relaxed); }
  void report(u32 block, const Fault& fault) {
    std::lock_guard<std::mutex> hold(lock_);
    if (fault_ && block > lowest_) return;
    lowest_ = block;
    fault_ = std::make_unique<Fault>(fault);
  }
  void rethrow() const {
    if (fault_) throw *fault_;
  }

 private:
  std::mutex lock_;
  std::atomic<u32> lowest_{0xffffffffu};
  std::unique_ptr<Fault> fault_;
};

void runBlocks(const Launch& launch, FirstFault& first, Worker& worker) {
  worker.counters.reset(launch.program->code.size());
  thread_local Block block;  // keeps its memory from launch to launch
  block.launch = &launch;
  block.worker = &worker;
  u32 index = 0;
  try {
    while ((index = launch.releases->started.fetch_add(1)) < launch.blocks() && !first.covers(index))
      block.execute(index);
  } catch (const Fault& fault) {
    first.report(index, fault);
  }
}

}  // namespace

Counters execute(Launch& launch) {
  launch.releases = std::make_unique<Releases>();
  launch.raceBase = Arena::instance().takeBlocks(launch.blocks() + 1);  // one more: several blocks
  FirstFault first;
  ThreadPool& pool = ThreadPool::instance();
  u32 threads = std::min(pool.size(), launch.blocks());
  // A launch of a few warps is over before another thread has woken up.
  if (u64{launch.blocks()} * launch.warps() < 16) threads = 1;
  std::vector<Worker> workers(threads);
  pool.run(threads, [&](u32 t) { runBlocks(launch, first, workers[t]); });
  first.rethrow();
  for (u32 t = 1; t < threads; ++t) workers[0].counters.add(workers[t].counters);
  return std::move(workers[0].counters);
}

}  // namespace emulator
