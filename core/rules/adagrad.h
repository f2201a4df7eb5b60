// AdaGrad (Duchi, Hazan, Singer 2011).
#pragma once
#include "core/rules/common.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

//   s = s + g^2
//   torch:         p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)
//   keras, optax:  p = p - lr * g / sqrt(s + eps)                             (eps_inside)
//   optax takes no step where s = 0                                           (rests_at_zero)
struct AdaGrad {
  static constexpr int kStates = 1, kDirection = -1, kSecond = -1, kSquares = 1;
  struct Hyper {
    double lr, weight_decay, maximize, decoupled, lr_decay, eps, eps_inside, rests_at_zero;
  };
  struct Running {
    double step;
  };
  template <class T>
  struct Step {
    Decay<T> decay;
    T lr, eps_inside, eps_outside, lr_at_zero;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    const double lr = h.lr / (1 + r.step * h.lr_decay);
    const bool inside = h.eps_inside != 0;
    r.step += 1;
    return {decay_of<T>(h, lr), T(lr), T(inside ? h.eps : 0), T(inside ? 0 : h.eps),
            T(h.rests_at_zero != 0 ? 0 : lr)};
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T g, T* state) {
    g = s.decay.gradient(p, g);
    const T sum = state[0] = fma_(g, g, state[0]);
    const T lr = sum == T(0) ? s.lr_at_zero : s.lr;
    return fma_(-lr, quotient(g, sqrt_(sum + s.eps_inside) + s.eps_outside), s.decay.parameter(p));
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
