// The CUDA backend: one stream, on which everything runs in the order of the calls.
#include "core/backend.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "core/error.h"
#include "cuda/faults.h"
#include "cuda/graph.h"
#include "cuda/launch.h"
#include "cuda/marks.h"
#include "cuda/page_lock.h"

namespace adastep::cuda {

namespace {

class WorkStream {
 public:
  explicit WorkStream(std::shared_ptr<Context> context) : context_(std::move(context)) {
    check(driver().cuStreamCreate(&stream_, kStreamNonBlocking), "cuStreamCreate");
  }
  ~WorkStream() {
    context_->enter_to_release();
    driver().cuStreamDestroy(stream_);
  }
  WorkStream(const WorkStream&) = delete;
  WorkStream& operator=(const WorkStream&) = delete;
  CUstream get() const { return stream_; }

 private:
  const std::shared_ptr<Context> context_;
  CUstream stream_ = nullptr;
};

std::shared_ptr<Context> entered(int index) {
  auto context = std::make_shared<Context>(index);
  context->enter();
  return context;
}

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(DeviceInfo info)
      : info_(std::move(info)),
        context_(entered(info_.index)),
        multiprocessors_(context_->attribute(kAttributeMultiprocessorCount)),
        kernels_(context_),
        stream_(context_),
        faults_(context_, stream_.get()),
        marks_(context_, stream_.get(), faults_) {}

  // Kernels that still run use what the members release.
  ~CudaBackend() override {
    context_->enter_to_release();
    driver().cuStreamSynchronize(stream_.get());
  }

  const DeviceInfo& info() const override { return info_; }

  void* allocate(size_t bytes) override {
    context_->enter();
    return allocate_device(bytes);
  }
  // Memory is freed by destructors: a failure has no one to go to, and the next command meets its cause.
  void free(void* data) override {
    context_->enter_to_release();
    driver().cuMemFree(address_of(data));
  }
  void* allocate_staging(size_t bytes) override {
    context_->enter();
    return allocate_pinned(bytes);
  }
  void free_staging(void* data) override {
    context_->enter_to_release();
    driver().cuMemFreeHost(data);
  }

  std::unique_ptr<HostLock> lock(void* host, size_t bytes) override {
    return PageLock::of(context_, host, bytes);
  }

  void write(void* device, const void* host, size_t bytes) override {
    if (bytes == 0) return;
    context_->enter();
    check(driver().cuMemcpyHtoDAsync(address_of(device), host, bytes, stream_.get()), "cuMemcpyHtoDAsync");
  }
  void read(void* host, const void* device, size_t bytes) override {
    if (bytes == 0) return;
    context_->enter();
    check(driver().cuMemcpyDtoHAsync(host, address_of(device), bytes, stream_.get()), "cuMemcpyDtoHAsync");
  }

  void run(const std::vector<Op>& ops) override {
    context_->enter();
    const Target target = reserve(ops);
    if (can_fault(ops)) expect_fault();
    for (size_t i = 0; i < ops.size(); i++) {
      if (cancelled_) return;
      launch(target, ops[i], i);
    }
  }

  std::unique_ptr<Recorded> record(const std::vector<Op>& ops) override {
    if (!driver().has_graphs()) return nullptr;
    context_->enter();
    const Target target = reserve(ops);
    return std::make_unique<Graph>(context_, stream_.get(), workspace_, can_fault(ops), [&] {
      for (size_t i = 0; i < ops.size(); i++) launch(target, ops[i], i);
    });
  }

  void replay(Recorded& recorded) override {
    if (cancelled_) return;
    context_->enter();
    const auto& graph = static_cast<const Graph&>(recorded);
    if (graph.can_fault()) expect_fault();
    graph.launch(stream_.get());
  }

  Mark mark() override {
    context_->enter();
    return marks_.add();
  }
  bool done(Mark mark) override {
    context_->enter();
    return marks_.done(mark);
  }
  void wait(Mark mark) override {
    context_->enter();
    marks_.wait(mark);
  }

  Fault take_fault(Mark mark) override { return faults_.take(mark); }
  void cancel() override { cancelled_ = true; }

 private:
  // Before a list that can fault. The cell tells apart the operations of one list only, so another list since
  // the last mark gets a mark of its own.
  void expect_fault() {
    if (faults_.expected()) mark();
    faults_.expect();
  }

  // Makes the workspace as large as the list needs. Operations share it, since they run one after the other;
  // recorded graphs hold the block that they were captured with.
  Target reserve(const std::vector<Op>& ops) {
    size_t bytes = 0;
    for (const Op& op : ops) bytes = std::max(bytes, workspace_bytes(op));
    if (bytes > 0 && (!workspace_ || workspace_->bytes() < bytes)) {
      auto larger = std::make_shared<DeviceBlock>(context_, bytes);
      check(driver().cuStreamSynchronize(stream_.get()),
            "cuStreamSynchronize");  // the old block is in use until then
      workspace_ = std::move(larger);
    }
    return {kernels_, stream_.get(), faults_.cell(), workspace_ ? workspace_->data() : nullptr,
            multiprocessors_};
  }

  // In this order: what comes later is released earlier.
  const DeviceInfo info_;
  const std::shared_ptr<Context> context_;
  const int multiprocessors_;
  const Kernels kernels_;
  const WorkStream stream_;
  Faults faults_;
  Marks marks_;
  std::shared_ptr<DeviceBlock> workspace_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace

std::shared_ptr<Backend> open(int index, const DeviceOptions&) {
  const std::string subject = "cuda:" + std::to_string(index);
  for (DeviceInfo& info : devices()) {
    if (info.index != index) continue;
    if (!info.unavailable.empty()) throw Error(ErrorCode::kUnavailable, subject + ": " + info.unavailable);
    return std::make_shared<CudaBackend>(std::move(info));
  }
  throw Error(ErrorCode::kUnavailable, subject + ": no such device");
}

}  // namespace adastep::cuda
