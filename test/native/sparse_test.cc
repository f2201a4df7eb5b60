// Every operation that takes a gradient in rows, against plain references in double.
#include "core/ops/sparse.h"

#include <cmath>

#include "rows.h"

namespace adastep::test {

namespace {

// A gradient in rows, its arrays in the order of `take`, and its dense form in double.
struct Gradient {
  int64_t rows, vocabulary, dim, value_rows;
  bool mapped;
  std::vector<Array> arrays;
  std::vector<double> dense;
  Sorted sorted;

  Gradient(int64_t rows_, int64_t vocabulary_, int64_t dim_, bool mapped_)
      : rows(rows_),
        vocabulary(vocabulary_),
        dim(dim_),
        value_rows(mapped_ ? rows_ / 3 + 1 : rows_),
        mapped(mapped_),
        dense(static_cast<size_t>(vocabulary_ * dim_)),
        sorted(skewed(rows_, vocabulary_, 5), vocabulary_) {
    const Ints indices = skewed(rows, vocabulary, 5), source = skewed(rows, value_rows, 1);
    const std::vector<float> values = numbers(value_rows * dim), weights = numbers(rows);
    arrays = {in(indices), in(sorted.order), in(sorted.starts), in(sorted.count),
              in(values),  in(source),       in(weights)};
    for (size_t i = 0; i < static_cast<size_t>(rows); i++) {
      for (int64_t j = 0; j < dim; j++) {
        const int64_t from = mapped ? source[i] : static_cast<int64_t>(i);
        dense[static_cast<size_t>(indices[i] * dim + j)] +=
            (mapped ? weights[i] : 1.0) * static_cast<double>(values[static_cast<size_t>(from * dim + j)]);
      }
    }
  }
  RowList list(const std::vector<void*>& d) const {
    return {rows,
            vocabulary,
            input<int32_t>(d[0]),
            input<int32_t>(d[1]),
            input<int32_t>(d[2]),
            input<int32_t>(d[3])};
  }
  RowGradient take(const std::vector<void*>& d) const {
    return {list(d),
            dim,
            value_rows,
            input<float>(d[4]),
            input<int32_t>(mapped ? d[5] : nullptr),
            input<float>(mapped ? d[6] : nullptr)};
  }
  std::string name() const {
    return " " + std::to_string(rows) + " of " + std::to_string(vocabulary) + "x" + std::to_string(dim) +
           (mapped ? " mapped" : "");
  }
  bool touched(int64_t row) const {
    for (int64_t r = 0; r < rows; r++)
      if (skewed(rows, vocabulary, 5)[static_cast<size_t>(r)] == row) return true;
    return false;
  }
};

void gradient_case(const Gradient& g) {
  std::vector<double> squares(static_cast<size_t>(g.rows));
  const Ints indices = skewed(g.rows, g.vocabulary, 5);
  for (size_t r = 0; r < static_cast<size_t>(g.sorted.count[0]); r++) {
    const int64_t row = indices[static_cast<size_t>(g.sorted.order[static_cast<size_t>(g.sorted.starts[r])])];
    for (int64_t j = 0; j < g.dim; j++)
      squares[r] += std::pow(g.dense[static_cast<size_t>(row * g.dim + j)], 2);
  }
  std::vector<Array> arrays = g.arrays;
  arrays.push_back(out(squares, 10 * kTolerance));
  run_case("rowSquares" + g.name(), arrays, [&](const auto& d) {
    return RowSquares{g.take(d), output<float>(d[7])};
  });

  const std::vector<float> before = numbers(g.vocabulary * g.dim);
  std::vector<double> after = g.dense;
  for (size_t i = 0; i < after.size(); i++) after[i] += before[i];
  arrays.back() = inout(before, after, kTolerance);
  run_case("addRows" + g.name(), arrays, [&](const auto& d) {
    return AddRows{g.take(d), both<float>(d[7])};
  });
}

// The rows in use before an update and after it; nothing at a step that does not watch.
void watched_case(const Gradient& g, bool after, float level) {
  const float unscale = 0.25f;
  const size_t rows = static_cast<size_t>(g.rows), dim = static_cast<size_t>(g.dim);
  const std::vector<float> p = numbers(g.vocabulary * g.dim), kept = numbers(g.rows * g.dim, 0, 3),
                           partial(static_cast<size_t>(kSums) * rows, 7.0f);
  const Ints indices = skewed(g.rows, g.vocabulary, 5);
  std::vector<double> want_kept(kept.begin(), kept.end()), want(partial.begin(), partial.end());
  const auto column = [&](Sum sum, size_t r) -> double& { return want[static_cast<size_t>(sum) * rows + r]; };
  for (size_t r = 0; level >= 2 && r < static_cast<size_t>(g.sorted.count[0]); r++) {
    const size_t row = static_cast<size_t>(
        indices[static_cast<size_t>(g.sorted.order[static_cast<size_t>(g.sorted.starts[r])])]);
    for (Sum sum : {Sum::kUpdate, Sum::kLargest})
      if (after) column(sum, r) = 0;
    for (Sum sum : {Sum::kGradient, Sum::kNonFinite, Sum::kParameter})
      if (!after) column(sum, r) = 0;
    for (size_t j = 0; j < dim; j++) {
      const double old = p[row * dim + j], moved = std::fabs(old - static_cast<double>(kept[r * dim + j]));
      if (after) {
        column(Sum::kUpdate, r) += moved * moved;
        column(Sum::kLargest, r) = std::max(column(Sum::kLargest, r), moved);
        continue;
      }
      column(Sum::kGradient, r) += std::pow(g.dense[row * dim + j] * unscale, 2);
      column(Sum::kParameter, r) += old * old;
      want_kept[r * dim + j] = old;
    }
  }
  std::vector<Array> arrays = g.arrays;
  arrays.push_back(in(std::vector<float>{0, level, unscale, INFINITY, 0, 0, 0, 4}));
  arrays.push_back(in(p));
  arrays.push_back(inout(kept, want_kept, 0));
  arrays.push_back(inout(partial, want, 10 * kTolerance));
  run_case("watchRows" + g.name(), arrays, [&](const auto& d) {
    return WatchRows{
        after, g.take(d), input<float>(d[7]), input<float>(d[8]), both<float>(d[9]), both<float>(d[10])};
  });
}

// AdaGrad: lazily, and with an accumulator per row.
void adagrad_case(const Gradient& g, bool row_wise) {
  const double factor = -0.5, lr = 0.1, decay = 0.01, eps = 1e-8;
  const std::vector<float> prepared = prepared_words(-0.5f, 0.1f, {0.01f, 1, 0.1f, 0, 1e-8f, 0.1f});
  const std::vector<float> p = numbers(g.vocabulary * g.dim);
  const std::vector<float> state = numbers(row_wise ? g.vocabulary : g.vocabulary * g.dim, 0, 1);
  std::vector<double> want_p(p.begin(), p.end()), want(state.begin(), state.end());
  for (int64_t row = 0; row < g.vocabulary; row++) {
    if (!g.touched(row)) continue;
    double mean = 0;
    const auto gradient = [&](size_t i) { return factor * g.dense[i] + decay * p[i]; };
    const size_t first = static_cast<size_t>(row * g.dim), last = first + static_cast<size_t>(g.dim);
    for (size_t i = first; i < last; i++) mean += gradient(i) * gradient(i) / static_cast<double>(g.dim);
    if (row_wise) want[static_cast<size_t>(row)] += mean;
    for (size_t i = first; i < last; i++) {
      if (!row_wise) want[i] += gradient(i) * gradient(i);
      const double s = want[row_wise ? static_cast<size_t>(row) : i];
      want_p[i] -= lr * gradient(i) / (std::sqrt(s) + eps);
    }
  }
  std::vector<Array> arrays = g.arrays;
  arrays.push_back(in(prepared));
  arrays.push_back(inout(p, want_p, kTolerance));
  arrays.push_back(inout(state, want, 10 * kTolerance));
  run_case(std::string(row_wise ? "row-wise" : "lazy") + " AdaGrad" + g.name(), arrays, [&](const auto& d) {
    SparseUpdate op{};
    op.mode = row_wise ? SparseMode::kRowWise : SparseMode::kLazy;
    op.rule = RuleId::kAdaGrad;
    op.groups = 1;
    op.g = g.take(d);
    op.prepared = input<float>(d[7]);
    op.p = both<float>(d[8]);
    op.state[0] = both<float>(d[9]);
    return op;
  });
}

// Adam at step 40 with rows that were touched last at step 0 (never), 20, 30 and 39.
struct AdamTable {
  static constexpr double kLr = 0.01, kDecay = 0.1, kBeta1 = 0.9, kBeta2 = 0.99, kEps = 1e-8;
  static constexpr int kStep = 40;
  int64_t vocabulary, dim;
  std::vector<float> p, m, v, last_lr;
  Ints last_step;
  std::vector<double> log_decay, clock;

