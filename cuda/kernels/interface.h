// What kernels and launches must agree on. Plain C++.
#pragma once

namespace adastep {

constexpr int kThreads = 256;  // of a block, where nothing else decides

// Told to a GEMM kernel, per operand: every group of four along its contiguous direction starts at a multiple
// of 16 bytes.
enum GemmAlignment : int { kAlignedA = 1, kAlignedB = 2, kAlignedC = 4 };

}  // namespace adastep
