#include "cuda/fault_cell.h"

#include <utility>

#include "cuda/memory.h"

namespace adastep::cuda {

namespace {
constexpr Fault kNone = {-1, 0, 0, 0};
}

FaultCell::FaultCell(std::shared_ptr<Context> context) : context_(std::move(context)) {
  host_ = static_cast<Fault*>(allocate_pinned(sizeof(Fault)));
  *host_ = kNone;
  const CUresult result = driver().cuMemHostGetDevicePointer(&device_, host_, 0);
  if (result != kSuccess) driver().cuMemFreeHost(host_);
  check(result, "cuMemHostGetDevicePointer");
}

FaultCell::~FaultCell() {
  context_->enter_to_release();
  driver().cuMemFreeHost(host_);
}

Fault FaultCell::take(CUstream stream) {
  if (*static_cast<volatile int32_t*>(&host_->op) < 0) return kNone;
  check(driver().cuStreamSynchronize(stream), "cuStreamSynchronize");
  const Fault fault = *host_;
  *host_ = kNone;
  return fault;
}

}  // namespace adastep::cuda
