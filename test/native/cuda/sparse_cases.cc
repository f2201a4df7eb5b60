#include "core/ops/sparse.h"
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

// A gradient in rows on both sides, with everything that updates of its table need.
struct Table {
  Twin twin;
  const Shape shape;
  const bool mapped;
  const int64_t value_rows;
  const Slot<int32_t> indices, order, starts, count, source;
  const Slot<float> values, weights, p, m, v;
  const Slot<int32_t> last_step;
  const Slot<float> last_lr;
  const Slot<double> log_decay, clock;

  Table(Report& report, Backend& cpu, Backend& cuda, const Shape& s, bool mapped_)
      : twin(report, cpu, cuda, 1),
        shape(s),
        mapped(mapped_),
        value_rows(mapped_ ? s.rows / 3 + 1 : s.rows),
        indices(twin.slot(twin.integers(s.rows, 0, static_cast<int32_t>(s.vocabulary) - 1))),
        order(ints(s.rows)),
        starts(ints(s.rows + 1)),
        count(ints(1)),
        source(twin.slot(twin.integers(s.rows, 0, static_cast<int32_t>(value_rows) - 1))),
        values(twin.slot(twin.floats(value_rows * s.dim))),
        weights(twin.slot(twin.floats(s.rows))),
        p(twin.slot(twin.floats(s.vocabulary * s.dim))),
        m(twin.slot(std::vector<float>(static_cast<size_t>(s.vocabulary * s.dim)))),
        v(twin.slot(std::vector<float>(static_cast<size_t>(s.vocabulary * s.dim)))),
        last_step(ints(s.vocabulary)),
        last_lr(twin.slot(std::vector<float>(static_cast<size_t>(s.vocabulary)))),
        log_decay(twin.slot(std::vector<double>(static_cast<size_t>(s.vocabulary)))),
        clock(twin.slot(std::vector<double>(kClockWords))) {}

  Slot<int32_t> ints(int64_t n) { return twin.slot(std::vector<int32_t>(static_cast<size_t>(n))); }

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
            {mapped ? source.on(side) : nullptr},
            {mapped ? weights.on(side) : nullptr}};
  }
  RowTimes times(Side side) const { return {{last_step.on(side)}, {last_lr.on(side)}, {log_decay.on(side)}}; }
  CatchUpTable table(Side side) const {
    return {shape.dim, {clock.on(side)}, {p.on(side)}, {m.on(side)}, {v.on(side)}, times(side)};
  }
  SparseUpdate update(Side side, SparseMode mode, RuleId rule, const Slot<float>& prepared) const {
    return {mode,
            rule,
            1,
            0,
            gradient(side),
            {prepared.on(side)},
            {clock.on(side)},
            {p.on(side)},
            {{m.on(side)}, {v.on(side)}},
            times(side)};
  }
};

void gradient_case(Report& report, Backend& cpu, Backend& cuda, const Shape& s, bool mapped) {
  Table table(report, cpu, cuda, s, mapped);
  const auto squares = table.twin.slot(table.twin.floats(s.rows));
  table.twin.run(name_of("sortRows, rowSquares, addRows", s), [&](Side side) {
    return std::vector<Op>{table.sort(side), RowSquares{table.gradient(side), {squares.on(side)}},
                           AddRows{table.gradient(side), {table.p.on(side)}}};
  });
}

// A struct of doubles as they lie in memory.
template <class Words>
std::vector<double> doubles(const Words& words) {
  std::vector<double> values(sizeof words / sizeof(double));
  std::memcpy(values.data(), &words, sizeof words);
  return values;
}

struct Rule {
  SparseMode mode;
  RuleId id;
  std::vector<double> hyper, running;
};

// Several steps, each with rows of its own; for catchUp the rows are read before, and flushed at the end.
void update_case(Report& report, Backend& cpu, Backend& cuda, const Shape& s, bool mapped, const Rule& rule) {
  Table table(report, cpu, cuda, s, mapped);
  Twin& twin = table.twin;
  const auto hyper = twin.slot(rule.hyper), running = twin.slot(rule.running);
  Settings steering = {};
  steering.clip_value = 2;
  Guard watching = {};
  watching.lr_factor = watching.loss_scale = 1;
  const auto settings = twin.slot(doubles(steering)), guard = twin.slot(doubles(watching));
  const auto norm = twin.slot(std::vector<float>(1));
  const auto prepared = twin.slot(std::vector<float>(static_cast<size_t>(prepared_size(rule.id, 1))));
  const bool catch_up = rule.mode == SparseMode::kCatchUp;
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
      name_of(std::string("sparseUpdate ") + kSparseModeNames[static_cast<int>(rule.mode)] + " " +
                  kRuleNames[static_cast<int>(rule.id)],
              s);
  const auto step = [&](Side side) {
    std::vector<Op> ops = {table.sort(side)};
    if (catch_up) {
      for (int skipped = 0; skipped < 3; skipped++) advance(side, ops);
      ops.push_back(CatchUpRows{table.list(side), table.table(side)});
    }
    for (int skipped = 0; skipped < 2; skipped++) advance(side, ops);
    ops.push_back(table.update(side, rule.mode, rule.id, prepared));
    return ops;
  };
  for (int i = 0; i < 3; i++) twin.run(name, step);
  twin.replay(name + " replayed", 2, step);
  if (!catch_up) return;
  twin.run(name + ", flush", [&](Side side) {
    std::vector<Op> ops;
    for (int skipped = 0; skipped < 70; skipped++) advance(side, ops);
    ops.push_back(SparseFlush{s.vocabulary, table.table(side)});
    return ops;
  });
}

}  // namespace

