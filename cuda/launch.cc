#include "cuda/launch.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/convert.h"
#include "cuda/collapse.h"
#include "cuda/gemm_tile.h"
#include "cuda/kernels/sort.h"
#include "cuda/memory.h"

namespace adastep::cuda {

namespace {

using numerics::kChunk;
using numerics::kLanes;

constexpr int64_t kBlocksPerMultiprocessor = 16;  // at most: kernels loop over what is left
constexpr int64_t kMaxGridZ = 65535;

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t chunks_of(int64_t n) { return n <= kChunk ? 1 : ceil_div(n, kChunk); }
bool aligned16(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }

struct Block {
  unsigned x, y;
};
constexpr Block kFlat = {kThreads, 1}, kColumns = {kLanes, kLanes};

// The workspace of SortRows: two arrays of keys, one of positions (the other is `order`), the totals of the
// tiles and their counts.
struct SortMemory {
  uint32_t *keys, *other_keys;
  int32_t *positions, *totals, *counts;

  static int64_t tiles(int64_t rows) { return std::max<int64_t>(1, ceil_div(rows, kSortTile)); }
  static size_t bytes(int64_t rows) {
    return static_cast<size_t>(3 * rows + (tiles(rows) + 1) * kSortDigits) * sizeof(int32_t);
  }
  SortMemory(void* workspace, int64_t rows)
      : keys(static_cast<uint32_t*>(workspace)),
        other_keys(keys + rows),
        positions(reinterpret_cast<int32_t*>(other_keys + rows)),
        totals(positions + rows),
        counts(totals + kSortDigits) {}
};

struct WorkspaceBytes {
  size_t operator()(const Reduce& op) const {
    const int64_t chunks = chunks_of(op.n);
    return chunks == 1 ? 0 : static_cast<size_t>(op.outer * chunks * op.inner) * sizeof(float);
  }
  size_t operator()(const LayerNormParamGrad& op) const {
    const int64_t chunks = chunks_of(op.rows);
    return chunks == 1 ? 0 : static_cast<size_t>(2 * chunks * op.cols) * sizeof(float);
  }
  size_t operator()(const SortRows& op) const { return SortMemory::bytes(op.rows); }
  template <class T>
  size_t operator()(const T&) const {
    return 0;
  }
};

class Launcher {
 public:
  Launcher(const Target& target, size_t index) : target_(target), index_(index) {}

  void operator()(const Fill& op) const {
    uint64_t bits = numerics::fill_bits(op.dtype, op.value);
    for (int64_t bytes = size_of(op.dtype); bytes < 8; bytes *= 2) bits |= bits << (8 * bytes);
    start_flat(Kernel::fill, ceil_div(op.n * size_of(op.dtype), 16), op, bits);
  }

  void operator()(const Copy& op) const { copy(op.y.data, op.x.data, op.bytes); }

  void operator()(Strided op) const {
    const int64_t n = element_count(op.shape);
    if (n == 0) return;
    const int rank = collapse(op.shape, op.x_strides, op.y_strides);
    const int64_t *x = op.x_strides.d, *y = op.y_strides.d;
    if (rank == 1 && x[5] == 1 && y[5] == 1) {
      copy(op.y.data, op.x.data, n * 4);
    } else if ((rank == 2 || rank == 3) && x[4] == 1 && y[5] == 1) {
      const int64_t tiles = ceil_div(op.shape.d[4], 32) * ceil_div(op.shape.d[5], 32);
      start(Kernel::transpose, op.shape.d[3] * tiles, kFlat, op);
    } else {
      start_flat(Kernel::strided, n, op, n, rank);
    }
  }

  void operator()(const Cast& op) const { start_flat(Kernel::cast, op.n, op); }
  void operator()(const Random& op) const { start_flat(Kernel::random, ceil_div(op.n, 4), op); }
  void operator()(const Dropout& op) const { start_flat(Kernel::dropout, ceil_div(op.n, 4), op); }
  void operator()(const Unary& op) const { start_flat(Kernel::unary, ceil_div(op.n, 4), op); }

