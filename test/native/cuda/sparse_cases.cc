#include <algorithm>
#include <numeric>

#include "../step_case.h"
#include "twin.h"

namespace adastep::test {

namespace {

struct Shape {
  int64_t rows, vocabulary, dim;
};

std::string name_of(const std::string& what, const Shape& s) {
  return what + " " + std::to_string(s.rows) + " of " + std::to_string(s.vocabulary) + "x" +
         std::to_string(s.dim);
}

// A list of rows as SortRows makes it.
struct Lists {
  std::vector<int32_t> indices, order, starts;
  int32_t count;

  Lists(std::vector<int32_t> of) : indices(std::move(of)), order(indices.size()), starts(indices.size() + 1) {
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [this](int32_t a, int32_t b) {
      return indices[static_cast<size_t>(a)] < indices[static_cast<size_t>(b)];
    });
    std::fill(starts.begin(), starts.end(), static_cast<int32_t>(order.size()));
    size_t runs = 0;
    for (size_t i = 0; i < order.size(); i++)
      if (i == 0 || at(i) != at(i - 1)) starts[runs++] = static_cast<int32_t>(i);
    count = static_cast<int32_t>(runs);
  }
  int32_t at(size_t i) const { return indices[static_cast<size_t>(order[i])]; }

  // Puts in what SortRows does not: runs in reverse, and what cannot be, a few times each.
  void spoil(int32_t vocabulary) {
    const auto rows = static_cast<int32_t>(order.size());
    for (int32_t r = 0; r < count; r++)
      std::reverse(order.begin() + starts[static_cast<size_t>(r)],
                   order.begin() + starts[static_cast<size_t>(r) + 1]);
    const auto set = [](std::vector<int32_t>& values, size_t first, int32_t to) {
      for (size_t i = first; i < values.size(); i += 60) values[i] = to;
    };
    set(order, 7, -1), set(order, 20, rows);
    set(starts, 5, rows + 1), set(starts, 30, -1);
    set(indices, 3, vocabulary), set(indices, 41, -1);
  }
};

// What values, parameters and states are: -0 with positive weights, or, among normal numbers, all that is
// special.
enum class Numbers { kNormal, kZeros, kSpecial };

// Which kernels are versions for: whether rows have a source, and weights. With a `count` of runs the list is
// not made by SortRows: it has so many of its runs, and some that cannot be.
struct Form {
  bool source, weights;
  int64_t count = -1;
  Numbers numbers = Numbers::kNormal;
};
constexpr Form kForms[] = {{false, false}, {true, true}, {true, false}, {false, true}};

// A gradient in rows on both sides, with everything that updates of its table need.
struct Table {
  Twin twin;
  const Shape shape;
  const Form form;
  const int64_t value_rows;
  Slot<int32_t> indices, order, starts, count;
  const Slot<int32_t> source;
  const Slot<float> values, weights, p;
  std::vector<Slot<float>> state;
  const Slot<int32_t> last_step;
  const Slot<float> last_lr;
  const Slot<double> log_decay, clock;

  Table(Report& report, Backend& cpu, Backend& cuda, const Shape& s, const Form& form_, int states = 0)
      : twin(report, cpu, cuda, 1),
        shape(s),
        form(form_),
        value_rows(form_.source ? s.rows / 3 + 1 : s.rows),
        source(twin.slot(sources())),
        values(twin.slot(numbers(value_rows * s.dim))),
        weights(twin.slot(form_.numbers == Numbers::kZeros
                              ? std::vector<float>(static_cast<size_t>(s.rows), 0.5f)
                              : twin.floats(s.rows))),
        p(twin.slot(parameters(s.vocabulary * s.dim))),
        last_step(ints(s.vocabulary)),
        last_lr(twin.slot(std::vector<float>(static_cast<size_t>(s.vocabulary)))),
        log_decay(twin.slot(std::vector<double>(static_cast<size_t>(s.vocabulary)))),
        clock(twin.slot(std::vector<double>(kClockWords))) {
    place_list();
    for (int i = 0; i < states; i++) state.push_back(twin.slot(states_of(s.vocabulary * s.dim)));
  }

