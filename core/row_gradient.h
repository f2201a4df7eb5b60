// Reading a gradient that is a list of rows, and the place of positions in bags, the same on both backends.
//
// SortRows and BagMap write only what is in range. But operations meet whatever memory holds, so that each
// number that becomes an address is checked, and what is out of range is left out.
#pragma once
#include "core/numerics.h"
#include "core/ops/bag.h"
#include "core/ops/sparse.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

ADASTEP_HD bool in_range(int64_t value, int64_t limit) { return value >= 0 && value < limit; }

ADASTEP_HD int64_t run_count(const RowList& list) {
  const int64_t count = list.count.data[0];
  return count < 0 ? 0 : count > list.rows ? list.rows : count;
}

// The places in `order` that add up to one row of the table.
struct RowRun {
  int64_t first, last, row;
};

ADASTEP_HD RowRun run_at(const RowList& list, int64_t r) {
  const RowRun none = {0, 0, -1};
  const int64_t first = list.starts.data[r], last = list.starts.data[r + 1];
  if (first < 0 || first >= last || last > list.rows) return none;
  const int64_t position = list.order.data[first];
  if (!in_range(position, list.rows)) return none;
  const int64_t row = list.indices.data[position];
  return in_range(row, list.vocabulary) ? RowRun{first, last, row} : none;
}

// What place k of `order` adds: weight * values[row]; row -1 for nothing.
struct RowTerm {
  int32_t row;
  float weight;
};

ADASTEP_HD RowTerm term_at(const RowGradient& g, int64_t k) {
  const int64_t position = g.list.order.data[k];
  if (!in_range(position, g.list.rows)) return {-1, 0.0f};
  const int64_t row = g.source.data ? g.source.data[position] : position;
  if (!in_range(row, g.value_rows)) return {-1, 0.0f};
  return {static_cast<int32_t>(row), g.weights.data ? g.weights.data[position] : 1.0f};
}

struct BagRange {
  int64_t first, last;
  int64_t limit;  // the offset must be less than this
};

ADASTEP_HD BagRange bag_at(const Bags& bags, int64_t b) {
  if (!bags.offsets.data) {
    const int64_t length = bags.n / bags.bags;
    return {b * length, (b + 1) * length, bags.n + 1};
  }
  const int64_t first = bags.offsets.data[b];
  const int64_t next = b + 1 < bags.bags ? bags.offsets.data[b + 1] : bags.n;
  const int64_t last = in_range(next, bags.n) ? next : bags.n;
  const int64_t limit = b == 0 ? 1 : last + 1;
  return in_range(first, limit) ? BagRange{first, last, limit} : BagRange{0, 0, limit};
}
ADASTEP_HD bool is_faulty(const Bags& bags, int64_t b, const BagRange& range) {
  return bags.offsets.data && !in_range(bags.offsets.data[b], range.limit);
}

// The last bag that starts at the position or before it.
ADASTEP_HD int64_t bag_of(const Bags& bags, int64_t position) {
  if (!bags.offsets.data) return position / (bags.n / bags.bags);
  int64_t low = 0, high = bags.bags;
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    (bags.offsets.data[middle] <= position ? low : high) = middle;
  }
  return low;
}

// What multiplies row `position` of bag b.
ADASTEP_HD float scale_at(const BagMap& op, int64_t position, int64_t b) {
  const float weight = op.weights.data ? op.weights.data[position] : 1.0f;
  const BagRange range = bag_at(op.bags, b);
  const int64_t length = range.last - range.first;
  return op.mean && length > 1 ? weight / static_cast<float>(length) : weight;
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
