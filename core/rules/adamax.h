// Adamax: Adam with the infinity norm (Kingma & Ba 2014, section 7.1).
#pragma once
#include "core/rules/common.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

//   m = beta1 * m + (1 - beta1) * g
//   torch, optax:         u = max(beta2 * u, |g| + eps),  p = p - lr / (1 - beta1^t) * m / u
//   keras (eps_outside):  u = max(beta2 * u, |g|),        p = p - lr / (1 - beta1^t) * m / (u + eps)
struct Adamax {
  static constexpr int kStates = 2, kDirection = 0, kSecond = -1;
  struct Hyper {
    double lr, weight_decay, maximize, decoupled, beta1, beta2, eps, eps_outside;
  };
  struct Running {
    double step, beta1_power;
  };
  template <class T>
  struct Step {
    Decay<T> decay;
    T beta1, one_minus_beta1, beta2, step_size, eps_inside, eps_outside;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    r.step += 1;
    r.beta1_power *= h.beta1;
    const bool outside = h.eps_outside != 0;
    return {decay_of<T>(h, h.lr),
            T(h.beta1),
            T(1 - h.beta1),
            T(h.beta2),
            T(h.lr / (1 - r.beta1_power)),
            T(outside ? 0 : h.eps),
            T(outside ? h.eps : 0)};
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T g, T* state) {
    g = s.decay.gradient(p, g);
    const T m = state[0] = fma_(s.beta1, state[0], s.one_minus_beta1 * g);
    const T u = state[1] = max_(s.beta2 * state[1], abs_(g) + s.eps_inside);
    return fma_(-s.step_size, quotient(m, u + s.eps_outside), s.decay.parameter(p));
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