  Slot<int32_t> ints(int64_t n) { return twin.slot(std::vector<int32_t>(static_cast<size_t>(n))); }

  std::vector<float> numbers(int64_t n) {
    if (form.numbers == Numbers::kZeros) return std::vector<float>(static_cast<size_t>(n), -0.0f);
    return twin.floats(n, form.numbers == Numbers::kSpecial);
  }
  // Among zeros every other is -1: a decay of 0 leaves its gradient of -0 as it is.
  std::vector<float> parameters(int64_t n) {
    std::vector<float> all = numbers(n);
    for (size_t i = 0; form.numbers == Numbers::kZeros && i < all.size(); i += 2) all[i] = -1;
    return all;
  }
  // None is negative: some are sums of squares.
  std::vector<float> states_of(int64_t n) {
    std::vector<float> all = numbers(n);
    for (float& x : all)
      if (x < 0) x = -x;
    return all;
  }
  // The last row of the values is among them: what is read beyond it is out of bounds.
  std::vector<int32_t> sources() {
    const auto rows = static_cast<int32_t>(value_rows);
    std::vector<int32_t> all = twin.integers(shape.rows, 0, rows - 1);
    all[0] = rows - 1;
    for (size_t i = 2; form.count >= 0 && i < all.size(); i += 30) all[i] = i % 4 == 0 ? rows : -1;
    return all;
  }
  void place_list() {
    const auto vocabulary = static_cast<int32_t>(shape.vocabulary);
    const std::vector<int32_t> random = twin.integers(shape.rows, 0, vocabulary - 1);
    if (form.count < 0) {
      indices = twin.slot(random);
      order = ints(shape.rows), starts = ints(shape.rows + 1), count = ints(1);
      return;
    }
    Lists lists(random);
    lists.spoil(vocabulary);
    indices = twin.slot(lists.indices), order = twin.slot(lists.order), starts = twin.slot(lists.starts);
    count = twin.slot(std::vector<int32_t>{static_cast<int32_t>(form.count)});
  }
  // Makes the list, unless it is there.
  void sort(Side side, std::vector<Op>& ops) const {
    if (form.count < 0) ops.push_back(sort(side));
  }

