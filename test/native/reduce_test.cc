#include <algorithm>
#include <cmath>
#include <numeric>

#include "check.h"

namespace adastep::test {

namespace {

double reduced(ReduceFn fn, const float* x, int64_t n, int64_t stride) {
  std::vector<double> terms;
  for (int64_t j = 0; j < n; j++) terms.push_back(x[j * stride]);
  if (fn == ReduceFn::kMax) return terms.empty() ? -INFINITY : *std::max_element(terms.begin(), terms.end());
  if (fn == ReduceFn::kSum) return std::accumulate(terms.begin(), terms.end(), 0.0);
  return std::inner_product(terms.begin(), terms.end(), terms.begin(), 0.0);
}

void reduce_case(ReduceFn fn, int64_t outer, int64_t n, int64_t inner) {
  const std::vector<float> x = numbers(outer * n * inner);
  std::vector<double> expected;
  for (int64_t o = 0; o < outer; o++) {
    for (int64_t i = 0; i < inner; i++) {
      expected.push_back(0.5 * reduced(fn, x.data() + o * n * inner + i, n, inner));
    }
  }
  run_case(std::string("reduce ") + kReduceFnNames[static_cast<int>(fn)] + " " + std::to_string(outer) + " " +
               std::to_string(n) + " " + std::to_string(inner),
           {in(x), out(expected, 2e-6 * std::sqrt(1.0 + static_cast<double>(n) / 32))},
           [=](const auto& data) {
             return Reduce{fn, outer, n, inner, 0.5f, input<float>(data[0]), output<float>(data[1])};
           });
}

// The tree of core/numerics.h, element by element.
float chunk(const std::vector<float>& x, size_t first, size_t last) {
  std::vector<float> lane(32, 0.0f);
  for (size_t j = first; j < last; j++) lane[(j - first) % 32] += x[j];
  for (size_t half = 16; half > 0; half /= 2) {
    for (size_t l = 0; l < half; l++) lane[l] += lane[l + half];
  }
  return lane[0];
}
double tree(const std::vector<float>& x) {
  std::vector<float> chunks;
  for (size_t first = 0; first < x.size(); first += 4096) {
    chunks.push_back(chunk(x, first, std::min(first + 4096, x.size())));
  }
  return chunks.size() == 1 ? chunks[0] : chunk(chunks, 0, chunks.size());
}

// The row sum, and the column sum of the same numbers in a matrix of equal columns, are exactly the tree's.
void exact_case(int64_t n) {
  const std::vector<float> x = numbers(n);
  const double expected = tree(x);
  run_case("tree of a row, " + std::to_string(n), {in(x), out({expected}, 0)}, [=](const auto& data) {
    return Reduce{ReduceFn::kSum, 1, n, 1, 1, input<float>(data[0]), output<float>(data[1])};
  });
  std::vector<float> columns;
  for (float value : x) columns.insert(columns.end(), 3, value);
  run_case("tree of columns, " + std::to_string(n), {in(columns), out({expected, expected, expected}, 0)},
           [=](const auto& data) {
             return Reduce{ReduceFn::kSum, 1, n, 3, 1, input<float>(data[0]), output<float>(data[1])};
           });
}

void special() {
  const std::vector<float> x = {1, NAN, 3, -INFINITY, -INFINITY, -INFINITY};
  run_case("max with NaN", {in(x), out({NAN, -INFINITY}, 0)}, [](const auto& data) {
    return Reduce{ReduceFn::kMax, 2, 3, 1, 1, input<float>(data[0]), output<float>(data[1])};
  });
}

void argmax_case(const std::string& name, int64_t rows, int64_t cols, const std::vector<float>& x,
                 const std::vector<double>& expected) {
  run_case("argmax " + name, {in(x), out(expected, 0, DType::kI32)}, [=](const auto& data) {
    return ArgMax{rows, cols, input<float>(data[0]), output<int32_t>(data[1])};
  });
}

void argmax() {
  argmax_case("special", 4, 3, {1, 5, 5, NAN, 9, NAN, -INFINITY, -INFINITY, -INFINITY, -0.0f, 0.0f, -1},
              {1, 0, 0, 0});
  const std::vector<float> x = numbers(321 * 543);
  std::vector<double> expected;
  for (size_t r = 0; r < 321; r++) {
    size_t best = 0;
    for (size_t j = 1; j < 543; j++) {
      if (x[r * 543 + j] > x[r * 543 + best]) best = j;
    }
    expected.push_back(static_cast<double>(best));
  }
  argmax_case("rows", 321, 543, x, expected);
}

// A row of each: the best, one of equals, NaN as label and beside it, and labels that are none.
void label_rank() {
  const std::vector<float> x = {1,   5, 2,   5, 1, 5, 2, 5, NAN, 3, NAN, 4,
                                NAN, 3, NAN, 4, 1, 2, 3, 4, 1,   2, 3,   4};
  run_case("label rank",
           {in(x), in(std::vector<int32_t>{2, 1, 1, 0, -1, 4}), out({2, 1, 1, 3, 4, 4}, 0, DType::kI32)},
           [](const auto& data) {
             return LabelRank{6, 4, input<float>(data[0]), input<int32_t>(data[1]), output<int32_t>(data[2])};
           });
  std::vector<float> ramp;
  for (int i = 0; i < 5000; i++) ramp.push_back(static_cast<float>(i));
  run_case(
      "label rank of a long row",
      {in(ramp), in(std::vector<int32_t>{1234}), out({5000 - 1234 - 1}, 0, DType::kI32)},
      [](const auto& data) {
        return LabelRank{1, 5000, input<float>(data[0]), input<int32_t>(data[1]), output<int32_t>(data[2])};
      });
}

}  // namespace

void test_reduce() {
  for (const ReduceFn fn : {ReduceFn::kSum, ReduceFn::kSumSquares, ReduceFn::kMax}) {
    reduce_case(fn, 1, 100000, 1);
    reduce_case(fn, 321, 100, 1);
    reduce_case(fn, 3, 9000, 1);
    reduce_case(fn, 1, 300, 500);
    reduce_case(fn, 1, 12345, 70);
    reduce_case(fn, 5, 33, 3);
    reduce_case(fn, 3, 0, 1);
    reduce_case(fn, 3, 0, 2);
    reduce_case(fn, 0, 5, 2);
  }
  for (const int64_t n : {1, 31, 32, 33, 4095, 4096, 4097, 4128, 32 * 4096 + 5, 33 * 4096 + 1}) exact_case(n);
  special();
  argmax();
  label_rank();
}

}  // namespace adastep::test