  AdamTable(int64_t vocabulary_, int64_t dim_)
      : vocabulary(vocabulary_),
        dim(dim_),
        p(numbers(vocabulary_ * dim_)),
        m(numbers(vocabulary_ * dim_)),
        v(numbers(vocabulary_ * dim_, 0.5f, 1.5f)),
        last_lr(static_cast<size_t>(vocabulary_), static_cast<float>(kLr)),
        clock(clock_at(kStep)) {
    for (int64_t row = 0; row < vocabulary; row++) {
      const int last[] = {0, 20, 30, 39};
      last_step.push_back(last[row % 4]);
      log_decay.push_back(clock_at(last[row % 4])[4]);
    }
    for (size_t i = 0; i < m.size(); i++)
      if (last_step[i / static_cast<size_t>(dim)] == 0) m[i] = v[i] = 0;
  }

  static std::vector<float> prepared(int t) {
    return prepared_words(
        1, static_cast<float>(kLr),
        {0.0f, static_cast<float>(1 - kLr * kDecay), static_cast<float>(kBeta1),
         static_cast<float>(1 - kBeta1), static_cast<float>(kBeta2), static_cast<float>(1 - kBeta2),
         static_cast<float>(kLr / (1 - std::pow(kBeta1, t))),
         static_cast<float>(1 / std::sqrt(1 - std::pow(kBeta2, t))), static_cast<float>(kEps)});
  }
  static std::vector<double> clock_at(int steps) {
    std::vector<double> clock(kClockWords);
    for (int t = 1; t <= steps; t++) {
      const std::vector<float> words = prepared(t);
      const double step = t;
      open_cpu("", 1)->run({SparseClock{1, 0, {words.data()}, {&step}, {clock.data()}}});
    }
    return clock;
  }

