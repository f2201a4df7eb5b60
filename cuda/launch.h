// From an operation to its launches: which kernels, with how many blocks and threads.
#pragma once
#include "core/op.h"
#include "cuda/kernels.h"
#include "cuda/kernels/interface.h"

namespace adastep::cuda {

// Where launches go, and what kernels need beside their operation.
struct Target {
  const Kernels& kernels;
  CUstream stream;
  FaultCell* faults;
  void* workspace;  // at least workspace_bytes of the operation
  int multiprocessors;
};

// Device memory that the launches of an operation share.
size_t workspace_bytes(const Op& op);

// Starts the operation, which is number `index` of its list. An operation without elements starts nothing.
void launch(const Target& target, const Op& op, size_t index);

}  // namespace adastep::cuda
