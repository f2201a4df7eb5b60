// Adadelta (Zeiler 2012).
#pragma once
#include "core/rules/common.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

//   s = rho * s + (1 - rho) * g^2
//   u = sqrt(d + eps) / sqrt(s + eps) * g
//   d = rho * d + (1 - rho) * u^2
//   p = p - lr * u                                   torch, keras and optax alike; they differ in defaults
struct Adadelta {
  static constexpr int kStates = 2, kDirection = -1, kSecond = 0;
  struct Hyper {
    double lr, weight_decay, maximize, decoupled, rho, eps;
  };
  struct Running {
    double step;
  };
  template <class T>
  struct Step {
    Decay<T> decay;
    T lr, rho, one_minus_rho, eps;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    r.step += 1;
    return {decay_of<T>(h, h.lr), T(h.lr), T(h.rho), T(1 - h.rho), T(h.eps)};
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T g, T* state) {
    g = s.decay.gradient(p, g);
    const T squares = state[0] = fma_(s.rho, state[0], s.one_minus_rho * (g * g));
    const T step = quotient(sqrt_(state[1] + s.eps), sqrt_(squares + s.eps)) * g;
    state[1] = fma_(s.rho, state[1], s.one_minus_rho * (step * step));
    return fma_(-s.lr, step, s.decay.parameter(p));
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
