// Sums of table rows over bags, the map from positions to bags, and the gradients of weights.
#include "twin.h"

namespace adastep::test {

namespace {

struct BagShape {
  int64_t n, bags, vocabulary, dim;
  bool offsets, mean, weights;
};

// What is wrong with bags: some indices, or where one of them starts.
struct Wrong {
  bool indices;
  size_t bag;
  int32_t offset;
};

// Operations on bags on both sides.
struct BagTable {
  Twin twin;
  const BagShape shape;
  const Slot<int32_t> offsets, indices, bag;
  const Slot<float> table, weights, y, gy, scale, gweights;

  BagTable(Report& report, Backend& cpu, Backend& cuda, const BagShape& s, const Wrong& wrong = {})
      : twin(report, cpu, cuda, 1),
        shape(s),
        offsets(twin.slot(starts(wrong))),
        indices(twin.slot(rows(wrong))),
        bag(twin.slot(twin.integers(s.n, 0, 9))),
        table(twin.slot(twin.floats(s.vocabulary * s.dim))),
        weights(twin.slot(twin.floats(s.n))),
        y(twin.slot(twin.floats(s.bags * s.dim))),
        gy(twin.slot(twin.floats(s.bags * s.dim))),
        scale(twin.slot(twin.floats(s.n))),
        gweights(twin.slot(twin.floats(s.n))) {}

  std::vector<int32_t> starts(const Wrong& wrong) const {
    std::vector<int32_t> all;
    for (int64_t b = 0; b < shape.bags; b++)
      all.push_back(static_cast<int32_t>(b * b * shape.n / (shape.bags * shape.bags)));
    if (wrong.offset != 0) all[wrong.bag] = wrong.offset;
    return all;
  }
  std::vector<int32_t> rows(const Wrong& wrong) {
    std::vector<int32_t> all = twin.integers(shape.n, 0, static_cast<int32_t>(shape.vocabulary) - 1);
    for (size_t i = 3; wrong.indices && i < all.size(); i += 8)
      all[i] = i % 3 == 0 ? -1 : static_cast<int32_t>(shape.vocabulary);
    return all;
  }
  Bags bags(Side side) const { return {shape.n, shape.bags, {shape.offsets ? offsets.on(side) : nullptr}}; }
  In<float> factors(Side side) const { return {shape.weights ? weights.on(side) : nullptr}; }
  Op sum(Side side) const {
    return EmbeddingBag{bags(side),       shape.vocabulary,   shape.dim,     shape.mean,
                        {table.on(side)}, {indices.on(side)}, factors(side), {y.on(side)}};
  }
  Op map(Side side) const {
    return BagMap{bags(side), 2, shape.mean, factors(side), {bag.on(side)}, {scale.on(side)}};
  }
  Op weight_grad(Side side) const {
    return BagWeightGrad{bags(side),         shape.vocabulary, shape.dim,          {table.on(side)},
                         {indices.on(side)}, {gy.on(side)},    {gweights.on(side)}};
  }
};

void run_wrong(Report& report, Backend& cpu, Backend& cuda, bool offsets, const Wrong& wrong) {
  BagTable table(report, cpu, cuda, {300, 20, 50, 40, offsets, true, true}, wrong);
  for (int op = 0; op < 3; op++) {
    table.twin.run("bags out of range", [&](Side side) {
      return std::vector<Op>{op == 0 ? table.sum(side) : op == 1 ? table.map(side) : table.weight_grad(side)};
    });
    table.twin.compare_faults("bags out of range");
  }
}

}  // namespace

void bag_cases(Report& report, Backend& cpu, Backend& cuda) {
  const BagShape shapes[] = {{0, 3, 4, 5, true, false, false},     {1, 1, 1, 1, false, true, false},
                             {60, 20, 9, 3, false, true, false},   {500, 17, 60, 129, true, true, false},
                             {700, 30, 40, 33, true, false, true}, {40, 8, 9, 9000, false, false, true},
                             {900, 600, 7, 100, true, false, true}};
  for (const BagShape& shape : shapes) {
    BagTable table(report, cpu, cuda, shape);
    table.twin.run("embeddingBag " + std::to_string(shape.n) + " in " + std::to_string(shape.bags),
                   [&](Side side) {
                     return std::vector<Op>{table.sum(side), table.map(side), table.weight_grad(side)};
                   });
  }
  // Every tail of a row, up to the end of the table.
  for (int64_t dim : {20, 40, 70, 100, 150, 250}) {
    for (bool weights : {false, true}) {
      BagTable table(report, cpu, cuda, {280, 40, 2, dim, false, false, weights});
      table.twin.run("embeddingBag of " + std::to_string(dim), [&](Side side) {
        return std::vector<Op>{table.sum(side), table.weight_grad(side)};
      });
    }
  }
  // The bags of 300 positions begin at b * b * 300 / 400.
  for (const Wrong& wrong :
       {Wrong{true, 0, 0}, Wrong{false, 0, 1}, Wrong{false, 5, 300}, Wrong{false, 5, 301},
        Wrong{false, 5, -1}, Wrong{false, 9, 75}, Wrong{false, 9, 76},
        // Both: the offset first, at the same position, the index first.
        Wrong{true, 2, 301}, Wrong{true, 3, 301}, Wrong{true, 3, -1}, Wrong{true, 5, 301}}) {
    run_wrong(report, cpu, cuda, true, wrong);
  }
  run_wrong(report, cpu, cuda, false, {true, 0, 0});
  // More than four rounds of all threads that the emulated GPU has at once.
  for (bool offsets : {false, true}) {
    for (bool weights : {false, true}) {
      BagTable many(report, cpu, cuda, {70200, 600, 2, 1, offsets, true, weights});
      many.twin.run("bagMap of many", [&](Side side) { return std::vector<Op>{many.map(side)}; });
    }
  }
}

}  // namespace adastep::test
