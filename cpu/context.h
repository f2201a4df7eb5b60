// What the kernels of one stream share: its number of threads, scratch memory and the first fault. The pool
// is the process's, but scratch is the stream's: thread 0 of one stream runs beside thread 0 of another.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/fault.h"
#include "cpu/parallel.h"
#include "cpu/pool.h"

namespace adastep::cpu {

class Context {
 public:
  // `threads` from 1 to Pool::kMaxThreads.
  Context(Pool& pool, int threads);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  const Parallel& parallel() const { return parallel_; }
  // Operations are numbered as they start: the fault kept is the first one's, at its lowest position,
  // whatever the order of the threads.
  void start_operation() { ++operation_; }
  Fault take_fault();  // of the operations since the last call

 private:
  struct Scratch {
    std::unique_ptr<void, void (*)(void*)> data{nullptr, nullptr};
    int64_t bytes = 0;
  };
  void* scratch(int thread, int64_t bytes);
  void fault(const Fault& fault);

  Pool& pool_;
  Parallel parallel_;
  std::vector<Scratch> scratch_;
  std::mutex fault_mutex_;
  Fault fault_ = kNoFault;
  uint64_t operation_ = 0, faulty_operation_ = 0;
};

}  // namespace adastep::cpu