  std::vector<Array> arrays() const {
    std::vector<Array> list = {in(clock), in(p), in(m), in(v), in(last_step), in(last_lr), in(log_decay)};
    return list;
  }
  CatchUpTable take(const std::vector<void*>& d, size_t at) const {
    return {dim,
            input<double>(d[at]),
            both<float>(d[at + 1]),
            both<float>(d[at + 2]),
            both<float>(d[at + 3]),
            times(d, at + 4)};
  }
  static RowTimes times(const std::vector<void*>& d, size_t at) {
    return {both<int32_t>(d[at]), both<float>(d[at + 1]), both<double>(d[at + 2])};
  }

  // One element to the end of step `until` by steps with a gradient of 0, and one more with `g`.
  void advance(size_t i, int until, const double* g, double& p_, double& m_, double& v_) const {
    p_ = p[i], m_ = m[i], v_ = v[i];
    const int last = last_step[i / static_cast<size_t>(dim)];
    for (int t = last + 1; t <= until + (g ? 1 : 0); t++) {
      const double gradient = t > until ? *g : 0;
      m_ = kBeta1 * m_ + (1 - kBeta1) * gradient;
      v_ = kBeta2 * v_ + (1 - kBeta2) * gradient * gradient;
      const double step = m_ / (1 - std::pow(kBeta1, t)) / (std::sqrt(v_ / (1 - std::pow(kBeta2, t))) + kEps);
      p_ = p_ * (1 - kLr * kDecay) - (v_ > 0 ? kLr * step : 0);
    }
  }
};

// The closed form is near the skipped steps, in which an element moves by .3 at most: within 1 % of that.
constexpr double kNear = 3e-3;

// Expects of each row either all steps, or nothing.
std::vector<Array> expected(const AdamTable& table, int until, const double* g,
                            const std::function<bool(int64_t)>& moves) {
  std::vector<double> p, m, v;
  for (size_t i = 0; i < table.p.size(); i++) {
    double now[3] = {table.p[i], table.m[i], table.v[i]};
    if (moves(static_cast<int64_t>(i) / table.dim))
      table.advance(i, until, g ? g + i : nullptr, now[0], now[1], now[2]);
    p.push_back(now[0]), m.push_back(now[1]), v.push_back(now[2]);
  }
  std::vector<Array> arrays = table.arrays();
  arrays[1] = inout(table.p, p, kNear);
  arrays[2] = inout(table.m, m, kTolerance);
  arrays[3] = inout(table.v, v, kTolerance);
  std::vector<double> steps;
  for (int64_t row = 0; row < table.vocabulary; row++)
    steps.push_back(moves(row) ? AdamTable::kStep : table.last_step[static_cast<size_t>(row)]);
  arrays[4].expected = steps;
  return arrays;
}

void catch_up_case(const Gradient& g) {
  const AdamTable table(g.vocabulary, g.dim);
  const auto touched = [&](int64_t row) { return g.touched(row); };

  run_case("sparseFlush" + g.name(), expected(table, AdamTable::kStep, nullptr, [](int64_t) { return true; }),
           [&](const auto& d) {
             return SparseFlush{g.vocabulary, table.take(d, 0)};
           });

  std::vector<Array> arrays = g.arrays;
  for (const Array& array : expected(table, AdamTable::kStep, nullptr, touched)) arrays.push_back(array);
  run_case("catchUpRows" + g.name(), arrays, [&](const auto& d) {
    return CatchUpRows{g.list(d), table.take(d, 7)};
  });

  arrays = g.arrays;
  for (const Array& array : expected(table, AdamTable::kStep - 1, g.dense.data(), touched))
    arrays.push_back(array);
  arrays.push_back(in(AdamTable::prepared(AdamTable::kStep)));
  run_case("catch-up Adam" + g.name(), arrays, [&](const auto& d) {
    return SparseUpdate{SparseMode::kCatchUp,
                        RuleId::kAdam,
                        1,
                        0,
                        g.take(d),
                        input<float>(d[14]),
                        input<double>(d[7]),
                        both<float>(d[8]),
                        {both<float>(d[9]), both<float>(d[10])},
                        AdamTable::times(d, 11)};
  });
}

void skip_case(const Gradient& g) {
  std::vector<float> prepared = prepared_words(1, 0.1f, {0, 1, 0.1f});
  prepared[0] = 1;
  const std::vector<float> p = numbers(g.vocabulary * g.dim);
  std::vector<Array> arrays = g.arrays;
  arrays.push_back(in(prepared));
  arrays.push_back(inout(p, {p.begin(), p.end()}, 0));
  run_case("a step that is skipped" + g.name(), arrays, [&](const auto& d) {
    SparseUpdate op{};
    op.mode = SparseMode::kLazy;
    op.rule = RuleId::kSgd;
    op.groups = 1;
    op.g = g.take(d);
    op.prepared = input<float>(d[7]);
    op.p = both<float>(d[8]);
    return op;
  });
}

// Step 2 after a step 1: the products of keep, packed.
void clock_case() {
  Array clock = in(AdamTable::clock_at(1));
  const double keep = static_cast<double>(static_cast<float>(1 - AdamTable::kLr * AdamTable::kDecay));
  const auto packed = [](double product) { return -1 + (2 * product - 1); };
  const double lr = AdamTable::kLr, beta1 = AdamTable::kBeta1, beta2 = AdamTable::kBeta2;
  clock.expected = {2,  2 * keep * keep,   -1,    packed(keep), packed(keep * keep),
                    lr, AdamTable::kDecay, beta1, beta2,        AdamTable::kEps,
                    0};
  clock.tolerance = 1e-5;
  clock.dtype = DType::kF64;
  run_case("sparseClock", {in(AdamTable::prepared(2)), in(std::vector<double>{2}), clock}, [](const auto& d) {
    return SparseClock{1, 0, input<float>(d[0]), input<double>(d[1]), both<double>(d[2])};
  });
  Array skipped = in(AdamTable::clock_at(2));
  const std::vector<double> before = AdamTable::clock_at(2);
  skipped.expected = before;
  skipped.dtype = DType::kF64;
  run_case("sparseClock, a step that was skipped",
           {in(AdamTable::prepared(3)), in(std::vector<double>{2}), skipped}, [](const auto& d) {
             return SparseClock{1, 0, input<float>(d[0]), input<double>(d[1]), both<double>(d[2])};
           });
}

}  // namespace

void test_sparse() {
  for (bool mapped : {false, true}) {
    for (const Gradient& g : {Gradient(1, 3, 5, mapped), Gradient(40, 8, 100, mapped),
                              Gradient(700, 300, 33, mapped), Gradient(12, 5, 5000, mapped)}) {
      gradient_case(g);
      for (bool after : {false, true}) watched_case(g, after, 2);
      watched_case(g, false, 1);
      adagrad_case(g, false);
      adagrad_case(g, true);
      catch_up_case(g);
      skip_case(g);
    }
  }
  clock_case();
}

}  // namespace adastep::test
