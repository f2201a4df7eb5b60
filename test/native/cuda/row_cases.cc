#include <algorithm>

#include "twin.h"

namespace adastep::test {

namespace {

struct Shape {
  int64_t rows, cols;
};
// 600 rows, and 70 of more than a chunk: more than the emulated GPU has warps, and blocks, at once.
constexpr Shape kShapes[] = {{600, 70}, {70, 4097}, {0, 5},    {1, 1},    {7, 10},    {3, 31},    {5, 32},
                             {4, 33},   {48, 128},  {2, 4096}, {3, 4097}, {1, 20000}, {7, 135000}};

std::string name_of(const char* op, Shape s) {
  return std::string(op) + " " + std::to_string(s.rows) + "x" + std::to_string(s.cols);
}

// The column of the nth row that is to have its largest value where a fold could lose it: in turn at the
// lanes that each step of a fold over 32 takes last, of a warp, of the warps of a block and of the chunks of
// a row, and at one after the other of the elements of a lane.
int64_t place(int64_t nth, int64_t cols) {
  constexpr int64_t kLast[] = {31, 15, 7, 2, 1, 0};
  const int64_t lane = kLast[nth % 6], chunks = (cols + 4095) / 4096;
  const int64_t inside = (chunks < 32 ? nth / 6 % 8 : lane) * 32 + lane,
                column = lane % chunks * 4096 + inside;
  return column < cols ? column : inside < cols ? inside : nth % cols;
}

// Makes the nth row's maximum larger than the rest by `more`.
void place_maximum(std::vector<float>& x, int64_t row, int64_t cols, int64_t nth, float more) {
  float* const of_row = x.data() + row * cols;
  const float largest = *std::max_element(of_row, of_row + cols);
  of_row[place(nth, cols)] = largest + more;
}

// Every other row has neighbours of one magnitude, so that each shows in a sum of exponentials. The rest, but
// for one of a few long rows, has a maximum without which exponentials become infinite.
std::vector<float> logits(Twin& twin, Shape s) {
  std::vector<float> x = twin.floats(s.rows * s.cols);
  const int64_t gentle = s.cols > 100000 ? s.rows : 2;
  for (int64_t row = 0; row < s.rows; row++) {
    if (row % gentle == 0) {
      for (int64_t j = 0; j < s.cols; j++) x[static_cast<size_t>(row * s.cols + j)] *= 0.1f;
    } else {
      place_maximum(x, row, s.cols, row / gentle * (gentle - 1) + row % gentle - 1, 200);
    }
  }
  return x;
}

}  // namespace

void reduce_cases(Report& report, Backend& cpu, Backend& cuda) {
  struct {
    int64_t outer, n, inner;
  } const shapes[] = {{0, 5, 1},    {3, 0, 1},    {3, 0, 2},      {1, 1, 1},   {5, 7, 1},    {9, 33, 1},
                      {2, 4096, 1}, {2, 4097, 1}, {1, 300000, 1}, {1, 10, 40}, {600, 90, 1}, {48, 256, 1},
                      {1, 3, 2100}, {3, 50, 7},   {2, 33, 32},    {2, 90, 20}, {1, 4097, 3}, {2, 9000, 5}};
  for (const auto& s : shapes) {
    for (ReduceFn fn : {ReduceFn::kSum, ReduceFn::kSumSquares, ReduceFn::kMax}) {
      for (bool special : {false, true}) {
        Twin twin(report, cpu, cuda, 1);
        std::vector<float> values = twin.floats(s.outer * s.n * s.inner, special);
        for (int64_t row = 0; !special && s.inner == 1 && s.n > 0 && row < s.outer; row++)
          place_maximum(values, row, s.n, row, 1);
        const auto x = twin.slot(values);
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
      if (kind == 0) {
        for (int64_t row = 0; row < s.rows; row++) place_maximum(values, row, s.cols, row, 1);
      } else if (kind == 2) {
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

void label_rank_cases(Report& report, Backend& cpu, Backend& cuda) {
  std::vector<Shape> shapes(std::begin(kShapes), std::end(kShapes));
  shapes.push_back({3, 100});
  shapes.push_back({40001, 0});  // more than four for each warp that the emulated GPU has at once
  for (const Shape& s : shapes) {
    for (bool ties : {false, true}) {
      Twin twin(report, cpu, cuda, 7);
      std::vector<float> values = twin.floats(s.rows * s.cols, true);
      for (float& value : values) value = !ties ? value : value > 1 ? 1 : -1;
      // Every label comes, and with few columns those beside them.
      std::vector<int32_t> labels = twin.integers(s.rows, -1, static_cast<int32_t>(s.cols));
      if (s.rows > 4) labels[0] = -1, labels[1] = static_cast<int32_t>(s.cols), labels[2] = 0;
      const auto x = twin.slot(values);
      const auto of_rows = twin.slot(labels);
      const auto rank = twin.slot(std::vector<int32_t>(static_cast<size_t>(s.rows)));
      twin.run(name_of("labelRank", s), [&](Side side) {
        return std::vector<Op>{LabelRank{s.rows, s.cols, {x.on(side)}, {of_rows.on(side)}, {rank.on(side)}}};
      });
    }
  }
}

void softmax_cases(Report& report, Backend& cpu, Backend& cuda) {
  for (const Shape& s : kShapes) {
    for (bool log : {false, true}) {
      Twin causal(report, cpu, cuda, 6);
      const auto logits_of = causal.slot(logits(causal, s));
      causal.run(name_of(log ? "causal log-softmax" : "causal softmax", s), [&](Side side) {
        return std::vector<Op>{
            Softmax{log, true, s.rows, s.cols, {logits_of.on(side)}, {logits_of.on(side)}}};
      });
      Twin twin(report, cpu, cuda, 3);
      const auto n = static_cast<size_t>(s.rows * s.cols);
      const auto x = twin.slot(logits(twin, s)), gy = twin.slot(twin.floats(s.rows * s.cols));
      const auto y = twin.slot(std::vector<float>(n)), gx = twin.slot(std::vector<float>(n));
      twin.run(name_of(log ? "log-softmax" : "softmax", s), [&](Side side) {
        return std::vector<Op>{Softmax{log, false, s.rows, s.cols, {x.on(side)}, {y.on(side)}},
                               SoftmaxGrad{log, s.rows, s.cols, {y.on(side)}, {gy.on(side)}, {gx.on(side)}}};
      });
      twin.run(name_of("softmax in place", s), [&](Side side) {
        return std::vector<Op>{Softmax{log, false, s.rows, s.cols, {x.on(side)}, {x.on(side)}},
                               SoftmaxGrad{log, s.rows, s.cols, {x.on(side)}, {gy.on(side)}, {gy.on(side)}}};
      });
    }
  }
}

void cross_entropy_cases(Report& report, Backend& cpu, Backend& cuda) {
  for (const Shape& s : kShapes) {
    Twin twin(report, cpu, cuda, 4);
    const auto rows = static_cast<size_t>(s.rows);
    const auto x = twin.slot(logits(twin, s)), gloss = twin.slot(twin.floats(s.rows));
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

namespace {

void layer_norm(Report& report, Backend& cpu, Backend& cuda, Shape s) {
  for (int kind : {0, 3, 1, 2, 4, 7, 5, 6}) {  // bit 0: gamma, bit 1: beta, bit 2: without a mean
    const int affine = kind & 3;
    const bool centered = kind < 4;
    if ((affine == 1 || affine == 2) && s.rows != 48 && s.rows != 3 && s.cols != 70) continue;
    Twin twin(report, cpu, cuda, 5);
    const auto n = static_cast<size_t>(s.rows * s.cols), rows = static_cast<size_t>(s.rows),
               cols = static_cast<size_t>(s.cols);
    std::vector<float> values = twin.floats(s.rows * s.cols);
    // A row whose normalised values are -0: adding a beta of 0 makes it +0.
    if (s.rows > 1) std::fill_n(values.begin(), s.cols, -0.0f);
    const auto x = twin.slot(values), gy = twin.slot(twin.floats(s.rows * s.cols));
    const auto gamma = twin.slot(twin.floats(s.cols)), beta = twin.slot(twin.floats(s.cols));
    const auto y = twin.slot(std::vector<float>(n)), gx = twin.slot(std::vector<float>(n));
    const auto mean = twin.slot(std::vector<float>(rows)), rstd = twin.slot(std::vector<float>(rows));
    const auto ggamma = twin.slot(std::vector<float>(cols, 9)),
               gbeta = twin.slot(std::vector<float>(cols, 9));
    twin.run(name_of("layerNorm", s), [&](Side side) {
      const In<float> g = {affine & 1 ? gamma.on(side) : nullptr}, b = {affine & 2 ? beta.on(side) : nullptr};
      const In<float> m = {mean.on(side)}, r = {rstd.on(side)}, from = {x.on(side)}, dy = {gy.on(side)};
      return std::vector<Op>{
          LayerNorm{
              centered, s.rows, s.cols, 1e-5f, from, g, b, {y.on(side)}, {mean.on(side)}, {rstd.on(side)}},
          LayerNormGrad{centered, s.rows, s.cols, from, g, m, r, dy, {gx.on(side)}},
          LayerNormParamGrad{s.rows, s.cols, from, m, r, dy, {ggamma.on(side)}, {gbeta.on(side)}}};
    });
  }
}

}  // namespace

void layer_norm_cases(Report& report, Backend& cpu, Backend& cuda) {
  for (const Shape& s : kShapes) {
    if (s.cols <= 4096) layer_norm(report, cpu, cuda, s);
  }
  for (Shape tall : {Shape{0, 40}, {4096, 3}, {5000, 70}, {9000, 1}}) layer_norm(report, cpu, cuda, tall);
}

void layer_norm_long_cases(Report& report, Backend& cpu, Backend& cuda) {
  for (Shape s : {Shape{70, 4097}, {3, 4097}, {1, 20000}, {2, 135000}}) layer_norm(report, cpu, cuda, s);
}

}  // namespace adastep::test
