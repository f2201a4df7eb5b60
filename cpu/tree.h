// The one tree of every sum and maximum (end of core/numerics.h) along a row, and its row-by-row parallel
// form. Maxima follow it too: which of two zeros wins depends on the order.
#pragma once
#include "cpu/loops.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

struct SumFold {
  ADASTEP_HD static float empty() { return 0.0f; }
  ADASTEP_HD static float fold(float a, float b) { return a + b; }
};
struct MaxFold {
  ADASTEP_HD static float empty() { return -float_of(0x7f800000u); }
  ADASTEP_HD static float fold(float a, float b) { return max_(a, b); }
};

template <class Fold>
ADASTEP_HD float fold_lanes(float (&lane)[kLanes]) {
  for (int half = kLanes / 2; half > 0; half /= 2) {
    for (int l = 0; l < half; ++l) lane[l] = Fold::fold(lane[l], lane[l + half]);
  }
  return lane[0];
}

// Folds term(j) for j in [first, last), as one chunk.
template <class Fold, class Term>
ADASTEP_HD float fold_chunk(int64_t first, int64_t last, const Term& term) {
  float lane[kLanes];
  for (int l = 0; l < kLanes; ++l) lane[l] = Fold::empty();
  int64_t j = first;
  for (; j + kLanes <= last; j += kLanes) {
    ADASTEP_INDEPENDENT
    for (int l = 0; l < kLanes; ++l) lane[l] = Fold::fold(lane[l], term(j + l));
  }
  const int rest = static_cast<int>(last - j);
  ADASTEP_INDEPENDENT
  for (int l = 0; l < rest; ++l) lane[l] = Fold::fold(lane[l], term(j + l));
  return fold_lanes<Fold>(lane);
}

// Folds term(j) for j in [0, n): the chunks' results are the terms of the second level, added as they come.
template <class Fold, class Term>
static inline float fold_row(int64_t n, const Term& term) {
  if (n <= kChunk) return fold_chunk<Fold>(0, n, term);
  float lane[kLanes];
  for (int l = 0; l < kLanes; ++l) lane[l] = Fold::empty();
  int l = 0;
  for (int64_t first = 0; first < n; first += kChunk, l = (l + 1) % kLanes) {
    lane[l] = Fold::fold(lane[l], fold_chunk<Fold>(first, end_of_part(first, kChunk, n), term));
  }
  return fold_lanes<Fold>(lane);
}

// result(r, fold over j < n of term(r, j)) for each row. Chunks of one row may go to different threads.
template <class Fold, class Term, class Result>
static void fold_rows(const cpu::Parallel& parallel, int64_t rows, int64_t n, const Term& term,
                      const Result& result) {
  const auto fold_part = [&](int64_t r, int64_t first, int64_t last) {
    return fold_chunk<Fold>(first, last, [&term, r](int64_t j) { return term(r, j); });
  };
  if (n <= kChunk) {
    for_rows(parallel, rows, n, [&](int64_t r) { result(r, fold_part(r, 0, n)); });
    return;
  }
  const int64_t chunks = parts_of(n, kChunk);
  float* const part = static_cast<float*>(parallel.scratch(parallel.pool, 0, 4 * rows * chunks));
  for_rows(parallel, rows * chunks, kChunk, [&](int64_t i) {
    const int64_t first = i % chunks * kChunk;
    part[i] = fold_part(i / chunks, first, end_of_part(first, kChunk, n));
  });
  for_rows(parallel, rows, chunks, [&](int64_t r) {
    const float* const mine = part + r * chunks;
    result(r, fold_chunk<Fold>(0, chunks, [mine](int64_t c) { return mine[c]; }));
  });
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