  SortRows sort(Side side) const {
    return {shape.rows,       shape.vocabulary,  {indices.on(side)},
            {order.on(side)}, {starts.on(side)}, {count.on(side)}};
  }
  RowList list(Side side) const {
    return {shape.rows,       shape.vocabulary,  {indices.on(side)},
            {order.on(side)}, {starts.on(side)}, {count.on(side)}};
  }
  RowGradient gradient(Side side) const {
    return {list(side),
            shape.dim,
            value_rows,
            {values.on(side)},
            {form.source ? source.on(side) : nullptr},
            {form.weights ? weights.on(side) : nullptr}};
  }
  RowTimes times(Side side) const { return {{last_step.on(side)}, {last_lr.on(side)}, {log_decay.on(side)}}; }
  CatchUpTable table(Side side) const {
    return {shape.dim, {clock.on(side)}, {p.on(side)}, {state[0].on(side)}, {state[1].on(side)}, times(side)};
  }
  SparseUpdate update(Side side, SparseMode mode, RuleId rule, const Slot<float>& prepared) const {
    SparseUpdate op = {};
    op.mode = mode, op.rule = rule, op.groups = 1;
    op.g = gradient(side);
    op.prepared.data = prepared.on(side), op.clock.data = clock.on(side);
    op.p.data = p.on(side);
    for (size_t i = 0; i < state.size(); i++) op.state[i].data = state[i].on(side);
    op.times = times(side);
    return op;
  }
};

void gradient_case(Report& report, Backend& cpu, Backend& cuda, const Shape& s, const Form& form) {
  Table table(report, cpu, cuda, s, form);
  const auto squares = table.twin.slot(table.twin.floats(s.rows));
  table.twin.run(name_of("sortRows, rowSquares, addRows", s), [&](Side side) {
    std::vector<Op> ops;
    table.sort(side, ops);
    ops.push_back(RowSquares{table.gradient(side), {squares.on(side)}});
    ops.push_back(AddRows{table.gradient(side), {table.p.on(side)}});
    return ops;
  });
}

// Watched around what changes the table.
void watched_case(Report& report, Backend& cpu, Backend& cuda, const Shape& s, const Form& form) {
  Table table(report, cpu, cuda, s, form);
  const auto control = table.twin.slot(std::vector<float>{0, 2, 0.25f, INFINITY, 0, 0, 0, 4});
  const auto kept = table.twin.slot(table.twin.floats(s.rows * s.dim)),
             partial = table.twin.slot(table.twin.floats(kSums * s.rows));
  const auto watch = [&](Side side, bool after) {
    return WatchRows{after,           table.gradient(side), {control.on(side)}, {table.p.on(side)},
                     {kept.on(side)}, {partial.on(side)}};
  };
  table.twin.run(name_of("watchRows", s), [&](Side side) {
    std::vector<Op> ops;
    table.sort(side, ops);
    ops.push_back(watch(side, false));
    ops.push_back(AddRows{table.gradient(side), {table.p.on(side)}});
    ops.push_back(watch(side, true));
    return ops;
  });
}

// A struct of doubles as they lie in memory.
template <class Words>
std::vector<double> doubles(const Words& words) {
  std::vector<double> values(sizeof words / sizeof(double));
  std::memcpy(values.data(), &words, sizeof words);
  return values;
}

// So many steps; for catchUp the rows are read before, and flushed at the end.
void update_case(Report& report, Backend& cpu, Backend& cuda, const Shape& s, const Form& form,
                 SparseMode mode, const RuleRow& rule, int steps) {
  Table table(report, cpu, cuda, s, form, rule_size(rule.id).states);
  Twin& twin = table.twin;
  const auto hyper = twin.slot(rule.hyper), running = twin.slot(rule.running);
  Settings steering = plain_settings();
  steering.clip_value = 2;
  Guard watching = {};
  watching.lr_factor = watching.loss_scale = 1;
  const auto settings = twin.slot(doubles(steering)), guard = twin.slot(doubles(watching));
  const auto norm = twin.slot(std::vector<float>(1));
  const auto prepared = twin.slot(std::vector<float>(static_cast<size_t>(prepared_size(rule.id, 1))));
  const bool catch_up = mode == SparseMode::kCatchUp;
  const auto advance = [&](Side side, std::vector<Op>& ops) {
    Advance op = {};
    op.rule = rule.id;
    op.groups = 1;
    op.hyper.data = hyper.on(side), op.running.data = running.on(side);
    op.settings.data = settings.on(side), op.guard.data = guard.on(side);
    op.norm.data = norm.on(side), op.prepared.data = prepared.on(side);
    ops.push_back(op);
    if (catch_up)
      ops.push_back(SparseClock{1, 0, {prepared.on(side)}, {running.on(side)}, {table.clock.on(side)}});
  };
  const std::string name =
      name_of(std::string("sparseUpdate ") + kSparseModeNames[static_cast<int>(mode)] + " " + rule.name(), s);
  const auto step = [&](Side side) {
    std::vector<Op> ops;
    table.sort(side, ops);
    if (catch_up) {
      for (int skipped = 0; skipped < 3; skipped++) advance(side, ops);
      ops.push_back(CatchUpRows{table.list(side), table.table(side)});
    }
    for (int skipped = 0; skipped < 2; skipped++) advance(side, ops);
    ops.push_back(table.update(side, mode, rule.id, prepared));
    return ops;
  };
  for (int i = 0; i < steps; i++) twin.run(name, step);
  if (steps > 1) twin.replay(name + " replayed", 2, step);
  if (!catch_up) return;
  twin.run(name + ", flush", [&](Side side) {
    std::vector<Op> ops;
    for (int skipped = 0; skipped < 70; skipped++) advance(side, ops);
    ops.push_back(SparseFlush{s.vocabulary, table.table(side)});
    return ops;
  });
}

// A step that the guard skipped leaves everything as it was: of the control's words only the first says so.
void skipped_case(Report& report, Backend& cpu, Backend& cuda, SparseMode mode, RuleId rule) {
  const Shape shape = {50, 7, 3};
  Table table(report, cpu, cuda, shape, {false, false}, rule_size(rule).states);
  std::vector<float> scalars = table.twin.floats(prepared_size(rule, 1));
  const float control[] = {1, 0, 1, INFINITY, 0, 0, 0, 1};
  std::copy(std::begin(control), std::end(control), scalars.begin());
  const auto prepared = table.twin.slot(scalars);
  const std::string name =
      name_of(std::string("skipped sparseUpdate ") + kSparseModeNames[static_cast<int>(mode)], shape);
  table.twin.run(name, [&](Side side) {
    std::vector<Op> ops;
    table.sort(side, ops);
    ops.push_back(table.update(side, mode, rule, prepared));
    return ops;
  });
}

// The last: more runs, and more rows, than the emulated GPU has warps at once.
constexpr Shape kShapes[] = {{1, 1, 1},        {50, 7, 3},    {200, 40, 64},
                             {300, 1000, 130}, {20, 5, 9000}, {900, 4000, 3}};
// Long runs, with every tail of a row.
constexpr Shape kTails[] = {{130, 5, 20}, {130, 5, 40}, {130, 5, 70}, {130, 5, 100}};
// The same, where the last row of the values is the first, second or third of its run.
constexpr Shape kShort[] = {{1, 1, 20}, {2, 1, 20}, {3, 1, 20}, {1, 1, 40},  {2, 1, 40},  {3, 1, 40},
                            {1, 1, 70}, {2, 1, 70}, {3, 1, 70}, {1, 1, 100}, {2, 1, 100}, {3, 1, 100}};
// Numbers of runs: fewer than a block has warps, fewer than there are, more than there can be.
constexpr int64_t kCounts[] = {5, 600, 1000000};

using OfShape = std::function<void(const Shape& shape, const Form& form)>;

// In all forms, right and wrong.
void for_shapes(const OfShape& f) {
  int number = 0;
  for (const Shape& shape : kShapes)
    for (int i = 0; i < 2; i++) f(shape, kForms[number++ % 4]);
  for (const Form& form : kForms) {
    for (const Shape& shape : kTails) f(shape, form);
    for (const Shape& shape : kShort) f(shape, form), f(shape, {form.source, form.weights, 1});
    for (int64_t count : kCounts) f({900, 4000, 3}, {form.source, form.weights, count});
  }
}

}  // namespace

