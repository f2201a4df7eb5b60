// Embedding lookup and the dense gradient of its table.
#pragma once
#include "core/span.h"

namespace adastep {

// y[r] = table[indices[r]]. An index outside [0, vocabulary) is a fault.
struct Embedding {
  static constexpr const char* kName = "embedding";
  static constexpr bool kCanFault = true;
  int64_t rows, vocabulary, dim;
  In<float> table;
  In<int32_t> indices;
  Out<float> y;
  template <class V>
  void visit(V& v) {
    v.count("rows", rows);
    v.count("vocabulary", vocabulary);
    v.count("dim", dim);
    v.span("table", table, extent(vocabulary, dim));
    v.span("indices", indices, rows);
    v.span("y", y, extent(rows, dim));
  }
};

// gtable[indices[r]] += gy[r], for r in ascending order: repeated indices add up in a fixed order on every
// device.
struct EmbeddingGrad {
  static constexpr const char* kName = "embeddingGrad";
  static constexpr bool kCanFault = true;
  int64_t rows, vocabulary, dim;
  In<int32_t> indices;
  In<float> gy;
  InOut<float> gtable;
  template <class V>
  void visit(V& v) {
    v.count("rows", rows);
    v.count("vocabulary", vocabulary);
    v.count("dim", dim);
    v.span("indices", indices, rows);
    v.span("gy", gy, extent(rows, dim));
    v.span("gtable", gtable, extent(vocabulary, dim));
  }
};

}  // namespace adastep
