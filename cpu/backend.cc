// The CPU as a device: operations run at once, on the stream's thread and the pool.
#include "core/backend.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "core/error.h"
#include "core/fault_log.h"
#include "cpu/context.h"
#include "cpu/level.h"
#include "cpu/machine.h"

namespace adastep::cpu {

namespace {

constexpr size_t kAlignment = 256;  // of device memory (core/backend.h)
constexpr size_t kHugePage = size_t{1} << 21;
constexpr int64_t kCopyPart = int64_t{1} << 18;  // bytes of a copy worth a thread

struct Run {
  const Kernels& kernels;
  const Parallel& parallel;
#define ADASTEP_RUN(op) \
  void operator()(const op& arguments) const { kernels.run_##op(arguments, parallel); }
  ADASTEP_FOR_EACH_OP(ADASTEP_RUN)
#undef ADASTEP_RUN
};

class CpuBackend : public Backend {
 public:
  CpuBackend(DeviceInfo info, const Kernels& kernels)
      : info_(std::move(info)), kernels_(kernels), context_(Pool::process(), info_.threads) {}

  const DeviceInfo& info() const override { return info_; }

  // Exactly what was asked, so that a sanitizer sees an overrun. A size beyond all memory is refused here:
  // the system would promise it and end the process when it is touched.
  void* allocate(size_t bytes) override {
    const bool large = bytes >= 2 * kHugePage;
    void* data = nullptr;
    if (bytes > static_cast<size_t>(info_.memory_bytes) ||
        posix_memalign(&data, large ? kHugePage : kAlignment, bytes > 0 ? bytes : 1) != 0) {
      throw Error(ErrorCode::kOutOfMemory, "cpu memory: asked for " + std::to_string(bytes) +
                                               " bytes, the machine has " +
                                               std::to_string(info_.memory_bytes));
    }
    if (large) madvise(data, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);  // no harm if it fails
    return data;
  }
  void free(void* data) override { std::free(data); }
  void* allocate_staging(size_t bytes) override { return allocate(bytes); }
  void free_staging(void* data) override { free(data); }

  std::unique_ptr<HostLock> lock(void*, size_t) override { return nullptr; }

  void write(void* device, const void* host, size_t bytes) override { copy(device, host, bytes); }
  void read(void* host, const void* device, size_t bytes) override { copy(host, device, bytes); }

  void run(const std::vector<Op>& ops) override {
    const Run run{kernels_, context_.parallel()};
    for (const Op& op : ops) {
      if (cancelled_.load(std::memory_order_relaxed)) return;
      context_.start_operation();
      std::visit(run, op);
    }
  }
  std::unique_ptr<Recorded> record(const std::vector<Op>&) override { return nullptr; }
  void replay(Recorded&) override {
    throw Error(ErrorCode::kDevice, "cpu: record() gives nothing that could be replayed");
  }

  // Every call returns when its work has ended.
  Mark mark() override {
    const Fault fault = context_.take_fault();
    if (fault.op >= 0) faults_.add(last_mark_ + 1, fault);
    return ++last_mark_;
  }
  bool done(Mark) override { return true; }
  void wait(Mark) override {}

  Fault take_fault(Mark mark) override { return faults_.take(mark); }
  void cancel() override { cancelled_.store(true, std::memory_order_relaxed); }

 private:
  void copy(void* to, const void* from, size_t bytes) {
    const auto total = static_cast<int64_t>(bytes);
    parallel_for(context_.parallel(), (total + kCopyPart - 1) / kCopyPart, [=](int64_t part, int) {
      const int64_t first = part * kCopyPart;
      std::memcpy(static_cast<char*>(to) + first, static_cast<const char*>(from) + first,
                  static_cast<size_t>(std::min(kCopyPart, total - first)));
    });
  }

  const DeviceInfo info_;
  const Kernels& kernels_;
  Context context_;
  FaultLog faults_;
  Mark last_mark_ = 0;
  std::atomic<bool> cancelled_{false};
};

}  // namespace

std::vector<DeviceInfo> devices() {
  DeviceInfo info;
  info.kind = "cpu";
  info.name = processor_name();
  info.capability = levels().front().name;
  info.memory_bytes = memory_bytes();
  info.precisions.push_back(Precision::kBF16);
  try {
    info.threads = Pool::process().threads();
  } catch (const Error& error) {
    info.unavailable = error.what();
  }
  return {info};
}

std::shared_ptr<Backend> open(int index, const DeviceOptions& options) {
  if (index != 0)
    throw Error(ErrorCode::kArgument, "index", std::to_string(index), "0: there is one cpu device");
  const Level& chosen = level(options.level);
  if (options.threads < 0 || options.threads > Pool::kMaxThreads) {
    throw Error(ErrorCode::kArgument, "threads", std::to_string(options.threads),
                "0 (one per core) to " + std::to_string(Pool::kMaxThreads));
  }
  DeviceInfo info = devices().front();
  info.capability = chosen.name;
  info.threads = options.threads > 0 ? options.threads : Pool::process().threads();
  return std::make_shared<CpuBackend>(std::move(info), *chosen.kernels);
}

}  // namespace adastep::cpu
