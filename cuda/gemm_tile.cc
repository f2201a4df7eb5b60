#include "cuda/gemm_tile.h"

namespace adastep::cuda {

namespace {

constexpr GemmTile kTiles[][3] = {
    {
        {Kernel::gemm_128x128, 128, 256, 1.0},
        {Kernel::gemm_64x64, 64, 128, 0.75},
        {Kernel::gemm_32x32, 32, 64, 0.45},
    },
    {
        {Kernel::gemm_bf16_128x128, 128, 256, 1.0},
        {Kernel::gemm_bf16_64x64, 64, 128, 0.5},
        {Kernel::gemm_bf16_32x32, 32, 64, 0.25},
    },
};

// Multiprocessors take blocks in turn, so the one with the most blocks decides. For each problem the time is
// that of its k, the same for all tiles, and left out.
double time_of(const Gemm& op, const GemmTile& tile, int multiprocessors) {
  const double blocks = static_cast<double>(tiles_of(op, tile)) * static_cast<double>(op.batch);
  const double rounds = blocks <= multiprocessors ? 1 : blocks / multiprocessors + 0.5;
  return rounds * tile.size * tile.size / tile.rate;
}

}  // namespace

const GemmTile& choose_tile(const Gemm& op, int multiprocessors) {
  const auto& tiles = kTiles[static_cast<int>(op.precision)];
  const GemmTile* best = tiles;
  for (const GemmTile& tile : tiles) {
    if (time_of(op, tile, multiprocessors) < time_of(op, *best, multiprocessors)) best = &tile;
  }
  return *best;
}

int64_t tiles_of(const Gemm& op, const GemmTile& tile) {
  return ((op.m + tile.size - 1) / tile.size) * ((op.n + tile.size - 1) / tile.size);
}

}  // namespace adastep::cuda
