// Every kernel by name, and the modules that hold them: one .cu file, one fatbin, one module per family.
#pragma once
#include <memory>
#include <vector>

#include "core/rules/all.h"
#include "cuda/context.h"

// cuda/embed.S embeds these; cuda/sources.cmake compiles them.
// clang-format off
#define ADASTEP_FOR_EACH_MODULE(X) \
  X(memory) X(elementwise) X(random) X(reduce) X(softmax) X(norm) X(embedding) X(gemm) X(gemm_bf16) \
  X(update) X(sums) X(bag) X(sort) X(sparse) X(clip) X(window) X(accumulate)
// clang-format on

// X(module, name): the function is adastep_<name>.
#define ADASTEP_FOR_EACH_KERNEL(X)     \
  X(memory, fill)                      \
  X(memory, strided)                   \
  X(memory, transpose)                 \
  X(memory, cast)                      \
  X(elementwise, unary)                \
  X(elementwise, binary)               \
  X(elementwise, binary_strided)       \
  X(random, random)                    \
  X(random, dropout)                   \
  X(reduce, reduce_rows)               \
  X(reduce, reduce_columns)            \
  X(reduce, argmax_warp)               \
  X(reduce, argmax_block)              \
  X(reduce, label_rank)                \
  X(softmax, softmax_warp)             \
  X(softmax, softmax_block)            \
  X(softmax, softmax_grad_warp)        \
  X(softmax, softmax_grad_block)       \
  X(softmax, cross_entropy_warp)       \
  X(softmax, cross_entropy_block)      \
  X(softmax, cross_entropy_grad_warp)  \
  X(softmax, cross_entropy_grad_block) \
  X(norm, layer_norm_warp)             \
  X(norm, layer_norm_block)            \
  X(norm, layer_norm_grad_warp)        \
  X(norm, layer_norm_grad_block)       \
  X(norm, layer_norm_param_grad)       \
  X(embedding, embedding)              \
  X(embedding, embedding_grad)         \
  X(gemm, gemm_128x128)                \
  X(gemm, gemm_64x64)                  \
  X(gemm, gemm_32x32)                  \
  X(gemm_bf16, gemm_bf16_128x128)      \
  X(gemm_bf16, gemm_bf16_64x64)        \
  X(gemm_bf16, gemm_bf16_32x32)        \
  X(update, advance)                   \
  X(sums, gradient_sums)               \
  X(sums, fold_segments)               \
  X(sums, fold_totals)                 \
  X(sums, settle)                      \
  X(sums, estimate)                    \
  X(sums, commit)                      \
  X(sums, snapshot)                    \
  X(bag, embedding_bag)                \
  X(bag, bag_map)                      \
  X(bag, bag_weight_grad)              \
  X(sort, sort_load)                   \
  X(sort, sort_count)                  \
  X(sort, sort_scan)                   \
  X(sort, sort_move)                   \
  X(sort, runs_count)                  \
  X(sort, runs_write)                  \
  X(sparse, row_squares)               \
  X(sparse, add_rows)                  \
  X(sparse, watch_rows)                \
  X(sparse, sparse_lazy)               \
  X(sparse, sparse_row_wise)           \
  X(sparse, sparse_catch_up)           \
  X(sparse, sparse_clock)              \
  X(sparse, sparse_flush)              \
  X(sparse, catch_up_rows)             \
  X(clip, adaptive_clip_warp)          \
  X(clip, adaptive_clip_block)         \
  X(window, unfold)                    \
  X(window, fold)                      \
  X(window, max_pool)                  \
  X(window, max_pool_grad)             \
  X(accumulate, accumulate)            \
  X(accumulate, accumulate_spread)

namespace adastep::cuda {

// The kernel adastep_update_<Rule> of each rule follows the named ones, in the order of the rules.
enum class Kernel : int {
#define ADASTEP_KERNEL(module, name) name,
  ADASTEP_FOR_EACH_KERNEL(ADASTEP_KERNEL)
#undef ADASTEP_KERNEL
      first_update
};
constexpr Kernel update_kernel(RuleId rule) {
  return static_cast<Kernel>(static_cast<int>(Kernel::first_update) + static_cast<int>(rule));
}

// Why the addon has no kernels, in words; empty if it has.
const char* kernels_problem();

class Kernels {
 public:
  // Loads every module into the context, which is current. Throws kUnavailable if the GPU cannot run them.
  explicit Kernels(std::shared_ptr<Context> context);
  ~Kernels();
  Kernels(const Kernels&) = delete;
  Kernels& operator=(const Kernels&) = delete;

  CUfunction operator[](Kernel kernel) const { return functions_[static_cast<size_t>(kernel)]; }

 private:
  void load();
  void unload() noexcept;

  const std::shared_ptr<Context> context_;
  std::vector<CUmodule> modules_;
  std::vector<CUfunction> functions_;
};

}  // namespace adastep::cuda
