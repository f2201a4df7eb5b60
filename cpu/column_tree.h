// The one tree along columns: sums over the middle axis of [outer, n, inner]. Memory is read row by row, the
// 32 lanes of a block of columns lie in the first-level cache.
#pragma once
#include "cpu/tree.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

constexpr int64_t kColumns = 64;  // of a block: 8 KiB of lanes

// result(c, fold over j in [first, last) of term(j, c)) for c in [0, width), width <= kColumns, as one chunk.
template <class Fold, class Term, class Result>
static inline void fold_column_chunk(int64_t first, int64_t last, int64_t width, const Term& term,
                                     const Result& result) {
  float lanes[kLanes][kColumns];
  for (auto& lane : lanes) {
    for (int64_t c = 0; c < kColumns; ++c) lane[c] = Fold::empty();
  }
  for (int64_t j = first; j < last; ++j) {
    float* const lane = lanes[(j - first) % kLanes];
    ADASTEP_INDEPENDENT
    for (int64_t c = 0; c < width; ++c) lane[c] = Fold::fold(lane[c], term(j, c));
  }
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int l = 0; l < half; ++l) {
      for (int64_t c = 0; c < kColumns; ++c) lanes[l][c] = Fold::fold(lanes[l][c], lanes[l + half][c]);
    }
  }
  for (int64_t c = 0; c < width; ++c) result(c, lanes[0][c]);
}

// Folds the middle axis chunk by chunk, each on its own: result(o * chunks + number of the chunk, i, its
// fold).
template <class Fold, class Term, class Result>
static void fold_column_chunks(const cpu::Parallel& parallel, int64_t outer, int64_t n, int64_t inner,
                               int64_t chunk, const Term& term, const Result& result) {
  const int64_t chunks = n <= chunk ? 1 : parts_of(n, chunk), blocks = parts_of(inner, kColumns);
  const int64_t rows = chunks == 1 ? n : chunk;
  for_rows(parallel, outer * chunks * blocks, rows * (inner < kColumns ? inner : kColumns),
           [&](int64_t task) {
             const int64_t place = task / blocks, o = place / chunks;
             const int64_t first = place % chunks * chunk, column = task % blocks * kColumns;
             fold_column_chunk<Fold>(
                 first, end_of_part(first, chunk, n), end_of_part(column, kColumns, inner) - column,
                 [&term, o, column](int64_t j, int64_t c) { return term(o, j, column + c); },
                 [&](int64_t c, float value) { result(place, column + c, value); });
           });
}

// result(o, i, fold over j < n of term(o, j, i)).
template <class Fold, class Term, class Result>
static void fold_columns(const cpu::Parallel& parallel, int64_t outer, int64_t n, int64_t inner,
                         const Term& term, const Result& result) {
  if (n <= kChunk) return fold_column_chunks<Fold>(parallel, outer, n, inner, kChunk, term, result);
  const int64_t chunks = parts_of(n, kChunk);
  float* const part = static_cast<float*>(parallel.scratch(parallel.pool, 0, 4 * outer * chunks * inner));
  fold_column_chunks<Fold>(parallel, outer, n, inner, kChunk, term,
                           [=](int64_t place, int64_t i, float value) { part[place * inner + i] = value; });
  fold_column_chunks<Fold>(
      parallel, outer, chunks, inner, chunks,
      [=](int64_t o, int64_t c, int64_t i) { return part[(o * chunks + c) * inner + i]; }, result);
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
