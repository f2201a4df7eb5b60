// Sums and means of table rows, a bag of them at a time.
#pragma once
#include "core/span.h"

namespace adastep {

// A part of the operations below: positions 0 .. n - 1 in bags. Bag b is [offsets[b], offsets[b + 1]), the
// last one ends at n; without offsets all bags are equally long.
struct Bags {
  int64_t n, bags;
  In<int32_t> offsets;
  template <class V>
  void visit(V& v) {
    v.count("n", n);
    v.count("bags", bags);
    v.check(n < INT32_MAX && bags < INT32_MAX, "n", "less than 2^31 - 1, as 'bags'");
    v.check(bags > 0 || n == 0, "bags", "at least one");
    v.optional("offsets", offsets, bags);
    v.check(offsets.data || bags == 0 || n % bags == 0, "n",
            "a multiple of 'bags', where there are no offsets");
  }
};

// y[b] = sum of weights[i] * table[indices[i]] over the positions of bag b in ascending order, fma by fma
// from 0; with `mean` divided by their number. An empty bag gives 0. An index outside [0, vocabulary) is a
// fault, as are offsets that do not start at 0, decrease or exceed n.
struct EmbeddingBag {
  static constexpr const char* kName = "embeddingBag";
  static constexpr bool kCanFault = true;
  Bags bags;
  int64_t vocabulary, dim;
  bool mean;
  In<float> table;
  In<int32_t> indices;
  In<float> weights;
  Out<float> y;
  template <class V>
  void visit(V& v) {
    bags.visit(v);
    v.count("vocabulary", vocabulary);
    v.count("dim", dim);
    v.flag("mean", mean);
    v.span("table", table, extent(vocabulary, dim));
    v.span("indices", indices, bags.n);
    v.optional("weights", weights, bags.n);
    v.span("y", y, extent(bags.bags, dim));
  }
};

// bag[i] = first + the bag of position i; scale[i] = weights[i], with `mean` divided by the length of the
// bag: what turns the gradient of bags into one of rows (RowGradient of core/ops/sparse.h).
struct BagMap {
  static constexpr const char* kName = "bagMap";
  Bags bags;
  int64_t first;
  bool mean;
  In<float> weights;
  Out<int32_t> bag;
  Out<float> scale;
  template <class V>
  void visit(V& v) {
    bags.visit(v);
    v.count("first", first);
    v.check(first < INT32_MAX, "first", "less than 2^31 - 1");
    v.flag("mean", mean);
    v.optional("weights", weights, bags.n);
    v.span("bag", bag, bags.n);
    v.span("scale", scale, bags.n);
  }
};

// gweights[i] = sum over dim of gy[bag[i]] * table[indices[i]], by the one tree.
struct BagWeightGrad {
  static constexpr const char* kName = "bagWeightGrad";
  Bags bags;
  int64_t vocabulary, dim;
  In<float> table;
  In<int32_t> indices;
  In<float> gy;
  Out<float> gweights;
  template <class V>
  void visit(V& v) {
    bags.visit(v);
    v.count("vocabulary", vocabulary);
    v.count("dim", dim);
    v.span("table", table, extent(vocabulary, dim));
    v.span("indices", indices, bags.n);
    v.span("gy", gy, extent(bags.bags, dim));
    v.span("gweights", gweights, bags.n);
  }
};

}  // namespace adastep
