// Sums and means of table rows.
#pragma once
#include "core/row_gradient.h"
#include "cpu/embedding.h"
#include "cpu/tree.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

static inline void add_bag(const EmbeddingBag& op, const BagRange& range, const cpu::Parallel& parallel,
                           float* y) {
  const int64_t dim = op.dim;
  const int32_t* const indices = op.indices.data;
  __builtin_memset(y, 0, sizeof(float) * static_cast<size_t>(dim));
  for (int64_t i = range.first; i < range.last; ++i) {
    if (i + kAhead < op.bags.n) __builtin_prefetch(op.table.data + indices[i + kAhead] * dim);
    if (!in_range(indices[i], op.vocabulary)) {
      parallel.fault(parallel.pool, kEmbeddingBagNumber, i, indices[i], op.vocabulary);
      continue;
    }
    const float* const from = op.table.data + indices[i] * dim;
    if (op.weights.data) {
      const float weight = op.weights.data[i];
      ADASTEP_INDEPENDENT
      for (int64_t j = 0; j < dim; ++j) y[j] = fma_(weight, from[j], y[j]);
    } else {
      ADASTEP_INDEPENDENT
      for (int64_t j = 0; j < dim; ++j) y[j] += from[j];
    }
  }
}

static void run(const EmbeddingBag& op, const cpu::Parallel& parallel) {
  const int64_t bags = op.bags.bags, dim = op.dim;
  if (bags == 0) return;
  for_rows(parallel, bags, dim * (1 + op.bags.n / bags), [&](int64_t b) {
    const BagRange range = bag_at(op.bags, b);
    if (is_faulty(op.bags, b, range)) {
      parallel.fault(parallel.pool, kEmbeddingBagNumber, b, op.bags.offsets.data[b], range.limit);
    }
    float* const y = op.y.data + b * dim;
    add_bag(op, range, parallel, y);
    if (!op.mean || range.first == range.last) return;
    const float length = static_cast<float>(range.last - range.first);
    ADASTEP_INDEPENDENT
    for (int64_t j = 0; j < dim; ++j) y[j] /= length;
  });
}

static void run(const BagMap& op, const cpu::Parallel& parallel) {
  for_rows(parallel, op.bags.n, 8, [&](int64_t i) {
    const int64_t b = bag_of(op.bags, i);
    op.bag.data[i] = static_cast<int32_t>(op.first + b);
    op.scale.data[i] = scale_at(op, i, b);
  });
}

static void run(const BagWeightGrad& op, const cpu::Parallel& parallel) {
  const int64_t dim = op.dim;
  for_rows(parallel, op.bags.n, dim, [&](int64_t i) {
    const bool valid = in_range(op.indices.data[i], op.vocabulary);
    const float* const row = op.table.data + (valid ? op.indices.data[i] * dim : 0);
    const float* const gy = op.gy.data + bag_of(op.bags, i) * dim;
    op.gweights.data[i] =
        valid ? fold_row<SumFold>(dim, [row, gy](int64_t j) { return gy[j] * row[j]; }) : 0.0f;
  });
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