void sort_cases(Report& report, Backend& cpu, Backend& cuda) {
  for (int64_t rows : {0, 1, 31, 33, 2047, 2049, 70000}) {
    for (int32_t vocabulary : {1, 50, 3000, 1 << 24, INT32_MAX}) {
      Twin twin(report, cpu, cuda, 1);
      const auto indices = twin.slot(twin.integers(rows, 0, vocabulary - 1));
      const auto order = twin.slot(twin.integers(rows, 0, 9)),
                 starts = twin.slot(twin.integers(rows + 1, 0, 9)), count = twin.slot(twin.integers(1, 0, 9));
      twin.run("sortRows " + std::to_string(rows) + " of " + std::to_string(vocabulary), [&](Side side) {
        return std::vector<Op>{SortRows{
            rows, vocabulary, {indices.on(side)}, {order.on(side)}, {starts.on(side)}, {count.on(side)}}};
      });
    }
  }
}

void sparse_cases(Report& report, Backend& cpu, Backend& cuda) {
  const Rule rules[] = {
      {SparseMode::kLazy, RuleId::kSgd, {0.1, 0.01, 0, 0}, {0}},
      {SparseMode::kLazy, RuleId::kSgdMomentum, {0.1, 0.01, 1, 0, 0.9, 0.1, 0, 0}, {0}},
      {SparseMode::kLazy, RuleId::kAdaGrad, {0.1, 0.01, 0, 0, 0.02, 1e-10, 0, 0}, {0}},
      {SparseMode::kLazy, RuleId::kAdam, {1e-3, 0.01, 0, 1, 0.9, 0.999, 1e-8, 0}, {0, 1, 1}},
      {SparseMode::kRowWise, RuleId::kAdaGrad, {0.1, 0.01, 0, 0, 0.02, 1e-10, 0, 0}, {0}},
      {SparseMode::kRowWise, RuleId::kAdaGrad, {0.1, 0.01, 0, 1, 0, 1e-7, 1, 1}, {0}},
      {SparseMode::kCatchUp, RuleId::kAdam, {1e-2, 0.1, 0, 1, 0.9, 0.999, 1e-8, 0}, {0, 1, 1}},
      {SparseMode::kCatchUp, RuleId::kAdam, {1e-2, 0.1, 0, 1, 0.9, 0.999, 1e-7, 1}, {0, 1, 1}},
      {SparseMode::kCatchUp, RuleId::kAdam, {1e-2, 40, 1, 1, 0, 0.5, 1e-3, 0}, {0, 1, 1}},
  };
  for (const Shape& shape :
       {Shape{1, 1, 1}, Shape{50, 7, 3}, Shape{200, 40, 64}, Shape{300, 1000, 130}, Shape{20, 5, 9000}}) {
    for (bool mapped : {false, true}) {
      gradient_case(report, cpu, cuda, shape, mapped);
      for (const Rule& rule : rules) update_case(report, cpu, cuda, shape, mapped, rule);
    }
  }
}

void bag_cases(Report& report, Backend& cpu, Backend& cuda) {
  struct {
    int64_t n, bags, vocabulary, dim;
    bool offsets, mean, weights;
  } const shapes[] = {{0, 3, 4, 5, true, false, false},     {1, 1, 1, 1, false, true, false},
                      {60, 20, 9, 3, false, true, false},   {500, 17, 60, 129, true, true, false},
                      {700, 30, 40, 33, true, false, true}, {40, 8, 9, 9000, false, false, true}};
  for (const auto& s : shapes) {
    Twin twin(report, cpu, cuda, 1);
    std::vector<int32_t> starts;
    for (int64_t b = 0; b < s.bags; b++)
      starts.push_back(static_cast<int32_t>(b * b * s.n / (s.bags * s.bags)));
    const auto offsets = twin.slot(starts);
    const auto indices = twin.slot(twin.integers(s.n, 0, static_cast<int32_t>(s.vocabulary) - 1));
    const auto table = twin.slot(twin.floats(s.vocabulary * s.dim)), weights = twin.slot(twin.floats(s.n)),
               y = twin.slot(twin.floats(s.bags * s.dim)), gy = twin.slot(twin.floats(s.bags * s.dim)),
               scale = twin.slot(twin.floats(s.n)), gweights = twin.slot(twin.floats(s.n));
    const auto bag = twin.slot(twin.integers(s.n, 0, 9));
    twin.run("embeddingBag " + std::to_string(s.n) + " in " + std::to_string(s.bags), [&](Side side) {
      const Bags bags = {s.n, s.bags, {s.offsets ? offsets.on(side) : nullptr}};
      const In<float> factors = {s.weights ? weights.on(side) : nullptr};
      return std::vector<Op>{
          EmbeddingBag{
              bags, s.vocabulary, s.dim, s.mean, {table.on(side)}, {indices.on(side)}, factors, {y.on(side)}},
          BagMap{bags, 2, s.mean, factors, {bag.on(side)}, {scale.on(side)}},
          BagWeightGrad{bags,
                        s.vocabulary,
                        s.dim,
                        {table.on(side)},
                        {indices.on(side)},
                        {gy.on(side)},
                        {gweights.on(side)}}};
    });
  }
}

}  // namespace adastep::test
