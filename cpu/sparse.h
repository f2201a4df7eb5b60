// Gradients that are lists of rows: their norm, their dense form, and the updates of the rows they touch.
#pragma once
#include "core/catch_up.h"
#include "core/row_gradient.h"
#include "cpu/tree.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

// The sum of a run's rows, in `sum`.
static inline void sum_run(const RowGradient& g, const RowRun& run, float* sum) {
  const int64_t dim = g.dim;
  const RowTerm only = term_at(g, run.first);
  if (run.last - run.first == 1 && only.row >= 0 && !g.weights.data) {
    const float* const from = g.values.data + only.row * dim;
    ADASTEP_INDEPENDENT
    for (int64_t j = 0; j < dim; ++j) sum[j] = from[j] + 0.0f;  // as any sum from 0: -0 becomes +0
    return;
  }
  __builtin_memset(sum, 0, sizeof(float) * static_cast<size_t>(dim));
  for (int64_t k = run.first; k < run.last; ++k) {
    const RowTerm term = term_at(g, k);
    if (term.row < 0) continue;
    const float* const from = g.values.data + term.row * dim;
    if (g.weights.data) {
      ADASTEP_INDEPENDENT
      for (int64_t j = 0; j < dim; ++j) sum[j] = fma_(term.weight, from[j], sum[j]);
    } else {
      ADASTEP_INDEPENDENT
      for (int64_t j = 0; j < dim; ++j) sum[j] += from[j];
    }
  }
}

// f(r, run, its sum) for each run.
template <class F>
static inline void for_runs(const RowGradient& g, const cpu::Parallel& parallel, const F& f) {
  const int64_t count = run_count(g.list);
  if (count == 0) return;
  const int64_t part = rows_per_task(g.dim * parts_of(g.list.rows, count));
  cpu::parallel_for(parallel, parts_of(count, part), [&](int64_t index, int thread) {
    float* const sum = static_cast<float*>(parallel.scratch(parallel.pool, thread, 4 * g.dim));
    call_part(
        [&](int64_t first, int64_t last) {
          for (int64_t r = first; r < last; ++r) {
            const RowRun run = run_at(g.list, r);
            if (run.row < 0) continue;
            sum_run(g, run, sum);
            f(r, run, sum);
          }
        },
        index * part, end_of_part(index * part, part, count));
  });
}

static void run(const RowSquares& op, const cpu::Parallel& parallel) {
  float* const squares = op.squares.data;
  for_elements(parallel, op.g.list.rows, [=](int64_t r) { squares[r] = 0.0f; });
  for_runs(op.g, parallel, [&](int64_t r, const RowRun&, const float* sum) {
    squares[r] = fold_row<SumFold>(op.g.dim, [sum](int64_t j) { return sum[j] * sum[j]; });
  });
}

static void run(const WatchRows& op, const cpu::Parallel& parallel) {
  if (!watches_all(op.prepared.data)) return;
  const float unscale = op.prepared.data[2];
  const int64_t dim = op.g.dim, rows = op.g.list.rows;
  float* const partial = op.partial.data;
  for_runs(op.g, parallel, [&](int64_t r, const RowRun& run, const float* sum) {
    const float* const p = op.p.data + run.row * dim;
    float* const kept = op.kept.data + r * dim;
    const auto write = [&](Sum column, float value) { partial[column_of(column, rows) + r] = value; };
    if (op.after) {
      write(Sum::kUpdate,
            fold_row<SumFold>(dim, [=](int64_t j) { return (p[j] - kept[j]) * (p[j] - kept[j]); }));
      write(Sum::kLargest, fold_row<MaxFold>(dim, [=](int64_t j) { return abs_(p[j] - kept[j]); }));
      return;
    }
    write(Sum::kGradient,
          fold_row<SumFold>(dim, [=](int64_t j) { return sum[j] * unscale * (sum[j] * unscale); }));
    write(Sum::kNonFinite, fold_row<SumFold>(dim, [=](int64_t j) { return not_finite(sum[j]); }));
    write(Sum::kParameter, fold_row<SumFold>(dim, [=](int64_t j) { return p[j] * p[j]; }));
    __builtin_memcpy(kept, p, sizeof(float) * static_cast<size_t>(dim));
  });
}

static void run(const AddRows& op, const cpu::Parallel& parallel) {
  for_runs(op.g, parallel, [&](int64_t, const RowRun& run, const float* sum) {
    float* const to = op.gtable.data + run.row * op.g.dim;
    ADASTEP_INDEPENDENT
    for (int64_t j = 0; j < op.g.dim; ++j) to[j] += sum[j];
  });
}