  void operator()(Binary op) const {
    const int64_t n = element_count(op.shape);
    if (n == 0) return;
    const int rank = collapse(op.shape, op.a_strides, op.b_strides);
    if (rank == 1 && op.a_strides.d[5] == 1 && op.b_strides.d[5] == 1) {
      start_flat(Kernel::binary, ceil_div(n, 4), op, n);
    } else {
      start_flat(Kernel::binary_strided, n, op, n, rank);
    }
  }

  void operator()(const Reduce& op) const {
    const int64_t chunks = chunks_of(op.n);
    if (chunks == 1) return reduce(op, kChunk);
    float* const partial = static_cast<float*>(target_.workspace);
    Reduce first = op;
    first.scale = 1;
    first.y.data = partial;
    reduce(first, kChunk);
    const ReduceFn fold = op.fn == ReduceFn::kMax ? ReduceFn::kMax : ReduceFn::kSum;
    reduce({fold, op.outer, chunks, op.inner, op.scale, {partial}, op.y}, chunks);
  }

  void operator()(const ArgMax& op) const {
    start_rows(Kernel::argmax_warp, Kernel::argmax_block, op.rows, op.cols, op);
  }
  void operator()(const LabelRank& op) const { start_warps(Kernel::label_rank, op.rows, op); }
  void operator()(const Softmax& op) const {
    start_rows(Kernel::softmax_warp, Kernel::softmax_block, op.rows, op.cols, op);
  }
  void operator()(const SoftmaxGrad& op) const {
    start_rows(Kernel::softmax_grad_warp, Kernel::softmax_grad_block, op.rows, op.cols, op);
  }
  void operator()(const CrossEntropy& op) const {
    start_rows(Kernel::cross_entropy_warp, Kernel::cross_entropy_block, op.rows, op.cols, op,
               report<CrossEntropy>());
  }
  void operator()(const CrossEntropyGrad& op) const {
    start_rows(Kernel::cross_entropy_grad_warp, Kernel::cross_entropy_grad_block, op.rows, op.cols, op);
  }
  void operator()(const LayerNorm& op) const {
    start_rows(Kernel::layer_norm_warp, Kernel::layer_norm_block, op.rows, op.cols, op);
  }
  void operator()(const LayerNormGrad& op) const {
    start_rows(Kernel::layer_norm_grad_warp, Kernel::layer_norm_grad_block, op.rows, op.cols, op);
  }

  void operator()(const LayerNormParamGrad& op) const {
    const int64_t chunks = chunks_of(op.rows), blocks = ceil_div(op.cols, kLanes) * chunks;
    if (chunks == 1) return start(Kernel::layer_norm_param_grad, blocks, kColumns, op);
    float* const partial = static_cast<float*>(target_.workspace);
    LayerNormParamGrad first = op;
    first.ggamma.data = partial;
    first.gbeta.data = partial + chunks * op.cols;
    start(Kernel::layer_norm_param_grad, blocks, kColumns, first);
    reduce({ReduceFn::kSum, 1, chunks, op.cols, 1, {first.ggamma.data}, op.ggamma}, chunks);
    reduce({ReduceFn::kSum, 1, chunks, op.cols, 1, {first.gbeta.data}, op.gbeta}, chunks);
  }

  void operator()(const Embedding& op) const {
    start_warps(Kernel::embedding, op.rows, op, report<Embedding>());
  }
  void operator()(const EmbeddingGrad& op) const {
    start_warps(Kernel::embedding_grad, op.rows * ceil_div(op.dim, 4 * kLanes), op, report<EmbeddingGrad>());
  }

  void operator()(Gemm op) const {
    if (op.m == 0 || op.n == 0) return;
    const bool single = op.batch == 1;
    const auto aligned = [&](const void* data, int64_t ld, int64_t stride) {
      return aligned16(data) && ld % 4 == 0 && (single || stride % 4 == 0);
    };
    const int alignment = (aligned(op.a.data, op.lda, op.stride_a) ? kAlignedA : 0) |
                          (aligned(op.b.data, op.ldb, op.stride_b) ? kAlignedB : 0) |
                          (aligned(op.c.data, op.ldc, op.stride_c) ? kAlignedC : 0);
    const GemmTile& tile = choose_tile(op, target_.multiprocessors);
    const auto tiles = static_cast<unsigned>(tiles_of(op, tile));
    while (op.batch > 0) {
      const int64_t problems = std::min(op.batch, kMaxGridZ);
      start_grid(tile.kernel, tiles, static_cast<unsigned>(problems),
                 {static_cast<unsigned>(tile.threads), 1}, op, alignment);
      op.a.data += problems * op.stride_a;
      op.b.data += problems * op.stride_b;
      op.c.data += problems * op.stride_c;
      op.batch -= problems;
    }
  }

