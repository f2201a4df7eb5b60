// The element types. Plain C, so that CPU levels and CUDA kernels can include it.
#pragma once
#include <stdint.h>

namespace adastep {

// f64 holds step scalars and running products only (DESIGN section 4); bf16 has its number and its size,
// kernels follow.
enum class DType : int32_t { kF32, kI32, kU8, kF64, kBF16 };

constexpr const char* kDTypeNames[] = {"f32", "i32", "u8", "f64", "bf16"};
constexpr int kDTypeCount = 5;

constexpr int64_t size_of(DType type) {
  constexpr int64_t kSizes[kDTypeCount] = {4, 4, 1, 8, 2};
  return kSizes[static_cast<int32_t>(type)];
}

}  // namespace adastep