void row_gradient_cases(Report& report, Backend& cpu, Backend& cuda) {
  for_shapes([&](const Shape& shape, const Form& form) {
    gradient_case(report, cpu, cuda, shape, form);
    watched_case(report, cpu, cuda, shape, form);
  });
  // A sum begins with +0.
  for (const Form& form : kForms)
    for (const Shape& shape : {Shape{130, 5, 100}, {1, 1, 100}})
      gradient_case(report, cpu, cuda, shape, {form.source, form.weights, -1, Numbers::kZeros});
  // What is not finite is counted, in rows of one chunk and of several.
  for (const Form& form : kForms)
    for (const Shape& shape : {Shape{130, 5, 100}, {4, 2, 20000}})
      watched_case(report, cpu, cuda, shape, {form.source, form.weights, -1, Numbers::kSpecial});
  // More chunks of a row than a fold would forgive.
  for (const Form& form : kForms) {
    gradient_case(report, cpu, cuda, {4, 2, 20000}, form);
    watched_case(report, cpu, cuda, {4, 2, 20000}, form);
  }
}

// Sums begin with +0 in updates too: the sign shows in what becomes of a -0.
static void zeros_case(Report& report, Backend& cpu, Backend& cuda, SparseMode mode, const RuleRow& rule) {
  for (const Form& form : kForms)
    for (const Shape& shape : {Shape{130, 5, 100}, {1, 1, 100}})
      update_case(report, cpu, cuda, shape, {form.source, form.weights, -1, Numbers::kZeros}, mode, rule, 1);
}

