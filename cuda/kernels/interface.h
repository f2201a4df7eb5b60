// What kernels and launches must agree on. Plain C++.
#pragma once

namespace adastep {

constexpr int kThreads = 256;  // of a block, where nothing else decides

// Told to a GEMM kernel, per operand: every group of four along its contiguous direction starts at a multiple
// of 16 bytes.
enum GemmAlignment : int { kAlignedA = 1, kAlignedB = 2, kAlignedC = 4 };

// What can be wrong. Each kind has positions and limits of its own; at one position all reports of a kind are
// the same.
enum FaultKind : int { kWrongIndex, kWrongOffset, kFaultKinds };

// Where the kernels of one list of operations report the list's first fault. All bits are set if there is
// none.
struct FaultCell {
  unsigned long long place;  // of the operation: its index in the list * kOpCount + its type's in FOR_EACH_OP
  unsigned long long first[kFaultKinds];  // position << 32 | value
  unsigned long long limit[kFaultKinds];  // position << 32 | limit
};
constexpr unsigned long long kNoPlace = ~0ull;

// Told to a kernel that may report.
struct FaultReport {
  FaultCell* cell;
  unsigned long long place;
};

}  // namespace adastep