  void operator()(const Advance& op) const { start(Kernel::advance, 1, {1, 1}, op); }
  void operator()(const Update& op) const { start_warps(update_kernel(op.rule), op.tiles, op); }
  void operator()(const GradientSums& op) const { start_warps(Kernel::gradient_sums, op.tiles, op); }
  void operator()(const FoldSums& op) const {
    start_warps(Kernel::fold_segments, op.columns * op.count, op);
    start_warps(Kernel::fold_totals, op.columns, op);
  }
  void operator()(const Settle& op) const { start_flat(Kernel::settle, op.count, op); }
  void operator()(const Estimate& op) const { start(Kernel::estimate, 1, {1, 1}, op); }
  void operator()(const Commit& op) const { start_flat(Kernel::commit, op.n, op); }
  void operator()(const Snapshot& op) const { start_flat(Kernel::snapshot, ceil_div(op.bytes, 16), op); }

  void operator()(const EmbeddingBag& op) const {
    start_warps(Kernel::embedding_bag, op.bags.bags * ceil_div(op.dim, 4 * kLanes), op,
                report<EmbeddingBag>());
  }
  void operator()(const BagMap& op) const { start_flat(Kernel::bag_map, op.bags.n, op); }
  void operator()(const BagWeightGrad& op) const { start_warps(Kernel::bag_weight_grad, op.bags.n, op); }

  // A pass per digit of the largest key, which is `vocabulary`.
  void operator()(const SortRows& op) const {
    SortMemory memory(target_.workspace, op.rows);
    const int64_t tiles = SortMemory::tiles(op.rows);
    start_flat(Kernel::sort_load, op.rows, op, memory.keys, report<SortRows>());
    int passes = 1;
    while (op.vocabulary >> (kSortBits * passes) != 0) passes++;
    const int32_t* positions = nullptr;
    for (int pass = 0; pass < passes; pass++) {
      int32_t* const to = (passes - pass) % 2 == 1 ? op.order.data : memory.positions;
      const SortPass sort = {memory.keys, positions, memory.other_keys, to, memory.counts, memory.totals,
                             op.rows,     tiles,     kSortBits * pass};
      start(Kernel::sort_count, tiles, kFlat, sort);
      scan_tiles(memory, tiles, kSortDigits);
      start(Kernel::sort_move, tiles, kFlat, sort);
      std::swap(memory.keys, memory.other_keys);
      positions = to;
    }
    const uint32_t* const keys = memory.keys;
    start(Kernel::runs_count, tiles, kFlat, op, keys, memory.counts, tiles);
    scan_tiles(memory, tiles, 1);
    const int32_t *const before = memory.counts, *const total = memory.totals;
    start(Kernel::runs_write, tiles, kFlat, op, keys, before, total, tiles);
  }

  void operator()(const RowSquares& op) const { start_warps(Kernel::row_squares, op.g.list.rows, op); }
  void operator()(const WatchRows& op) const { start_warps(Kernel::watch_rows, op.g.list.rows, op); }
  void operator()(const AddRows& op) const { start_warps(Kernel::add_rows, op.g.list.rows, op); }
  void operator()(const SparseUpdate& op) const {
    constexpr Kernel kKernels[] = {Kernel::sparse_lazy, Kernel::sparse_row_wise, Kernel::sparse_catch_up};
    start_warps(kKernels[static_cast<int>(op.mode)], op.g.list.rows, op);
  }
  void operator()(const SparseClock& op) const { start(Kernel::sparse_clock, 1, {1, 1}, op); }
  void operator()(const SparseFlush& op) const { start_warps(Kernel::sparse_flush, op.vocabulary, op); }
  void operator()(const CatchUpRows& op) const { start_warps(Kernel::catch_up_rows, op.list.rows, op); }

