// Where kernels report an index out of range: one Fault in pinned host memory, which they reach too.
#pragma once
#include <memory>

#include "core/fault.h"
#include "cuda/context.h"

namespace adastep::cuda {

class FaultCell {
 public:
  explicit FaultCell(std::shared_ptr<Context> context);
  ~FaultCell();
  FaultCell(const FaultCell&) = delete;
  FaultCell& operator=(const FaultCell&) = delete;

  CUdeviceptr device_address() const { return device_; }
  // Reads the fault and clears the cell. A kernel of `stream` may be filling it in: it is waited for.
  Fault take(CUstream stream);

 private:
  const std::shared_ptr<Context> context_;
  Fault* host_ = nullptr;
  CUdeviceptr device_ = 0;
};

}  // namespace adastep::cuda
