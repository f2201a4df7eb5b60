#include "twin.h"

namespace adastep::test {

namespace {

// More windows, and more elements, than the emulated GPU has warps and threads at once; borders of every
// kind.
constexpr Windows kCases[] = {
    {2, 9, 7, 5, 3, 3, 1, 1, 1, 1, 9, 7},   {3, 28, 28, 1, 5, 5, 1, 1, 2, 2, 28, 28},
    {1, 11, 6, 70, 5, 2, 3, 2, 2, 1, 4, 4}, {4, 20, 20, 33, 3, 3, 2, 1, 1, 0, 10, 18},
    {2, 5, 5, 3, 1, 1, 2, 2, 0, 0, 3, 3},   {0, 5, 5, 3, 3, 3, 1, 1, 1, 1, 5, 5},
    {1, 3, 3, 2, 3, 3, 1, 1, 2, 2, 5, 5},   {2, 16, 16, 64, 2, 2, 2, 2, 0, 0, 8, 8},
    {1, 9, 9, 4, 2, 2, 3, 3, 0, 0, 2, 2}};

std::string name_of(const char* op, const Windows& of) {
  return std::string(op) + " " + std::to_string(of.kernel_h) + "x" + std::to_string(of.kernel_w) + " of " +
         std::to_string(of.h) + "x" + std::to_string(of.w) + "x" + std::to_string(of.c);
}

}  // namespace

void unfold_cases(Report& report, Backend& cpu, Backend& cuda) {
  const auto run = [&](const Windows& of) {
    Twin twin(report, cpu, cuda, 21);
    const int64_t columns = of.rows() * of.row_length();
    const auto x = twin.slot(twin.floats(of.image_extent())), gy = twin.slot(twin.floats(columns));
    const auto y = twin.slot(std::vector<float>(static_cast<size_t>(columns), 7));
    const auto gx = twin.slot(std::vector<float>(static_cast<size_t>(of.image_extent()), 7));
    twin.run(name_of("unfold", of), [&](Side side) {
      return std::vector<Op>{Unfold{of, {x.on(side)}, {y.on(side)}}, Fold{of, {gy.on(side)}, {gx.on(side)}}};
    });
  };
  for (const Windows& of : kCases) run(of);
  run({1, 9, 9, 2, 7, 7, 1, 1, 0, 0, 2, 2});  // fewer windows than fit
  run({1, 2, 2, 3, 1, 2, 1, 1, 3, 4, 8, 9});  // windows that lie in the padding wholly
}

void max_pool_cases(Report& report, Backend& cpu, Backend& cuda) {
  for (const Windows& of : kCases) {
    for (bool special : {false, true}) {
      Twin twin(report, cpu, cuda, 22);
      const auto count = static_cast<size_t>(of.rows() * of.c);
      std::vector<float> values = twin.floats(of.image_extent(), special);
      for (size_t i = 0; i < values.size(); i += 5) values[i] = 1.5f;  // equals
      const auto x = twin.slot(values), gy = twin.slot(twin.floats(of.rows() * of.c));
      const auto y = twin.slot(std::vector<float>(count, 7));
      const auto index = twin.slot(std::vector<int32_t>(count, 7));
      const auto gx = twin.slot(std::vector<float>(values.size(), 7));
      twin.run(name_of("maxPool", of), [&](Side side) {
        return std::vector<Op>{MaxPool{of, {x.on(side)}, {y.on(side)}, {index.on(side)}},
                               MaxPoolGrad{of, {gy.on(side)}, {index.on(side)}, {gx.on(side)}}};
      });
    }
  }
}

}  // namespace adastep::test
