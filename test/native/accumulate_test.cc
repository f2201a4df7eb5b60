#include <cmath>

#include "check.h"

namespace adastep::test {

namespace {

struct Terms {
  TotalFn fn;
  int64_t rows, cols, groups;
  bool minus, grouped;
};

// The figures of one total, from all its terms at once.
std::vector<double> figures(TotalFn fn, const std::vector<double>& d) {
  double sum = 0, squares = 0;
  for (double x : d) sum += fn == TotalFn::kAbsolute ? std::fabs(x) : fn == TotalFn::kSquares ? x * x : x;
  if (fn != TotalFn::kSpread) return {sum};
  const double n = static_cast<double>(d.size()), mean = d.empty() ? 0 : sum / n;
  for (double x : d) squares += (x - mean) * (x - mean);
  return {n, mean, squares};
}

void accumulate_case(const Terms& c, float far) {
  const auto n = static_cast<size_t>(c.rows * c.cols);
  std::vector<float> a = numbers(c.rows * c.cols);
  for (float& x : a) x += far;
  const std::vector<float> b(n, 0.25f);
  std::vector<int32_t> group;
  for (int64_t r = 0; r < c.rows; r++) group.push_back(static_cast<int32_t>(r * 7 % (c.groups + 2)) - 1);

  const auto width = static_cast<size_t>(width_of(c.fn)), cols = static_cast<size_t>(c.cols);
  std::vector<double> expected(static_cast<size_t>(c.groups) * width * cols);
  for (size_t g = 0; g < static_cast<size_t>(c.groups); g++) {
    for (size_t j = 0; j < cols; j++) {
      std::vector<double> d;
      for (size_t r = 0; r < static_cast<size_t>(c.rows); r++) {
        if ((c.grouped ? group[r] : 0) != static_cast<int32_t>(g)) continue;
        d.push_back(2 * (static_cast<double>(a[r * cols + j]) - (c.minus ? 0.25 : 0.0)));
      }
      const std::vector<double> found = figures(c.fn, d);
      for (size_t w = 0; w < width; w++) expected[(g * width + w) * cols + j] = found[w];
    }
  }
  Array total = in(std::vector<double>(expected.size()));
  total.expected = expected;
  total.tolerance = 1e-12;  // of sums of thousands of doubles, in another order
  total.dtype = DType::kF64;
  run_case(std::string("accumulate ") + kTotalFnNames[static_cast<int>(c.fn)] + " " + std::to_string(c.rows) +
               "x" + std::to_string(c.cols) + " in " + std::to_string(c.groups),
           {in(a), in(b), in(group), total}, [c](const auto& data) {
             return Accumulate{c.fn,
                               c.rows,
                               c.cols,
                               c.groups,
                               2,
                               input<float>(data[0]),
                               input<float>(c.minus ? data[1] : nullptr),
                               input<int32_t>(c.grouped ? data[2] : nullptr),
                               both<double>(data[3])};
           });
}

// Counting goes on behind 2^24, where f32 would stop.
void counts() {
  Array total = in(std::vector<double>{16777216.0, 9007199254740990.0});
  total.expected = {16777219.0, 9007199254740991.0};
  total.dtype = DType::kF64;
  run_case("accumulate counts", {in(std::vector<float>{1, 1, 1, 0, 1, 0}), total}, [](const auto& data) {
    return Accumulate{TotalFn::kSum,        3, 2, 1, 1, input<float>(data[0]), {nullptr}, {nullptr},
                      both<double>(data[1])};
  });
}

}  // namespace

void test_accumulate() {
  for (const TotalFn fn : {TotalFn::kSum, TotalFn::kAbsolute, TotalFn::kSquares, TotalFn::kSpread}) {
    accumulate_case({fn, 1000, 1, 1, false, false}, 0);
    accumulate_case({fn, 1000, 3, 1, true, false}, 0);
    accumulate_case({fn, 257, 700, 1, true, false}, 0);
    accumulate_case({fn, 999, 2, 5, false, true}, 0);
    accumulate_case({fn, 0, 4, 2, true, true}, 0);
  }
  // Far from 0, in double and row by row: sums of squares would have lost seven digits of the spread.
  accumulate_case({TotalFn::kSpread, 5000, 3, 1, false, false}, 10000);
  counts();
}

}  // namespace adastep::test
