// Gradients of tables as lists of rows: sorting them, adding up duplicates, updating only the rows they
// touch.
#pragma once
#include "core/ops/update.h"
#include "core/span.h"

namespace adastep {

// order = the positions whose index is in [0, vocabulary), by (index, position), then the others; run r of
// equal indices is order[starts[r] .. starts[r + 1]), for r < count; starts[count ..] = positions in range.
// An index out of range is a fault.
struct SortRows {
  static constexpr const char* kName = "sortRows";
  static constexpr bool kCanFault = true;
  int64_t rows, vocabulary;
  In<int32_t> indices;
  Out<int32_t> order, starts, count;
  template <class V>
  void visit(V& v) {
    v.count("rows", rows);
    v.count("vocabulary", vocabulary);
    v.check(rows < INT32_MAX && vocabulary <= INT32_MAX, "rows", "less than 2^31 - 1, as 'vocabulary'");
    v.span("indices", indices, rows);
    v.span("order", order, rows);
    v.span("starts", starts, extent(rows + 1, 1));
    v.span("count", count, 1);
  }
};

// A part of the operations below: indices into a table of `vocabulary` rows, as SortRows put them in order.
struct RowList {
  int64_t rows, vocabulary;
  In<int32_t> indices, order, starts, count;
  template <class V>
  void visit(V& v) {
    v.count("rows", rows);
    v.count("vocabulary", vocabulary);
    v.check(rows < INT32_MAX, "rows", "less than 2^31 - 1");
    v.span("indices", indices, rows);
    v.span("order", order, rows);
    v.span("starts", starts, extent(rows + 1, 1));
    v.span("count", count, 1);
  }
};

// The gradient of a table [vocabulary, dim]: position i adds weights[i] * values[source[i]] to row
// indices[i]; without a source it is values[i], without weights the factor is 1. The positions of one row add
// up in ascending order: sum = fma(weight, value, sum), from 0.
struct RowGradient {
  RowList list;
  int64_t dim, value_rows;
  In<float> values;
  In<int32_t> source;
  In<float> weights;
  template <class V>
  void visit(V& v) {
    list.visit(v);
    v.count("dim", dim);
    v.count("valueRows", value_rows);
    v.check(value_rows < INT32_MAX, "valueRows", "less than 2^31 - 1");
    v.span("values", values, extent(value_rows, dim));
    v.optional("source", source, list.rows);
    v.optional("weights", weights, list.rows);
    v.check(source.data || value_rows >= list.rows, "valueRows", "'rows' or more, where there is no source");
  }
};

// squares[r] = sum over dim of the square of run r's sum, by the one tree; 0 for r >= count.
struct RowSquares {
  static constexpr const char* kName = "rowSquares";
  RowGradient g;
  Out<float> squares;
  template <class V>
  void visit(V& v) {
    g.visit(v);
    v.span("squares", squares, g.list.rows);
  }
};

// What a step does to the rows in use of a table, as core/segment.h has it, a column of `partial` for each
// run; what is not known here stays as it is. Nothing unless the step watches everything.
//   before the update: g^2, not finite, p^2; and `kept` holds the rows as they are
//   after it: (new p - p)^2, max |new p - p|
struct WatchRows {
  static constexpr const char* kName = "watchRows";
  bool after;
  RowGradient g;
  In<float> prepared;
  In<float> p;
  InOut<float> kept, partial;
  template <class V>
  void visit(V& v) {
    v.flag("after", after);
    g.visit(v);
    v.span("prepared", prepared, kControlWords);
    v.span("p", p, extent(g.list.vocabulary, g.dim));
    v.span("kept", kept, extent(g.list.rows, g.dim));
    v.span("partial", partial, extent(kSums, g.list.rows));
  }
};

// gtable[row] += sum of its run: the dense gradient.
struct AddRows {
  static constexpr const char* kName = "addRows";
  RowGradient g;
  InOut<float> gtable;
  template <class V>
  void visit(V& v) {
    g.visit(v);
    v.span("gtable", gtable, extent(g.list.vocabulary, g.dim));
  }
};

// lazy: the rule on the touched rows alone, its scalars by the step of all. rowWise (AdaGrad): one sum per
// row, of the mean of g^2. catchUp (Adam): lazy, after the row has been brought to the step before
// (core/catch_up.h).
enum class SparseMode : int32_t { kLazy, kRowWise, kCatchUp };
constexpr const char* kSparseModeNames[] = {"lazy", "rowWise", "catchUp"};

// What catchUp keeps per row beside Adam's states: the step that touched it last, the learning rate of that
// step, and the logarithm (pack_product of core/catch_up.h) of the decay of all steps until then.
struct RowTimes {
  InOut<int32_t> last_step;
  InOut<float> last_lr;
  InOut<double> log_decay;
  template <class V>
  void visit(V& v, bool present, int64_t vocabulary) {
    v.optional("lastStep", last_step, present ? vocabulary : 0);
    v.optional("lastLr", last_lr, present ? vocabulary : 0);
    v.optional("logDecay", log_decay, present ? vocabulary : 0);
    v.check(!present || vocabulary == 0 || (last_step.data && last_lr.data && log_decay.data), "lastStep",
            "spans of an element per row, as 'lastLr' and 'logDecay'");
  }
};

constexpr int kClockWords = 11;  // of Clock in core/catch_up.h

// p, state = rule(prepared, p, sum of the run, state) for every touched row, with the scalars of one group.
// A step that is skipped writes nothing.
struct SparseUpdate {
  static constexpr const char* kName = "sparseUpdate";
  SparseMode mode;
  RuleId rule;
  int64_t groups, group;
  RowGradient g;
  In<float> prepared;
  In<double> clock;
  InOut<float> p;
  InOut<float> state[kMaxStates];
  RowTimes times;
  template <class V>
  void visit(V& v) {
    v.choice("mode", mode, kSparseModeNames);
    v.choice("rule", rule, kRuleNames);
    const bool catch_up = mode == SparseMode::kCatchUp, row_wise = mode == SparseMode::kRowWise;
    v.check(!catch_up || rule == RuleId::kAdam, "rule", "adam, for catchUp");
    v.check(!row_wise || rule == RuleId::kAdaGrad, "rule", "adagrad, for rowWise");
    v.count("groups", groups);
    v.count("group", group);
    v.check(group < groups, "group", "less than 'groups'");
    g.visit(v);
    const RuleSize size = rule_size(rule);
    v.span("prepared", prepared, prepared_size(rule, groups));
    v.optional("clock", clock, catch_up ? kClockWords : 0);
    v.check(!catch_up || clock.data, "clock", "a span, for catchUp");
    v.span("p", p, extent(g.list.vocabulary, g.dim));
    const int64_t kept = row_wise ? g.list.vocabulary : extent(g.list.vocabulary, g.dim);
    const char* const names[kMaxStates] = {"state0", "state1", "state2", "state3"};
    for (int s = 0; s < kMaxStates; s++) v.optional(names[s], state[s], s < size.states ? kept : 0);
    for (int s = 0; s < size.states; s++)
      v.check(kept == 0 || state[s].data, names[s], "a span: the rule keeps this state");
    times.visit(v, catch_up, g.list.vocabulary);
  }
};

// Takes a step over into the clock of catchUp, once: `step` is the first of the group's running values,
// which a step that is skipped leaves as it was.
struct SparseClock {
  static constexpr const char* kName = "sparseClock";
  int64_t groups, group;
  In<float> prepared;
  In<double> step;
  InOut<double> clock;
  template <class V>
  void visit(V& v) {
    v.count("groups", groups);
    v.count("group", group);
    v.check(group < groups, "group", "less than 'groups'");
    v.span("prepared", prepared, prepared_size(RuleId::kAdam, groups));
    v.span("step", step, 1);
    v.span("clock", clock, kClockWords);
  }
};

// A part of the operations below: a table and what Adam keeps of it.
struct CatchUpTable {
  int64_t dim;
  In<double> clock;
  InOut<float> p, m, v;
  RowTimes times;
  template <class V>
  void visit(V& visitor, int64_t vocabulary) {
    visitor.count("dim", dim);
    visitor.span("clock", clock, kClockWords);
    visitor.span("p", p, extent(vocabulary, dim));
    visitor.span("state0", m, extent(vocabulary, dim));
    visitor.span("state1", v, extent(vocabulary, dim));
    times.visit(visitor, true, vocabulary);
  }
};

// Brings every row to the clock's step, as if its gradient had been 0 since the step that touched it last.
struct SparseFlush {
  static constexpr const char* kName = "sparseFlush";
  int64_t vocabulary;
  CatchUpTable table;
  template <class V>
  void visit(V& v) {
    v.count("vocabulary", vocabulary);
    table.visit(v, vocabulary);
  }
};

// The same for the rows in a list: before they are read.
struct CatchUpRows {
  static constexpr const char* kName = "catchUpRows";
  RowList list;
  CatchUpTable table;
  template <class V>
  void visit(V& v) {
    list.visit(v);
    table.visit(v, list.vocabulary);
  }
};

}  // namespace adastep
