#include "twin.h"

namespace adastep::test {

namespace {

struct Shape {
  int64_t rows, cols;
};
// 600 rows, and 70 of more than a chunk: more than the emulated GPU has warps, and blocks, at once.
constexpr Shape kShapes[] = {{600, 70}, {70, 4097}, {0, 5},    {1, 1},    {7, 10},    {3, 31},    {5, 32},
                             {4, 33},   {20, 128},  {2, 4096}, {3, 4097}, {1, 20000}, {2, 140000}};

std::string name_of(const char* op, Shape s) {
  return std::string(op) + " " + std::to_string(s.rows) + "x" + std::to_string(s.cols);
}

}  // namespace

void reduce_cases(Report& report, Backend& cpu, Backend& cuda) {
  struct {
    int64_t outer, n, inner;
  } const shapes[] = {{0, 5, 1},    {3, 0, 1},    {3, 0, 2},      {1, 1, 1},   {5, 7, 1},    {9, 33, 1},
                      {2, 4096, 1}, {2, 4097, 1}, {1, 300000, 1}, {1, 10, 40}, {600, 90, 1}, {1, 3, 2100},
                      {3, 50, 7},   {2, 33, 32},  {1, 4097, 3},   {2, 9000, 5}};
  for (const auto& s : shapes) {
    for (ReduceFn fn : {ReduceFn::kSum, ReduceFn::kSumSquares, ReduceFn::kMax}) {
      for (bool special : {false, true}) {
        Twin twin(report, cpu, cuda, 1);
        const auto x = twin.slot(twin.floats(s.outer * s.n * s.inner, special));
        const auto y = twin.slot(std::vector<float>(static_cast<size_t>(s.outer * s.inner)));
        twin.run(
            std::string("reduce ") + kReduceFnNames[static_cast<int>(fn)] + " " + std::to_string(s.outer) +
                "x" + std::to_string(s.n) + "x" + std::to_string(s.inner),
            [&](Side side) {
              return std::vector<Op>{Reduce{fn, s.outer, s.n, s.inner, 0.37f, {x.on(side)}, {y.on(side)}}};
            });
      }
    }
  }
}

void argmax_cases(Report& report, Backend& cpu, Backend& cuda) {
  for (const Shape& s : kShapes) {
    for (int kind = 0; kind < 3; kind++) {
      Twin twin(report, cpu, cuda, 2);
      std::vector<float> values = twin.floats(s.rows * s.cols, kind == 1);
      if (kind == 2) {
        for (float& value : values) value = value > 1 ? 1 : -1;  // ties
      }
      const auto x = twin.slot(values);
      const auto y = twin.slot(std::vector<int32_t>(static_cast<size_t>(s.rows)));
      twin.run(name_of("argmax", s), [&](Side side) {
        return std::vector<Op>{ArgMax{s.rows, s.cols, {x.on(side)}, {y.on(side)}}};
      });
    }
  }
}

void softmax_cases(Report& report, Backend& cpu, Backend& cuda) {
  for (const Shape& s : kShapes) {
    for (bool log : {false, true}) {
      Twin twin(report, cpu, cuda, 3);
      const auto n = static_cast<size_t>(s.rows * s.cols);
      const auto x = twin.slot(twin.floats(s.rows * s.cols)), gy = twin.slot(twin.floats(s.rows * s.cols));
      const auto y = twin.slot(std::vector<float>(n)), gx = twin.slot(std::vector<float>(n));
      twin.run(name_of(log ? "log-softmax" : "softmax", s), [&](Side side) {
        return std::vector<Op>{Softmax{log, s.rows, s.cols, {x.on(side)}, {y.on(side)}},
                               SoftmaxGrad{log, s.rows, s.cols, {y.on(side)}, {gy.on(side)}, {gx.on(side)}}};
      });
      twin.run(name_of("softmax in place", s), [&](Side side) {
        return std::vector<Op>{Softmax{log, s.rows, s.cols, {x.on(side)}, {x.on(side)}},
                               SoftmaxGrad{log, s.rows, s.cols, {x.on(side)}, {gy.on(side)}, {gy.on(side)}}};
      });
    }
  }
}

void cross_entropy_cases(Report& report, Backend& cpu, Backend& cuda) {
  for (const Shape& s : kShapes) {
    Twin twin(report, cpu, cuda, 4);
    const auto rows = static_cast<size_t>(s.rows);
    const auto x = twin.slot(twin.floats(s.rows * s.cols)), gloss = twin.slot(twin.floats(s.rows));
    const auto labels = twin.slot(twin.integers(s.rows, 0, static_cast<int32_t>(s.cols) - 1));
    const auto loss = twin.slot(std::vector<float>(rows)), lse = twin.slot(std::vector<float>(rows));
    const auto gx = twin.slot(std::vector<float>(static_cast<size_t>(s.rows * s.cols)));
    twin.run(name_of("crossEntropy", s), [&](Side side) {
      return std::vector<Op>{
          CrossEntropy{s.rows, s.cols, {x.on(side)}, {labels.on(side)}, {loss.on(side)}, {lse.on(side)}},
          CrossEntropyGrad{s.rows,
                           s.cols,
                           {x.on(side)},
                           {labels.on(side)},
                           {lse.on(side)},
                           {gloss.on(side)},
                           {gx.on(side)}}};
    });
  }
}

void layer_norm_cases(Report& report, Backend& cpu, Backend& cuda) {
  constexpr Shape kTall[] = {{0, 40}, {4096, 3}, {5000, 70}, {9000, 1}};
  std::vector<Shape> shapes(std::begin(kShapes), std::end(kShapes));
  shapes.insert(shapes.end(), std::begin(kTall), std::end(kTall));
  for (const Shape& s : shapes) {
    for (bool affine : {false, true}) {
      Twin twin(report, cpu, cuda, 5);
      const auto n = static_cast<size_t>(s.rows * s.cols), rows = static_cast<size_t>(s.rows),
                 cols = static_cast<size_t>(s.cols);
      const auto x = twin.slot(twin.floats(s.rows * s.cols)), gy = twin.slot(twin.floats(s.rows * s.cols));
      const auto gamma = twin.slot(twin.floats(s.cols)), beta = twin.slot(twin.floats(s.cols));
      const auto y = twin.slot(std::vector<float>(n)), gx = twin.slot(std::vector<float>(n));
      const auto mean = twin.slot(std::vector<float>(rows)), rstd = twin.slot(std::vector<float>(rows));
      const auto ggamma = twin.slot(std::vector<float>(cols, 9)),
                 gbeta = twin.slot(std::vector<float>(cols, 9));
      twin.run(name_of("layerNorm", s), [&](Side side) {
        const In<float> g = {affine ? gamma.on(side) : nullptr}, b = {affine ? beta.on(side) : nullptr};
        const In<float> m = {mean.on(side)}, r = {rstd.on(side)}, from = {x.on(side)}, dy = {gy.on(side)};
        return std::vector<Op>{
            LayerNorm{s.rows, s.cols, 1e-5f, from, g, b, {y.on(side)}, {mean.on(side)}, {rstd.on(side)}},
            LayerNormGrad{s.rows, s.cols, from, g, m, r, dy, {gx.on(side)}},
            LayerNormParamGrad{s.rows, s.cols, from, m, r, dy, {ggamma.on(side)}, {gbeta.on(side)}}};
      });
    }
  }
}

}  // namespace adastep::test