// One row by a rule; `before(p, state)` is p at the start of the step.
template <class Rule, class Before>
static inline void update_row(const SparseUpdate& op, const RowStep<Rule>& rule, int64_t row,
                              const float* sum, const Before& before) {
  const int64_t dim = op.g.dim;
  float* const p = op.p.data + row * dim;
  float* state[kMaxStates];
  for (int s = 0; s < Rule::kStates; ++s) state[s] = op.state[s].data + row * dim;
  ADASTEP_INDEPENDENT
  for (int64_t j = 0; j < dim; ++j) {
    float mine[kMaxStates];
    for (int s = 0; s < Rule::kStates; ++s) mine[s] = state[s][j];
    p[j] = rule.apply(before(p[j], mine), sum[j], mine);
    for (int s = 0; s < Rule::kStates; ++s) state[s][j] = mine[s];
  }
}

template <class Rule>
static void update_lazy(const SparseUpdate& op, const cpu::Parallel& parallel) {
  const RowStep<Rule> rule(op.prepared.data, op.group);
  for_runs(op.g, parallel, [&](int64_t, const RowRun& run, const float* sum) {
    update_row(op, rule, run.row, sum, [](float p, float*) { return p; });
  });
}

static inline void update_row_wise(const SparseUpdate& op, const cpu::Parallel& parallel) {
  const RowWiseAdaGrad rule(op.prepared.data, op.group);
  const int64_t dim = op.g.dim;
  for_runs(op.g, parallel, [&](int64_t, const RowRun& run, const float* sum) {
    float* const p = op.p.data + run.row * dim;
    const float squares = fold_row<SumFold>(dim, [&rule, p, sum](int64_t j) {
      const float g = rule.row_gradient(p[j], sum[j]);
      return g * g;
    });
    const float s = op.state[0].data[run.row] += squares / static_cast<float>(dim);
    const float lr = rule.row_lr(s), divisor = rule.divisor(s);
    ADASTEP_INDEPENDENT
    for (int64_t j = 0; j < dim; ++j) p[j] = rule.move(p[j], sum[j], lr, divisor);
  });
}

static inline void update_catch_up(const SparseUpdate& op, const cpu::Parallel& parallel) {
  const RowStep<Adam> rule(op.prepared.data, op.group);
  Clock clock;
  read_words(clock, op.clock.data);
  for_runs(op.g, parallel, [&](int64_t, const RowRun& run, const float* sum) {
    const CatchUp missed = missed_by(clock, clock.step - 1, clock.decay_before, op.times, run.row);
    if (missed.behind) {
      update_row(op, rule, run.row, sum, [&missed](float p, float* state) { return missed.apply(p, state); });
    } else {
      update_row(op, rule, run.row, sum, [](float p, float*) { return p; });
    }
    stamp(clock, op.times, run.row);
  });
}

static void run(const SparseUpdate& op, const cpu::Parallel& parallel) {
  if (is_skipped(op.prepared.data)) return;
  if (op.mode == SparseMode::kRowWise) return update_row_wise(op, parallel);
  if (op.mode == SparseMode::kCatchUp) return update_catch_up(op, parallel);
  switch (op.rule) {
#define ADASTEP_UPDATE(type, name, states) \
  case RuleId::k##type:                    \
    return update_lazy<type>(op, parallel);
    ADASTEP_FOR_EACH_RULE(ADASTEP_UPDATE)
#undef ADASTEP_UPDATE
  }
}

static void run(const SparseClock& op, const cpu::Parallel&) { advance_clock(op); }

static inline void catch_up_row(const CatchUpTable& table, const Clock& clock, int64_t row) {
  const CatchUp missed = missed_by(clock, clock.step, clock.decay, table.times, row);
  if (!missed.behind) return;
  const int64_t dim = table.dim;
  float* const p = table.p.data + row * dim;
  float* const m = table.m.data + row * dim;
  float* const v = table.v.data + row * dim;
  ADASTEP_INDEPENDENT
  for (int64_t j = 0; j < dim; ++j) {
    float state[2] = {m[j], v[j]};
    p[j] = missed.apply(p[j], state);
    m[j] = state[0];
    v[j] = state[1];
  }
  stamp(clock, table.times, row);
}

static void run(const SparseFlush& op, const cpu::Parallel& parallel) {
  Clock clock;
  read_words(clock, op.table.clock.data);
  for_rows(parallel, op.vocabulary, op.table.dim, [&](int64_t row) { catch_up_row(op.table, clock, row); });
}

static void run(const CatchUpRows& op, const cpu::Parallel& parallel) {
  Clock clock;
  read_words(clock, op.table.clock.data);
  for_rows(parallel, run_count(op.list), op.table.dim, [&](int64_t r) {
    const RowRun run = run_at(op.list, r);
    if (run.row >= 0) catch_up_row(op.table, clock, run.row);
  });
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
