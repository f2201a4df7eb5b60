// Memory of a GPU and pinned memory of the host. The context must be current.
#pragma once
#include <cstddef>
#include <memory>

#include "cuda/context.h"

namespace adastep::cuda {

inline CUdeviceptr address_of(const void* device) { return reinterpret_cast<CUdeviceptr>(device); }

// Throw kOutOfMemory, saying what was asked and what is free. 0 bytes give memory too.
void* allocate_device(size_t bytes);
void* allocate_pinned(size_t bytes);

// A block of device memory that lives as long as whoever holds it.
class DeviceBlock {
 public:
  DeviceBlock(std::shared_ptr<Context> context, size_t bytes)
      : context_(std::move(context)), data_(allocate_device(bytes)), bytes_(bytes) {}
  ~DeviceBlock() {
    context_->enter_to_release();
    driver().cuMemFree(address_of(data_));
  }
  DeviceBlock(const DeviceBlock&) = delete;
  DeviceBlock& operator=(const DeviceBlock&) = delete;
  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  const std::shared_ptr<Context> context_;
  void* const data_;
  const size_t bytes_;
};

}  // namespace adastep::cuda
