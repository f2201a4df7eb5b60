// Lists of rows: the sort, sums and means of table rows, and lists that are none.
#include "rows.h"

#include "cpu/op_number.h"

namespace adastep::test {

namespace {

Array whole(const Ints& values) { return out({values.begin(), values.end()}, 0, DType::kI32); }

void sort_case(int64_t rows, int64_t vocabulary) {
  Ints indices = skewed(rows, vocabulary, 3);
  if (rows > 9) indices[9] = -3;
  if (rows > 20) indices[20] = static_cast<int32_t>(vocabulary);
  const Sorted sorted(indices, vocabulary);
  run_case(
      "sortRows " + std::to_string(rows) + " of " + std::to_string(vocabulary),
      {in(indices), whole(sorted.order), whole(sorted.starts), whole(sorted.count)},
      [=](const auto& d) {
        return SortRows{rows,
                        vocabulary,
                        input<int32_t>(d[0]),
                        output<int32_t>(d[1]),
                        output<int32_t>(d[2]),
                        output<int32_t>(d[3])};
      },
      rows > 9 ? Fault{kSortRowsNumber, 9, -3, vocabulary} : Fault{-1, 0, 0, 0});
}

struct BagShape {
  int64_t n, bags, vocabulary, dim;
  bool offsets, mean, weights;
};

void bag_case(const BagShape& s) {
  const Ints indices = skewed(s.n, s.vocabulary, 2);
  const std::vector<float> table = numbers(s.vocabulary * s.dim), weights = numbers(s.n),
                           gy = numbers(s.bags * s.dim);
  Ints offsets;
  for (int64_t b = 0; b < s.bags; b++)
    offsets.push_back(static_cast<int32_t>(s.offsets ? b * b * s.n / (s.bags * s.bags) : b * s.n / s.bags));
  std::vector<double> y(static_cast<size_t>(s.bags * s.dim)), scale, gweights;
  Ints bag;
  for (int64_t b = 0; b < s.bags; b++) {
    const int64_t first = offsets[static_cast<size_t>(b)];
    const int64_t last = b + 1 < s.bags ? offsets[static_cast<size_t>(b + 1)] : s.n;
    const double length = s.mean ? static_cast<double>(last - first) : 1;
    for (int64_t i = first; i < last; i++) {
      const double weight = s.weights ? weights[static_cast<size_t>(i)] : 1;
      double dot = 0;
      for (int64_t j = 0; j < s.dim; j++) {
        const double x = table[static_cast<size_t>(indices[static_cast<size_t>(i)] * s.dim + j)];
        y[static_cast<size_t>(b * s.dim + j)] += weight * x / length;
        dot += x * gy[static_cast<size_t>(b * s.dim + j)];
      }
      bag.push_back(static_cast<int32_t>(7 + b));
      scale.push_back(weight / length);
      gweights.push_back(dot);
    }
  }
  const auto bags_of = [s](void* data) {
    return Bags{s.n, s.bags, input<int32_t>(s.offsets ? data : nullptr)};
  };
  const std::string name = " " + std::to_string(s.n) + " in " + std::to_string(s.bags) + " x " +
                           std::to_string(s.dim) + (s.mean ? " mean" : "");
  run_case("embeddingBag" + name, {in(table), in(indices), in(offsets), in(weights), out(y, kTolerance)},
           [=](const auto& d) {
             return EmbeddingBag{bags_of(d[2]),
                                 s.vocabulary,
                                 s.dim,
                                 s.mean,
                                 input<float>(d[0]),
                                 input<int32_t>(d[1]),
                                 input<float>(s.weights ? d[3] : nullptr),
                                 output<float>(d[4])};
           });
  run_case("bagMap" + name, {in(offsets), in(weights), whole(bag), out(scale, 1e-7)}, [=](const auto& d) {
    return BagMap{
        bags_of(d[0]),      7, s.mean, input<float>(s.weights ? d[1] : nullptr), output<int32_t>(d[2]),
        output<float>(d[3])};
  });
  run_case("bagWeightGrad" + name, {in(table), in(indices), in(offsets), in(gy), out(gweights, kTolerance)},
           [=](const auto& d) {
             return BagWeightGrad{bags_of(d[2]),      s.vocabulary,         s.dim,
                                  input<float>(d[0]), input<int32_t>(d[1]), input<float>(d[3]),
                                  output<float>(d[4])};
           });
}

// Memory that is not what SortRows leaves: nothing outside of a span may be touched (a sanitizer sees it).
void garbage_case() {
  const std::vector<float> values = numbers(20), prepared = {1, 0.1f, 0, 1e-8f};
  for (const Ints& junk : {Ints(9, -5), Ints(9, 1 << 30), Ints{0, 5, 2, 9, -1, 3, 3, 8, 1}}) {
    const Ints count = {junk[1]}, lists = junk;
    run_case("a list that is none", {in(lists), in(count), in(values), in(prepared), inout(values, {}, 0)},
             [=](const auto& d) {
               const In<int32_t> list = input<int32_t>(d[0]);
               const RowGradient g = {
                   {8, 5, list, list, list, input<int32_t>(d[1])}, 2, 8, input<float>(d[2]), list, {nullptr}};
               return AddRows{g, both<float>(d[4])};
             });
  }
}

}  // namespace

void test_rows() {
  for (int64_t rows : {0, 1, 8, 31, 33, 1000, 40000}) {
    for (int64_t vocabulary : {1, 77, 5000, 1 << 25}) sort_case(rows, vocabulary);
  }
  for (const BagShape& shape :
       {BagShape{0, 3, 4, 5, true, false, false}, BagShape{10, 5, 4, 3, false, true, false},
        BagShape{300, 7, 50, 40, true, true, false}, BagShape{3000, 40, 900, 33, true, false, true},
        BagShape{12, 3, 9, 5000, false, false, true}}) {
    bag_case(shape);
  }
  garbage_case();
}

}  // namespace adastep::test
