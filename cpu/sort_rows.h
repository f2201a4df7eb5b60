// SortRows: a radix sort from the low digit up. Each pass counts the digits of its parts, and moves each part
// to the places that all parts before it leave: the same order with any number of parts.
#pragma once
#include "core/row_gradient.h"
#include "cpu/loops.h"
#include "cpu/op_number.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

constexpr int kSortBits = 11;  // counts of 2^11 digits fit the nearest cache
constexpr int64_t kSortDigits = int64_t{1} << kSortBits;

// Index and position in one word. An index out of range becomes `vocabulary`, behind all others.
ADASTEP_HD uint64_t sort_word(int64_t index, int64_t position) {
  return static_cast<uint64_t>(index) << 32 | static_cast<uint64_t>(position);
}
ADASTEP_HD int64_t index_of(uint64_t word) { return static_cast<int64_t>(word >> 32); }
ADASTEP_HD int32_t position_of(uint64_t word) { return static_cast<int32_t>(word & 0xffffffffu); }

struct SortPass {
  const uint64_t* from;
  uint64_t* to;
  int64_t rows, part;
  int shift;
  int32_t* places;  // [parts, digits]: counts, then where the next word of a digit goes
  ADASTEP_HD int64_t digit(uint64_t word) const {
    return static_cast<int64_t>(word >> (32 + shift)) & (kSortDigits - 1);
  }
};

static inline void sort_pass(const SortPass& pass, const cpu::Parallel& parallel) {
  const int64_t parts = parts_of(pass.rows, pass.part);
  for_parts(parallel, pass.rows, pass.part, [&](int64_t first, int64_t last) {
    int32_t* const places = pass.places + first / pass.part * kSortDigits;
    __builtin_memset(places, 0, sizeof(int32_t) * kSortDigits);
    for (int64_t i = first; i < last; ++i) ++places[pass.digit(pass.from[i])];
  });
  int32_t place = 0;
  for (int64_t d = 0; d < kSortDigits; ++d) {
    for (int64_t part = 0; part < parts; ++part) {
      int32_t& mine = pass.places[part * kSortDigits + d];
      const int32_t count = mine;
      mine = place;
      place += count;
    }
  }
  for_parts(parallel, pass.rows, pass.part, [&](int64_t first, int64_t last) {
    int32_t* const places = pass.places + first / pass.part * kSortDigits;
    for (int64_t i = first; i < last; ++i) pass.to[places[pass.digit(pass.from[i])]++] = pass.from[i];
  });
}

// Where runs begin in the sorted words, and how many there are.
static inline void find_runs(const SortRows& op, const uint64_t* words) {
  int32_t count = 0;
  int64_t i = 0, before = -1;
  for (; i < op.rows && index_of(words[i]) < op.vocabulary; ++i) {
    if (index_of(words[i]) != before) op.starts.data[count++] = static_cast<int32_t>(i);
    before = index_of(words[i]);
  }
  op.count.data[0] = count;
  for (int64_t r = count; r <= op.rows; ++r) op.starts.data[r] = static_cast<int32_t>(i);
}

static void run(const SortRows& op, const cpu::Parallel& parallel) {
  const int64_t rows = op.rows, share = parts_of(rows, parallel.threads);
  const int64_t part = share > kGrain ? share : kGrain, parts = parts_of(rows, part);
  const int64_t bytes = 2 * 8 * rows + 4 * parts * kSortDigits;
  uint64_t* from = static_cast<uint64_t*>(parallel.scratch(parallel.pool, 0, bytes));
  uint64_t* to = from + rows;
  int32_t* const places = reinterpret_cast<int32_t*>(to + rows);
  for_parts(parallel, rows, part, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t index = op.indices.data[i];
      const bool valid = in_range(index, op.vocabulary);
      if (!valid) parallel.fault(parallel.pool, kSortRowsNumber, i, index, op.vocabulary);
      from[i] = sort_word(valid ? index : op.vocabulary, i);
    }
  });
  for (int shift = 0; op.vocabulary >> shift != 0; shift += kSortBits) {
    sort_pass({from, to, rows, part, shift, places}, parallel);
    uint64_t* const sorted = to;
    to = from;
    from = sorted;
  }
  for_elements(parallel, rows, [=](int64_t i) { op.order.data[i] = position_of(from[i]); });
  find_runs(op, from);
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