  void operator()(const AdaptiveClip& op) const {
    start_rows(Kernel::adaptive_clip_warp, Kernel::adaptive_clip_block, op.rows, op.longest, op);
  }

  void operator()(const Unfold& op) const { start_warps(Kernel::unfold, op.windows.rows(), op); }
  void operator()(const Fold& op) const { start_flat(Kernel::fold, op.windows.image_extent(), op); }
  void operator()(const MaxPool& op) const {
    start_flat(Kernel::max_pool, op.windows.rows() * op.windows.c, op);
  }
  void operator()(const MaxPoolGrad& op) const {
    start_flat(Kernel::max_pool_grad, op.windows.image_extent(), op);
  }
  void operator()(const Accumulate& op) const {
    const Kernel kernel = op.fn == TotalFn::kSpread ? Kernel::accumulate_spread : Kernel::accumulate;
    start_flat(kernel, op.groups * op.cols, op);
  }

 private:
  // `arguments` are the parameters of the kernel, of exactly their types.
  template <class... Arguments>
  void start_grid(Kernel kernel, unsigned x, unsigned z, Block block, const Arguments&... arguments) const {
    void* parameters[] = {const_cast<void*>(static_cast<const void*>(&arguments))...};
    check(driver().cuLaunchKernel(target_.kernels[kernel], x, 1, z, block.x, block.y, 1, 0, target_.stream,
                                  parameters, nullptr),
          "cuLaunchKernel");
  }
  // For kernels that loop over the blocks that do not fit.
  template <class... Arguments>
  void start(Kernel kernel, int64_t blocks, Block block, const Arguments&... arguments) const {
    if (blocks == 0) return;
    const int64_t most = target_.multiprocessors * kBlocksPerMultiprocessor;
    start_grid(kernel, static_cast<unsigned>(std::min(blocks, most)), 1, block, arguments...);
  }
  template <class... Arguments>
  void start_flat(Kernel kernel, int64_t threads, const Arguments&... arguments) const {
    start(kernel, ceil_div(threads, kThreads), kFlat, arguments...);
  }
  template <class... Arguments>
  void start_warps(Kernel kernel, int64_t warps, const Arguments&... arguments) const {
    start_flat(kernel, warps * kLanes, arguments...);
  }
  // A warp per row; a block per row where it is longer than a chunk, a warp of it per chunk.
  template <class... Arguments>
  void start_rows(Kernel warp, Kernel block, int64_t rows, int64_t cols,
                  const Arguments&... arguments) const {
    if (cols <= kChunk) return start_warps(warp, rows, arguments...);
    const auto warps = static_cast<unsigned>(std::min<int64_t>(chunks_of(cols), kLanes));
    start(block, rows, {warps * kLanes, 1}, arguments...);
  }

  void scan_tiles(const SortMemory& memory, int64_t tiles, int32_t columns) const {
    start(Kernel::sort_scan, ceil_div(columns, kLanes), kColumns, memory.counts, memory.totals, tiles,
          columns);
  }

  // One pass: y is [outer, chunks, inner].
  void reduce(const Reduce& op, int64_t chunk) const {
    const int64_t chunks = op.n <= chunk ? 1 : ceil_div(op.n, chunk);
    if (op.inner == 1) {
      start_warps(Kernel::reduce_rows, op.outer * chunks, op, chunk);
    } else {
      start(Kernel::reduce_columns, ceil_div(op.outer * op.inner, kLanes) * chunks, kColumns, op, chunk);
    }
  }

  template <class T>
  FaultReport report() const {
    static_assert(kCanFault<T>, "else no one would look");
    return {target_.faults, index_ * kOpCount + op_index<T>()};
  }

  void copy(void* to, const void* from, int64_t bytes) const {
    if (bytes == 0) return;
    check(driver().cuMemcpyDtoDAsync(address_of(to), address_of(from), static_cast<size_t>(bytes),
                                     target_.stream),
          "cuMemcpyDtoDAsync");
  }

  const Target& target_;
  const size_t index_;
};

}  // namespace

size_t workspace_bytes(const Op& op) { return std::visit(WorkspaceBytes(), op); }

void launch(const Target& target, const Op& op, size_t index) { std::visit(Launcher(target, index), op); }

}  // namespace adastep::cuda
