// Gradients that are lists of rows: a warp per run of equal indices, 128 columns at a time, four per lane.
#include "core/catch_up.h"
#include "core/row_gradient.h"
#include "cuda/kernels/tree.cuh"

using namespace adastep;

namespace {

constexpr int kColumns = 4;  // of a lane
constexpr int kBlocks =
    2;  // of a multiprocessor, at least: left to itself ptxas takes fewer registers, and spills
constexpr int kTileColumns = kColumns * kLanes;

__device__ int lane() { return threadIdx.x % kLanes; }

// The sum of a run in columns column + 32 t. All lanes read the same places: shuffling them from lane to lane
// makes ptxas spill.
__device__ __forceinline__ void sum_run(const RowGradient& g, const RowRun& run, int64_t column,
                                        float (&sum)[kColumns]) {
#pragma unroll
  for (int t = 0; t < kColumns; t++) sum[t] = 0.0f;
  for (int64_t k = run.first; k < run.last; k++) {
    const RowTerm term = term_at(g, k);
    if (term.row < 0) continue;
    const float* from = g.values.data + term.row * g.dim + column;
#pragma unroll
    for (int t = 0; t < kColumns; t++) {
      if (column + t * kLanes < g.dim) sum[t] = fma_(term.weight, from[t * kLanes], sum[t]);
    }
  }
}

// f(r, run) for each run, by a warp.
template <class F>
__device__ __forceinline__ void for_runs(const RowGradient& g, const F& f) {
  const int64_t count = run_count(g.list);
  for (int64_t r = WarpGroup::first(); r < count; r += WarpGroup::stride()) {
    const RowRun run = run_at(g.list, r);
    if (run.row >= 0) f(r, run);
  }
}

// f(j, sum) for each of the lane's columns from `first` to `last`.
template <class F>
__device__ __forceinline__ void for_columns(const RowGradient& g, const RowRun& run, int64_t first,
                                            int64_t last, const F& f) {
  for (int64_t tile = first; tile < last; tile += kTileColumns) {
    const int64_t column = tile + lane();
    float sum[kColumns];
    sum_run(g, run, column, sum);
#pragma unroll
    for (int t = 0; t < kColumns; t++) {
      if (column + t * kLanes < last) f(column + t * kLanes, sum[t]);
    }
  }
}

// The fold over the row of term(j, sum of the run), by the one tree.
template <class Fold, class Term>
__device__ __forceinline__ float fold_run(const RowGradient& g, const RowRun& run, const Term& term) {
  float total = Fold::empty(), of_lane = Fold::empty();
  int64_t chunk = 0;
  for (int64_t first = 0; first < g.dim; first += kChunk, chunk++) {
    float value = Fold::empty();
    const int64_t last = g.dim - first < kChunk ? g.dim : first + kChunk;
    for_columns(g, run, first, last, [&](int64_t j, float sum) { value = Fold::fold(value, term(j, sum)); });
    total = fold_warp<Fold>(value);
    if (chunk % kLanes == lane()) of_lane = Fold::fold(of_lane, total);
  }
  return chunk <= 1 ? total : fold_warp<Fold>(of_lane);
}

template <class Rule, class Before>
__device__ __forceinline__ void update_run(const SparseUpdate& op, const RowStep<Rule>& rule,
                                           const RowRun& run, const Before& before) {
  for_columns(op.g, run, 0, op.g.dim, [&](int64_t j, float sum) {
    const int64_t i = run.row * op.g.dim + j;
    float state[kMaxStates];
#pragma unroll
    for (int s = 0; s < Rule::kStates; s++) state[s] = op.state[s].data[i];
    op.p.data[i] = rule.apply(before(op.p.data[i], state), sum, state);
#pragma unroll
    for (int s = 0; s < Rule::kStates; s++) op.state[s].data[i] = state[s];
  });
}

template <class Rule>
__device__ void update_lazy(const SparseUpdate& op) {
  const RowStep<Rule> rule(op.prepared.data, op.group);
  for_runs(op.g,
           [&](int64_t, const RowRun& run) { update_run(op, rule, run, [](float p, float*) { return p; }); });
}

// By a warp.
__device__ __forceinline__ void catch_up_row(const CatchUpTable& table, const Clock& clock, int64_t row) {
  const CatchUp missed = missed_by(clock, clock.step, clock.decay, table.times, row);
  if (!missed.behind) return;
  for (int64_t j = lane(); j < table.dim; j += kLanes) {
    const int64_t i = row * table.dim + j;
    float state[2] = {table.m.data[i], table.v.data[i]};
    table.p.data[i] = missed.apply(table.p.data[i], state);
    table.m.data[i] = state[0];
    table.v.data[i] = state[1];
  }
  __syncwarp();  // every lane has read the times
  if (lane() == 0) stamp(clock, table.times, row);
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads, kBlocks) adastep_row_squares(RowSquares op) {
  const int64_t count = run_count(op.g.list);
  for (int64_t r = count + thread_index(); r < op.g.list.rows; r += thread_count()) op.squares.data[r] = 0.0f;
  for (int64_t r = WarpGroup::first(); r < count; r += WarpGroup::stride()) {
    const RowRun run = run_at(op.g.list, r);
    const float squares =
        run.row < 0 ? 0.0f : fold_run<SumFold>(op.g, run, [](int64_t, float sum) { return sum * sum; });
    if (lane() == 0) op.squares.data[r] = squares;
  }
}

extern "C" __global__ void __launch_bounds__(kThreads, kBlocks) adastep_watch_rows(WatchRows op) {
  if (!watches_all(op.prepared.data)) return;
  const float unscale = op.prepared.data[2];
  const int64_t dim = op.g.dim, rows = op.g.list.rows;
  float* const partial = op.partial.data;
  for_runs(op.g, [&](int64_t r, const RowRun& run) {
    const float* p = op.p.data + run.row * dim;
    float* kept = op.kept.data + r * dim;
    const auto write = [&](Sum column, float value) {
      if (lane() == 0) partial[column_of(column, rows) + r] = value;
    };
    if (op.after) {
      write(Sum::kUpdate, fold_run<SumFold>(op.g, run, [&](int64_t j, float) {
              return (p[j] - kept[j]) * (p[j] - kept[j]);
            }));
      write(Sum::kLargest,
            fold_run<MaxFold>(op.g, run, [&](int64_t j, float) { return abs_(p[j] - kept[j]); }));
      return;
    }
    write(Sum::kGradient,
          fold_run<SumFold>(op.g, run, [&](int64_t, float sum) { return sum * unscale * (sum * unscale); }));
    write(Sum::kNonFinite, fold_run<SumFold>(op.g, run, [&](int64_t, float sum) { return not_finite(sum); }));
    write(Sum::kParameter, fold_run<SumFold>(op.g, run, [&](int64_t j, float) { return p[j] * p[j]; }));
    for (int64_t j = lane(); j < dim; j += kLanes) kept[j] = p[j];
  });
}

extern "C" __global__ void __launch_bounds__(kThreads, kBlocks) adastep_add_rows(AddRows op) {
  for_runs(op.g, [&](int64_t, const RowRun& run) {
    float* to = op.gtable.data + run.row * op.g.dim;
    for_columns(op.g, run, 0, op.g.dim, [&](int64_t j, float sum) { to[j] += sum; });
  });
}

extern "C" __global__ void __launch_bounds__(kThreads, kBlocks) adastep_sparse_lazy(SparseUpdate op) {
  if (is_skipped(op.prepared.data)) return;
  switch (op.rule) {
#define ADASTEP_UPDATE(type, name, states) \
  case RuleId::k##type:                    \
    return update_lazy<type>(op);
    ADASTEP_FOR_EACH_RULE(ADASTEP_UPDATE)
#undef ADASTEP_UPDATE
  }
}

extern "C" __global__ void __launch_bounds__(kThreads, kBlocks) adastep_sparse_row_wise(SparseUpdate op) {
  if (is_skipped(op.prepared.data)) return;
  const RowWiseAdaGrad rule(op.prepared.data, op.group);
  for_runs(op.g, [&](int64_t, const RowRun& run) {
    float* p = op.p.data + run.row * op.g.dim;
    const float squares = fold_run<SumFold>(op.g, run, [&](int64_t j, float sum) {
      const float g = rule.row_gradient(p[j], sum);
      return g * g;
    });
    const float s = op.state[0].data[run.row] + squares / static_cast<float>(op.g.dim);
    const float lr = rule.row_lr(s), divisor = rule.divisor(s);
    __syncwarp();  // every lane has read the state
    if (lane() == 0) op.state[0].data[run.row] = s;
    for_columns(op.g, run, 0, op.g.dim,
                [&](int64_t j, float sum) { p[j] = rule.move(p[j], sum, lr, divisor); });
  });
}

extern "C" __global__ void __launch_bounds__(kThreads, kBlocks) adastep_sparse_catch_up(SparseUpdate op) {
  if (is_skipped(op.prepared.data)) return;
  const RowStep<Adam> rule(op.prepared.data, op.group);
  Clock clock;
  read_words(clock, op.clock.data);
  for_runs(op.g, [&](int64_t, const RowRun& run) {
    const CatchUp missed = missed_by(clock, clock.step - 1, clock.decay_before, op.times, run.row);
    update_run(op, rule, run,
               [&](float p, float* state) { return missed.behind ? missed.apply(p, state) : p; });
    __syncwarp();  // every lane has read the times
    if (lane() == 0) stamp(clock, op.times, run.row);
  });
}

extern "C" __global__ void __launch_bounds__(kThreads, kBlocks) adastep_sparse_flush(SparseFlush op) {
  Clock clock;
  read_words(clock, op.table.clock.data);
  for (int64_t row = WarpGroup::first(); row < op.vocabulary; row += WarpGroup::stride()) {
    catch_up_row(op.table, clock, row);
  }
}

extern "C" __global__ void __launch_bounds__(kThreads, kBlocks) adastep_catch_up_rows(CatchUpRows op) {
  Clock clock;
  read_words(clock, op.table.clock.data);
  const int64_t count = run_count(op.list);
  for (int64_t r = WarpGroup::first(); r < count; r += WarpGroup::stride()) {
    const RowRun run = run_at(op.list, r);
    if (run.row >= 0) catch_up_row(op.table, clock, run.row);
  }
}

extern "C" __global__ void adastep_sparse_clock(SparseClock op) { advance_clock(op); }
