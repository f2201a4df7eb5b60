// Stochastic gradient descent, without and with momentum (Sutskever et al. 2013).
#pragma once
#include "core/rules/common.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

//   p = p - lr * g
struct Sgd {
  static constexpr int kStates = 0, kDirection = -1, kSecond = -1;
  struct Hyper {
    double lr, weight_decay, maximize, decoupled;
  };
  struct Running {
    double step;
  };
  template <class T>
  struct Step {
    Decay<T> decay;
    T lr;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    r.step += 1;
    return {decay_of<T>(h, h.lr), T(h.lr)};
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T g, T*) {
    return fma_(-s.lr, s.decay.gradient(p, g), s.decay.parameter(p));
  }
};

//   torch, optax:  b = momentum * b + (1 - dampening) * g          (first step: b = g)
//                  p = p - lr * b,   or with Nesterov   p = p - lr * (g + momentum * b)
//   keras (lr_inside):  b = momentum * b + lr * g
//                       p = p - b,   or with Nesterov   p = p - (lr * g + momentum * b)
// They differ when lr changes. Keras stores -b.
struct SgdMomentum {
  static constexpr int kStates = 1, kDirection = 0, kSecond = -1;
  struct Hyper {
    double lr, weight_decay, maximize, decoupled, momentum, dampening, nesterov, lr_inside;
  };
  struct Running {
    double step;
  };
  template <class T>
  struct Step {
    Decay<T> decay;
    T lr, momentum, take, look_ahead, direct;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    const bool first = r.step == 0, nesterov = h.nesterov != 0;
    const double inside = h.lr_inside != 0 ? h.lr : 1;
    r.step += 1;
    return {decay_of<T>(h, h.lr),         T(h.lr_inside != 0 ? 1 : h.lr),
            T(first ? 0 : h.momentum),    T(first ? inside : inside * (1 - h.dampening)),
            T(nesterov ? h.momentum : 1), T(nesterov ? inside : 0)};
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T g, T* state) {
    g = s.decay.gradient(p, g);
    const T b = state[0] = fma_(s.momentum, state[0], s.take * g);
    return fma_(-s.lr, fma_(s.look_ahead, b, s.direct * g), s.decay.parameter(p));
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
