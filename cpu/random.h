// Random and Dropout: blocks of Philox calls, their words by columns so that the rounds vectorise.
#pragma once
#include "core/random.h"
#include "cpu/loops.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

constexpr int kGroups = 64;  // Philox calls of a block

// f(i, element i) for i in [first, last), `first` a multiple of 4; four(group, out) gives elements 4 * group
// + 0..3.
template <class T, class Four, class F>
static inline void for_groups(int64_t first, int64_t last, const Four& four, const F& f) {
  for (int64_t block = first; block < last; block += 4 * kGroups) {
    T lane[4][kGroups];
    const uint64_t group = static_cast<uint64_t>(block) / 4;
    ADASTEP_INDEPENDENT
    for (int g = 0; g < kGroups; ++g) {
      T out[4];
      four(group + static_cast<uint64_t>(g), out);
      for (int w = 0; w < 4; ++w) lane[w][g] = out[w];
    }
    T element[4 * kGroups];
    for (int g = 0; g < kGroups; ++g) {
      for (int w = 0; w < 4; ++w) element[4 * g + w] = lane[w][g];
    }
    const int64_t end = end_of_part(block, 4 * kGroups, last);
    ADASTEP_INDEPENDENT
    for (int64_t i = block; i < end; ++i) f(i, element[i - block]);
  }
}

static void run(const Random& op, const cpu::Parallel& parallel) {
  const uint64_t seed = static_cast<uint64_t>(op.seed);
  const uint32_t stream = static_cast<uint32_t>(op.stream);
  const float a = op.a, b = op.b;
  float* const y = op.y.data;
  with_constant<RandomKind, 2>(op.kind, [=, &op, &parallel](auto kind) {
    const auto four = [=](uint64_t group, float(&out)[4]) {
      random_four<decltype(kind)::value>(seed, stream, group, a, b, out);
    };
    for_parts(parallel, op.n, kGrain, [=](int64_t first, int64_t last) {
      for_groups<float>(first, last, four, [=](int64_t i, float element) { y[i] = element; });
    });
  });
}

static void run(const Dropout& op, const cpu::Parallel& parallel) {
  const Mask mask(op.seed, op.stream, *op.step.data, op.p);
  const auto four = [=](uint64_t group, uint32_t(&out)[4]) {
    const Philox random = mask.four(group);
    for (int w = 0; w < 4; ++w) out[w] = random.word[w];
  };
  const float* const x = op.x.data;
  float* const y = op.y.data;
  for_parts(parallel, op.n, kGrain, [=](int64_t first, int64_t last) {
    for_groups<uint32_t>(first, last, four, [=](int64_t i, uint32_t word) { y[i] = mask.apply(x[i], word); });
  });
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