// Every rule in every form; what they have in common is tested with one.
void sparse_lazy_cases(Report& report, Backend& cpu, Backend& cuda) {
  const auto run = [&](const Shape& shape, const Form& form, const RuleRow& rule, int steps) {
    update_case(report, cpu, cuda, shape, form, SparseMode::kLazy, rule, steps);
  };
  skipped_case(report, cpu, cuda, SparseMode::kLazy, RuleId::kAdam);
  for (const RuleRow& rule : rule_rows()) zeros_case(report, cpu, cuda, SparseMode::kLazy, rule);
  for_shapes([&](const Shape& shape, const Form& form) { run(shape, form, row_of(RuleId::kAdam), 2); });
  for (const RuleRow& rule : rule_rows()) {
    for (const Form& form : kForms) {
      for (const Shape& shape : kTails) run(shape, form, rule, 1);
      for (const Shape& shape : kShort) run(shape, form, rule, 1);
      run({900, 4000, 1}, {form.source, form.weights, 600}, rule, 1);
    }
  }
}

void sparse_row_wise_cases(Report& report, Backend& cpu, Backend& cuda) {
  const RuleRow rules[] = {{RuleId::kAdaGrad, {0.1, 0.01, 0, 0, 0.02, 1e-10, 0, 0}, {0}},
                           {RuleId::kAdaGrad, {0.1, 0.01, 0, 1, 0, 1e-7, 1, 1}, {0}}};
  skipped_case(report, cpu, cuda, SparseMode::kRowWise, RuleId::kAdaGrad);
  zeros_case(report, cpu, cuda, SparseMode::kRowWise,
             {RuleId::kAdaGrad, {0.1, 0, 0, 0, 0, 1e-10, 0, 0}, {0}});
  int number = 0;
  for_shapes([&](const Shape& shape, const Form& form) {
    update_case(report, cpu, cuda, shape, form, SparseMode::kRowWise, rules[number++ / 2 % 2], 2);
  });
  for (const Form& form : kForms)
    update_case(report, cpu, cuda, {4, 2, 20000}, form, SparseMode::kRowWise, rules[0], 1);
}

// From a clock of which each word shows, by a step that was taken, and by one that was skipped.
static void clock_case(Report& report, Backend& cpu, Backend& cuda, double step, float lr, float keep) {
  Twin twin(report, cpu, cuda, 2);
  std::vector<float> scalars = twin.floats(prepared_size(RuleId::kAdam, 2));
  float* const row = scalars.data() + kControlWords + prepared_row(RuleId::kAdam);
  row[1] = lr;
  row[kRowHead + 1] = keep;
  const auto prepared = twin.slot(scalars);
  const auto running = twin.slot(std::vector<double>{step});
  const auto clock =
      twin.slot(std::vector<double>{3, 1.25, -7, -6.875, -6.75, 0.01, 0.2, 0.9, 0.99, 1e-3, 1});
  twin.run("sparseClock", [&](Side side) {
    return std::vector<Op>{SparseClock{2, 1, {prepared.on(side)}, {running.on(side)}, {clock.on(side)}}};
  });
}

void sparse_catch_up_cases(Report& report, Backend& cpu, Backend& cuda) {
  for (double step : {3.0, 4.0})
    for (float lr : {0.0f, 0.125f})
      for (float keep : {0.0f, 0.3f, 0.999f, 1.0f, 1.5f}) clock_case(report, cpu, cuda, step, lr, keep);
  // With an eps that shows beside the root of v.
  const RuleRow rules[] = {{RuleId::kAdam, {1e-2, 0.1, 0, 1, 0.9, 0.999, 0.03, 0}, {0, 1, 1}},
                           {RuleId::kAdam, {1e-2, 0.1, 0, 1, 0.9, 0.999, 0.05, 1}, {0, 1, 1}},
                           {RuleId::kAdam, {1e-2, 40, 1, 1, 0, 0.5, 1e-3, 0}, {0, 1, 1}}};
  skipped_case(report, cpu, cuda, SparseMode::kCatchUp, RuleId::kAdam);
  zeros_case(report, cpu, cuda, SparseMode::kCatchUp, rules[0]);
  int number = 0;
  for_shapes([&](const Shape& shape, const Form& form) {
    update_case(report, cpu, cuda, shape, form, SparseMode::kCatchUp, rules[number++ / 2 % 3], 2);
  });
}

}  // namespace adastep::test
