// Lists of rows for tests: indices with duplicates, and SortRows by the definition.
#pragma once
#include <algorithm>
#include <cmath>
#include <numeric>

#include "check.h"

namespace adastep::test {

constexpr double kTolerance = 2e-5;  // of sums of up to a few dozen products, in f32

// What Advance prepares for one group: no clipping, no loss scale, then the group's factor, lr and Step.
inline std::vector<float> prepared_words(float factor, float lr, const std::vector<float>& step) {
  std::vector<float> words = {0, 0, 1, INFINITY, 0, 0, 0, 1, factor, lr};
  words.insert(words.end(), step.begin(), step.end());
  return words;
}

using Ints = std::vector<int32_t>;

// SortRows by the definition.
struct Sorted {
  Ints order, starts, count;
  Sorted(const Ints& indices, int64_t vocabulary) {
    const auto valid = [&](int32_t i) { return indices[i] >= 0 && indices[i] < vocabulary; };
    order.resize(indices.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
      return valid(a) && valid(b) ? indices[a] < indices[b] : valid(a) && !valid(b);
    });
    int32_t end = 0;
    for (; end < static_cast<int32_t>(order.size()) && valid(order[end]); end++) {
      if (end == 0 || indices[order[end]] != indices[order[end - 1]]) starts.push_back(end);
    }
    count = {static_cast<int32_t>(starts.size())};
    starts.resize(indices.size() + 1, end);
  }
};

inline Ints skewed(int64_t rows, int64_t vocabulary, int seed) {
  Ints indices;
  for (int64_t r = 0; r < rows; r++)
    indices.push_back(static_cast<int32_t>((r * r * 7 + seed * r + seed) % vocabulary));
  return indices;
}

}  // namespace adastep::test
