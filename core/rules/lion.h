// Lion: the sign of an interpolated momentum (Chen et al. 2023).
#pragma once
#include "core/rules/common.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

//   p = p - lr * sign(beta1 * m + (1 - beta1) * g)         sign(0) = 0; keras and optax alike
//   m = beta2 * m + (1 - beta2) * g
struct Lion {
  static constexpr int kStates = 1, kDirection = 0, kSecond = -1;
  struct Hyper {
    double lr, weight_decay, maximize, decoupled, beta1, beta2;
  };
  struct Running {
    double step;
  };
  template <class T>
  struct Step {
    Decay<T> decay;
    T lr, beta1, one_minus_beta1, beta2, one_minus_beta2;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    r.step += 1;
    return {decay_of<T>(h, h.lr), T(h.lr), T(h.beta1), T(1 - h.beta1), T(h.beta2), T(1 - h.beta2)};
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T g, T* state) {
    g = s.decay.gradient(p, g);
    const T c = fma_(s.beta1, state[0], s.one_minus_beta1 * g);
    const T sign = c > T(0) ? T(1) : (c < T(0) ? T(-1) : c);  // a NaN stays one
    state[0] = fma_(s.beta2, state[0], s.one_minus_beta2 * g);
    return fma_(-s.lr, sign, s.decay.parameter(p));
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
