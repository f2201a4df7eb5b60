// The contract of a device: the whole list of what a backend can do. cpu/ and cuda/ implement it; nothing
// above knows which one it has. No function here is about one operation: operations are data (core/ops.h).
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/fault.h"
#include "core/op.h"

namespace adastep {

struct DeviceInfo {
  std::string kind;  // "cpu" or "cuda"
  int index = 0;
  std::string name;  // of the processor or the GPU
  std::string
      capability;  // instruction-set level ("baseline", "v3", "v4", "neon") or compute capability ("8.0")
  std::string unavailable;                                // why it cannot be used, in words; empty if it can
  int64_t memory_bytes = 0;                               // in all
  int threads = 0;                                        // that compute (0 on a GPU)
  std::vector<Precision> precisions = {Precision::kF32};  // that matrix products can have
};

struct DeviceOptions {
  int threads = 0;    // CPU: how many threads share the work of this device; 0 = all there are
  std::string level;  // CPU: instruction-set level by name; empty = the best this machine has
};

// A point in the order of a backend's work.
using Mark = uint64_t;

// A list of operations that a backend has prepared to run again (a CUDA graph).
class Recorded {
 public:
  virtual ~Recorded() = default;
};

// Host memory that a backend reads without a copy in between (page-locked, on a GPU), until this ends: no
// copy from it may be under way then.
class HostLock {
 public:
  virtual ~HostLock() = default;
};

// All functions throw core Error, but for `free*`, which destructors call: they never throw. `allocate*`,
// `free*` and `info` may be called from any thread; all others are called by the device's stream thread only,
// and what they start runs in the order of the calls.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual const DeviceInfo& info() const = 0;

  // Device memory, aligned to at least 256 bytes. Throws kOutOfMemory.
  virtual void* allocate(size_t bytes) = 0;
  virtual void free(void* data) = 0;
  // Host memory that `write` and `read` can use without waiting (pinned, on a GPU).
  virtual void* allocate_staging(size_t bytes) = 0;
  virtual void free_staging(void* data) = 0;

  // Prepares memory of someone else's for `write`. Null where that gains nothing or the system refuses:
  // `write` reads it all the same. The memory must outlive the lock.
  virtual std::unique_ptr<HostLock> lock(void* host, size_t bytes) = 0;

  // Copies between host (best: staging or locked) and device memory. `host` must stay as it is until a later
  // mark is done.
  virtual void write(void* device, const void* host, size_t bytes) = 0;
  virtual void read(void* host, const void* device, size_t bytes) = 0;

  virtual void run(const std::vector<Op>& ops) = 0;
  // May return null: the caller then runs the list.
  virtual std::unique_ptr<Recorded> record(const std::vector<Op>& ops) = 0;
  virtual void replay(Recorded& recorded) = 0;

  // Everything started before mark() has ended when done(mark) is true; wait(mark) returns then.
  // Marks are waited for in the order in which they were made.
  virtual Mark mark() = 0;
  virtual bool done(Mark mark) = 0;
  virtual void wait(Mark mark) = 0;

  // What the work before `mark`, which is done, found wrong: the fault of its first operation that had one,
  // at the lowest position; kNoFault if there is none. What was before the mark of an earlier call does not
  // count again.
  virtual Fault take_fault(Mark mark) = 0;
  // Asks a running operation list to stop early: the results no longer matter. From any thread.
  virtual void cancel() = 0;
};

// The two backends; binding/ is the only caller.
namespace cpu {
std::vector<DeviceInfo> devices();
std::shared_ptr<Backend> open(int index, const DeviceOptions& options);
}  // namespace cpu
namespace cuda {
std::vector<DeviceInfo> devices();
std::shared_ptr<Backend> open(int index, const DeviceOptions& options);
}  // namespace cuda

}  // namespace adastep
