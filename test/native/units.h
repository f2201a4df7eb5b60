// Parameters and gradients with gaps between them, and the table of their units: for AdaptiveClip on one
// backend and on both.
#pragma once
#include <algorithm>
#include <cstring>

#include "check.h"

namespace adastep::test {

struct UnitShape {
  int64_t rows, cols;
};

struct UnitCase {
  std::vector<Units> units;
  std::vector<float> p, g;
  int64_t rows = 0, longest = 0;
  float limit = 0.01f, eps = 1e-3f;

  // Weights of many norms by row, some of them zero, and with each of them gradients on both sides of their
  // limit.
  explicit UnitCase(const std::vector<UnitShape>& shapes) {
    constexpr float kWeights[] = {0.0f, 1e-6f, 1.0f, 30.0f}, kGradients[] = {1e-7f, 1e-3f, 1.0f, 0.1f};
    for (const UnitShape& shape : shapes) {
      p.insert(p.end(), 3, 9.0f), g.insert(g.end(), 5, 7.0f);  // gaps
      units.push_back({rows, shape.rows, shape.cols, p_size(), g_size()});
      for (int64_t row = rows; row < rows + shape.rows; row++) {
        for (float x : numbers(shape.cols)) {
          p.push_back(x * kWeights[row % 4]);
          g.push_back((x + 0.3f) * kGradients[(row + row / 4) % 4]);
        }
      }
      rows += shape.rows;
      longest = std::max(longest, shape.cols);
    }
  }
  int64_t p_size() const { return static_cast<int64_t>(p.size()); }
  int64_t g_size() const { return static_cast<int64_t>(g.size()); }
  // The table, as device memory has it.
  std::vector<uint8_t> bytes() const {
    std::vector<uint8_t> bytes(units.size() * sizeof(Units));
    if (!bytes.empty()) std::memcpy(bytes.data(), units.data(), bytes.size());
    return bytes;
  }
  AdaptiveClip op(DType dtype, void* table, void* scale, void* of_p, void* of_g) const {
    return {dtype,
            static_cast<int64_t>(units.size()),
            rows,
            longest,
            p_size(),
            g_size(),
            limit,
            eps,
            input<int64_t>(table),
            input<float>(scale),
            input<Raw>(of_p),
            both<Raw>(of_g)};
  }
};

}  // namespace adastep::test
