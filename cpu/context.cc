#include "cpu/context.h"

#include <cstdlib>
#include <string>

#include "core/error.h"

namespace adastep::cpu {

namespace {

constexpr size_t kScratchAlignment = 64;  // a cache line, the widest vector

}  // namespace

Context::Context(Pool& pool, int threads) : pool_(pool), scratch_(static_cast<size_t>(threads)) {
  parallel_.threads = threads;
  parallel_.pool = this;
  parallel_.run = [](void* self, int threads_, int64_t tasks, Pool::Task task, void* context) {
    static_cast<Context*>(self)->pool_.run(threads_, tasks, task, context);
  };
  parallel_.scratch = [](void* self, int thread, int64_t bytes) {
    return static_cast<Context*>(self)->scratch(thread, bytes);
  };
  parallel_.fault = [](void* self, int32_t op, int64_t position, int64_t value, int64_t limit) {
    static_cast<Context*>(self)->fault({op, position, value, limit});
  };
}

// Throws kOutOfMemory through the kernel, whose translation unit has unwind tables (cpu/sources.cmake).
void* Context::scratch(int thread, int64_t bytes) {
  Scratch& scratch = scratch_[static_cast<size_t>(thread)];
  if (bytes <= scratch.bytes) return scratch.data.get();
  scratch.data.reset();
  scratch.bytes = 0;
  void* data = nullptr;
  if (posix_memalign(&data, kScratchAlignment, static_cast<size_t>(bytes)) != 0) {
    throw Error(ErrorCode::kOutOfMemory,
                "scratch memory: asked for " + std::to_string(bytes) + " bytes, the system has no more");
  }
  scratch.data = {data, std::free};
  scratch.bytes = bytes;
  return data;
}

void Context::fault(const Fault& fault) {
  std::lock_guard<std::mutex> lock(fault_mutex_);
  if (fault_.op >= 0 && (faulty_operation_ != operation_ || !precedes(fault, fault_))) return;
  fault_ = fault;
  faulty_operation_ = operation_;
}

Fault Context::take_fault() {
  std::lock_guard<std::mutex> lock(fault_mutex_);
  const Fault fault = fault_;
  fault_.op = -1;
  return fault;
}

}  // namespace adastep::cpu
