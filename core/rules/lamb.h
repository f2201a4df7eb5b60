// LAMB (You et al. 2020).
#pragma once
#include "core/rules/common.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

//   m = beta1 * m + (1 - beta1) * g
//   v = beta2 * v + (1 - beta2) * g^2
//   u = m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay * p
//   p = p - lr * ||p|| / ||u|| * u      (norms of each parameter; the ratio is 1 where one is 0)
// The ratio is a scale of the update: a pass before measures u, with lr 1 (core/apply.h).
struct Lamb {
  static constexpr int kStates = 2, kDirection = 0, kSecond = 1;
  static constexpr bool kTrust = true;
  struct Hyper {
    double lr, weight_decay, maximize, beta1, beta2, eps;
  };
  using Running = BetaPowers;
  template <class T>
  struct Step {
    T lr, weight_decay, beta1, one_minus_beta1, beta2, one_minus_beta2, of_mean, inverse_correction, eps;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    r.advance(h.beta1, h.beta2);
    return {T(h.lr),
            T(h.weight_decay),
            T(h.beta1),
            T(1 - h.beta1),
            T(h.beta2),
            T(1 - h.beta2),
            T(1 / (1 - r.beta1_power)),
            T(1 / sqrt_(1 - r.beta2_power)),
            T(h.eps)};
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T g, T* state) {
    const T m = state[0] = fma_(s.beta1, state[0], s.one_minus_beta1 * g);
    const T v = state[1] = fma_(s.beta2, state[1], s.one_minus_beta2 * (g * g));
    const T denominator = fma_(sqrt_(v), s.inverse_correction, s.eps);
    const T u = fma_(s.weight_decay, p, quotient(s.of_mean * m, denominator));
    return fma_(-s.lr, u, p);
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
