// Reads the container that nvcc --fatbin writes: machine code and PTX for several architectures.
#pragma once

#include <string>
#include <string_view>

namespace emulator {

// The PTX text of the newest virtual architecture that is not above `computeCapability` (80 for 8.0). `image`
// points at a fatbin, whose header holds its size, or at PTX text that ends with a zero byte. Throws
// PtxError.
std::string ptxOfImage(const void* image, unsigned computeCapability);

}  // namespace emulator
