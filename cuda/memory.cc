#include "cuda/memory.h"

#include <algorithm>
#include <string>

#include "core/error.h"

namespace adastep::cuda {

namespace {

constexpr size_t kSmallest = 1;  // the driver refuses 0 bytes

[[noreturn]] void refuse_device(size_t bytes) {
  size_t free = 0, total = 0;
  check(driver().cuMemGetInfo(&free, &total), "cuMemGetInfo");
  throw Error(ErrorCode::kOutOfMemory, "GPU memory: asked for " + std::to_string(bytes) + " bytes, " +
                                           std::to_string(free) + " of " + std::to_string(total) +
                                           " are free");
}

}  // namespace

void* allocate_device(size_t bytes) {
  CUdeviceptr data = 0;
  const CUresult result = driver().cuMemAlloc(&data, std::max(bytes, kSmallest));
  if (result == kErrorOutOfMemory) refuse_device(bytes);
  check(result, "cuMemAlloc");
  return reinterpret_cast<void*>(data);
}

void* allocate_pinned(size_t bytes) {
  void* data = nullptr;
  const CUresult result = driver().cuMemHostAlloc(&data, std::max(bytes, kSmallest), kHostAllocPortable);
  if (result == kErrorOutOfMemory) {
    throw Error(ErrorCode::kOutOfMemory, "pinned host memory: asked for " + std::to_string(bytes) +
                                             " bytes, which the system refused");
  }
  check(result, "cuMemHostAlloc");
  return data;
}

}  // namespace adastep::cuda
