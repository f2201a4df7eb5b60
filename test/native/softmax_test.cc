#include <algorithm>
#include <cmath>

#include "check.h"
#include "cpu/op_number.h"

namespace adastep::test {

namespace {

using Row = std::vector<double>;

// Of the first `seen` columns; the others have 0.
Row softmax_of(const float* x, int64_t cols, int64_t seen, bool log) {
  double max = -INFINITY, sum = 0;
  for (int64_t j = 0; j < seen; j++) max = std::max(max, static_cast<double>(x[j]));
  for (int64_t j = 0; j < seen; j++) sum += std::exp(x[j] - max);
  Row y;
  for (int64_t j = 0; j < cols; j++) {
    y.push_back(j >= seen ? 0 : log ? x[j] - max - std::log(sum) : std::exp(x[j] - max) / sum);
  }
  return y;
}

void softmax_case(bool log, bool causal, int64_t rows, int64_t cols) {
  const std::vector<float> x = numbers(rows * cols, -10, 10), gy = numbers(rows * cols);
  Row y, gx;
  std::vector<float> y_f32;
  for (int64_t r = 0; r < rows; r++) {
    const Row row = softmax_of(x.data() + r * cols, cols, causal ? r % cols + 1 : cols, log);
    y.insert(y.end(), row.begin(), row.end());
  }
  y_f32.assign(y.begin(), y.end());
  for (int64_t r = 0; r < rows; r++) {
    double sum = 0;
    for (int64_t i = r * cols; i < (r + 1) * cols; i++) {
      const auto at = static_cast<size_t>(i);
      sum += log ? gy[at] : gy[at] * y[at];
    }
    for (int64_t i = r * cols; i < (r + 1) * cols; i++) {
      const auto at = static_cast<size_t>(i);
      gx.push_back(log ? gy[at] - std::exp(y[at]) * sum : y[at] * (gy[at] - sum));
    }
  }
  const std::string name = std::string(log      ? "log "
                                       : causal ? "causal "
                                                : "") +
                           "softmax of " + std::to_string(cols);
  run_case(name, {in(x), out(y, 2e-6)}, [=](const auto& data) {
    return Softmax{log, causal, rows, cols, input<float>(data[0]), output<float>(data[1])};
  });
  run_case(name + " in place", {inout(x, y, 2e-6)}, [=](const auto& data) {
    return Softmax{log, causal, rows, cols, input<float>(data[0]), output<float>(data[0])};
  });
  run_case(name + " gradient", {in(y_f32), in(gy), out(gx, 2e-5)}, [=](const auto& data) {
    return SoftmaxGrad{log, rows, cols, input<float>(data[0]), input<float>(data[1]), output<float>(data[2])};
  });
  run_case(name + " gradient in place", {in(y_f32), inout(gy, gx, 2e-5)}, [=](const auto& data) {
    return SoftmaxGrad{log, rows, cols, input<float>(data[0]), input<float>(data[1]), output<float>(data[1])};
  });
}

// Two rows hold labels out of range: their loss is 0, and the first of them is reported.
void cross_entropy_case(int64_t rows, int64_t cols) {
  const std::vector<float> x = numbers(rows * cols, -10, 10), gloss = numbers(rows);
  std::vector<int32_t> labels;
  Row loss, lse, gx;
  std::vector<float> lse_f32;
  for (int64_t r = 0; r < rows; r++) {
    labels.push_back(static_cast<int32_t>(r == 5 ? -1 : r == 7 ? cols : r * 7 % cols));
    const float* row = x.data() + r * cols;
    const Row log_softmax = softmax_of(row, cols, cols, true);
    const bool valid = r != 5 && r != 7;
    loss.push_back(valid ? -log_softmax[static_cast<size_t>(labels.back())] : 0);
    lse.push_back(row[0] - log_softmax[0]);
    lse_f32.push_back(static_cast<float>(lse.back()));
    for (int64_t j = 0; j < cols; j++) {
      const double hit = j == labels.back() ? 1 : 0;
      gx.push_back(gloss[static_cast<size_t>(r)] * (std::exp(log_softmax[static_cast<size_t>(j)]) - hit));
    }
  }
  const Fault fault{kCrossEntropyNumber, 5, -1, cols};
  run_case(
      "cross entropy of " + std::to_string(cols), {in(x), in(labels), out(loss, 2e-6), out(lse, 2e-6)},
      [=](const auto& data) {
        return CrossEntropy{rows,
                            cols,
                            input<float>(data[0]),
                            input<int32_t>(data[1]),
                            output<float>(data[2]),
                            output<float>(data[3])};
      },
      fault);
  run_case("cross entropy gradient in place", {inout(x, gx, 2e-5), in(labels), in(lse_f32), in(gloss)},
           [=](const auto& data) {
             return CrossEntropyGrad{rows,
                                     cols,
                                     input<float>(data[0]),
                                     input<int32_t>(data[1]),
                                     input<float>(data[2]),
                                     input<float>(data[3]),
                                     output<float>(data[0])};
           });
}

}  // namespace

void test_softmax() {
  for (const bool log : {false, true}) {
    softmax_case(log, false, 128, 10);
    softmax_case(log, false, 70, 1000);
    softmax_case(log, false, 3, 9001);
    softmax_case(log, false, 0, 4);
    softmax_case(log, false, 4, 0);
  }
  for (int64_t cols : {1, 5, 64, 300}) softmax_case(false, true, 2 * cols, cols);
  cross_entropy_case(128, 10);
  cross_entropy_case(65, 1001);
  cross_entropy_case(8, 9001);
}

}  // namespace adastep::test
