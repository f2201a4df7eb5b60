// Adaptive clipping of gradients against its formula in double.
#include <cmath>

#include "core/convert.h"
#include "units.h"

namespace adastep::test {

namespace {

double norm_of(const std::vector<float>& values, int64_t first, int64_t n) {
  double sum = 0;
  for (int64_t i = first; i < first + n; i++)
    sum += std::pow(static_cast<double>(values[static_cast<size_t>(i)]), 2);
  return std::sqrt(sum);
}

// The gradients after clipping; those between the units stay.
std::vector<double> clipped(const UnitCase& c, double loss_scale) {
  std::vector<double> expected(c.g.begin(), c.g.end());
  for (const Units& of : c.units) {
    for (int64_t row = 0; row < of.rows; row++) {
      const int64_t p = of.p + row * of.cols, g = of.g + row * of.cols;
      const double norm = norm_of(c.g, g, of.cols) / loss_scale;
      const double most =
          static_cast<double>(c.limit) * std::max(norm_of(c.p, p, of.cols), static_cast<double>(c.eps));
      if (!(norm > most)) continue;
      for (int64_t i = g; i < g + of.cols; i++) expected[static_cast<size_t>(i)] *= most / norm;
    }
  }
  return expected;
}

void against_the_formula(const UnitCase& c, float loss_scale, const std::string& name) {
  const std::vector<float> scale = {loss_scale};
  run_case("adaptiveClip " + name,
           {in(c.bytes()), in(scale), in(c.p), inout(c.g, clipped(c, loss_scale), 1e-5)},
           [&](const std::vector<void*>& d) { return c.op(DType::kF32, d[0], d[1], d[2], d[3]); });
}

// A table that says what cannot be: nothing is written.
void tables_that_are_none() {
  const UnitCase good({{3, 5}});
  const Units fit = good.units[0];
  for (const Units& wrong :
       {Units{-1, 3, 5, fit.p, fit.g}, Units{0, 3, 0, fit.p, fit.g}, Units{0, 3, 6, fit.p, fit.g},
        Units{0, 3, 5, -1, fit.g}, Units{0, 3, 5, fit.p, good.g_size() - 14},
        Units{0, INT64_MAX, 5, fit.p, fit.g}, Units{0, 3, -5, fit.p, fit.g}}) {
    UnitCase c = good;
    c.units = {wrong};
    c.longest = 5;
    run_case("adaptiveClip, a table that is none",
             {in(c.bytes()), in(std::vector<float>{0, 0, 1, INFINITY, 0, 0, 0, 1}), in(c.p),
              inout(c.g, {c.g.begin(), c.g.end()}, 0)},
             [&](const std::vector<void*>& d) { return c.op(DType::kF32, d[0], d[1], d[2], d[3]); });
  }
}

}  // namespace

void test_clip() {
  const UnitCase some({{1, 33}, {40, 17}, {3, 4096}, {2, 4097}, {1, 20000}, {5, 1}});
  against_the_formula(some, 1, "of several parameters");
  against_the_formula(some, 64, "with a loss scale");
  against_the_formula(UnitCase({}), 1, "of nothing");
  against_the_formula(UnitCase({{700, 40}}), 1, "of many rows");
  tables_that_are_none();
}

}  // namespace adastep::test
