// The elements of Random and Dropout, four to a Philox call, shared by both backends bit for bit.
#pragma once
#include "core/ops/memory.h"
#include "core/philox.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

// Elements 4 * group + 0..3 of a Random operation.
template <RandomKind kKind>
ADASTEP_HD void random_four(uint64_t seed, uint32_t stream, uint64_t group, float a, float b, float (&y)[4]) {
  const Philox random = philox(seed, group, stream, 0);
  if (kKind == RandomKind::kUniform) {
    for (int i = 0; i < 4; i++) y[i] = fma_(uniform_of(random.word[i]), b - a, a);
    return;
  }
  float z0, z1, z2, z3;
  normal_of(random.word[0], random.word[1], z0, z1);
  normal_of(random.word[2], random.word[3], z2, z3);
  y[0] = fma_(z0, b, a);
  y[1] = fma_(z1, b, a);
  y[2] = fma_(z2, b, a);
  y[3] = fma_(z3, b, a);
}

// A Dropout operation. Element i is apply(x[i], four(i / 4).word[i % 4]); a dropped element is 0 by
// selection, not by product, as x may be infinite. p = 0 copies x.
struct Mask {
  uint64_t seed;
  uint32_t stream, step;
  float p, factor;

  ADASTEP_HD Mask(int64_t seed_, int64_t stream_, double step_, float p_)
      : seed(static_cast<uint64_t>(seed_)),
        stream(static_cast<uint32_t>(stream_)),
        step(static_cast<uint32_t>(static_cast<int64_t>(step_))),
        p(p_),
        factor(1.0f / (1.0f - p_)) {}

  ADASTEP_HD Philox four(uint64_t group) const { return philox(seed, group, stream, step); }
  ADASTEP_HD float apply(float x, uint32_t word) const { return uniform_of(word) >= p ? x * factor : 0.0f; }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
