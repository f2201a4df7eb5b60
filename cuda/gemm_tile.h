// The choice of a GEMM kernel by the precision and the shape of the problem.
#pragma once
#include "core/ops/gemm.h"
#include "cuda/kernels.h"

namespace adastep::cuda {

struct GemmTile {
  Kernel kernel;
  int size;     // a block computes size x size elements
  int threads;  // of a block
  // Elements per time of one multiprocessor, relative to the largest tile. Estimated from the ratio of
  // arithmetic to the traffic that limits it, of shared memory with f32, of the L2 cache with bf16; not
  // measured.
  double rate;
};

const GemmTile& choose_tile(const Gemm& op, int multiprocessors);
// Tiles along m times tiles along n.
int64_t tiles_of(const Gemm& op, const GemmTile& tile);

}  // namespace adastep::cuda
