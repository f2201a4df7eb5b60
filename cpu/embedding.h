// Embedding lookup and the dense gradient of its table.
#pragma once
#include "core/ops/embedding.h"
#include "cpu/loops.h"
#include "cpu/op_number.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

constexpr int64_t kAhead = 8;  // rows from now whose table row is fetched: tables are larger than caches

static void run(const Embedding& op, const cpu::Parallel& parallel) {
  const int64_t dim = op.dim;
  const int32_t* const indices = op.indices.data;
  const auto in_table = [&](int64_t r) { return indices[r] >= 0 && indices[r] < op.vocabulary; };
  for_rows(parallel, op.rows, dim, [&](int64_t r) {
    if (r + kAhead < op.rows) __builtin_prefetch(op.table.data + indices[r + kAhead] * dim);
    float* const y = op.y.data + r * dim;
    if (in_table(r)) {
      __builtin_memcpy(y, op.table.data + indices[r] * dim, 4 * static_cast<size_t>(dim));
    } else {
      parallel.fault(parallel.pool, kEmbeddingNumber, r, indices[r], op.vocabulary);
      __builtin_memset(y, 0, 4 * static_cast<size_t>(dim));
    }
  });
}

// Tasks share the columns, never an element of the table: each adds its columns of all rows, in order.
static void run(const EmbeddingGrad& op, const cpu::Parallel& parallel) {
  const int64_t dim = op.dim;
  const int32_t* const indices = op.indices.data;
  for_columns(parallel, op.rows, dim, sizeof(float), [&](int64_t first, int64_t last) {
    for (int64_t r = 0; r < op.rows; ++r) {
      if (r + kAhead < op.rows) __builtin_prefetch(op.gtable.data + indices[r + kAhead] * dim + first, 1);
      if (indices[r] < 0 || indices[r] >= op.vocabulary) {
        if (first == 0) parallel.fault(parallel.pool, kEmbeddingGradNumber, r, indices[r], op.vocabulary);
        continue;
      }
      const float* const from = op.gy.data + r * dim;
      float* const to = op.gtable.data + indices[r] * dim;
      ADASTEP_INDEPENDENT
      for (int64_t j = first; j < last; ++j) to[j] += from[j];
    }
  });
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
