#include <algorithm>
#include <string>

#include "twin.h"

namespace adastep::test {

namespace {

struct Case {
  int64_t rows, cols, groups;
};
// Rows of all remainders of four, which are loaded together, and more totals than the emulated GPU has
// threads at once.
constexpr Case kCases[] = {{2, 3, 2},  {3, 3, 1},   {4, 3, 2}, {5, 3, 1},     {6, 3, 2},
                           {0, 3, 1},  {1, 1, 1},   {7, 5, 1}, {8, 5, 2},     {9, 5, 3},
                           {33, 2, 7}, {100, 1, 4}, {5, 0, 2}, {3, 40001, 1}, {17, 3001, 6}};

void accumulate(Report& report, Backend& cpu, Backend& cuda, TotalFn fn, const Case& c, bool special) {
  for (bool minus : {false, true}) {
    for (bool grouped : {false, true}) {
      if (!grouped && c.rows > 0 && c.cols > 3000) continue;
      Twin twin(report, cpu, cuda, 4);
      const auto a = twin.slot(twin.floats(c.rows * c.cols, special));
      const auto b = twin.slot(twin.floats(c.rows * c.cols, special));
      // Some rows are in no group.
      const auto group = twin.slot(twin.integers(c.rows, -1, static_cast<int32_t>(c.groups)));
      std::vector<double> before;
      for (float value : twin.floats(c.groups * width_of(fn) * c.cols)) before.push_back(value);
      if (fn == TotalFn::kSpread) std::fill(before.begin(), before.end(), 0.0);
      const auto total = twin.slot(before);
      const auto name = std::string("accumulate ") + kTotalFnNames[static_cast<int>(fn)] + " " +
                        std::to_string(c.rows) + "x" + std::to_string(c.cols) + " in " +
                        std::to_string(c.groups);
      twin.replay(name, 2, [&](Side side) {
        return std::vector<Op>{Accumulate{fn,
                                          c.rows,
                                          c.cols,
                                          c.groups,
                                          1.7,
                                          {a.on(side)},
                                          {minus ? b.on(side) : nullptr},
                                          {grouped ? group.on(side) : nullptr},
                                          {total.on(side)}}};
      });
    }
  }
}

}  // namespace

void accumulate_cases(Report& report, Backend& cpu, Backend& cuda) {
  for (const Case& c : kCases) {
    for (TotalFn fn : {TotalFn::kSum, TotalFn::kAbsolute, TotalFn::kSquares}) {
      for (bool special : {false, true}) accumulate(report, cpu, cuda, fn, c, special);
    }
  }
}

void spread_cases(Report& report, Backend& cpu, Backend& cuda) {
  for (const Case& c : kCases) {
    for (bool special : {false, true}) accumulate(report, cpu, cuda, TotalFn::kSpread, c, special);
  }
}

}  // namespace adastep::test
