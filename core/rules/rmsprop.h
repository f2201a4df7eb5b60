// RMSprop (Tieleman & Hinton 2012), centered (Graves 2013) or not, with momentum or not: each keeps the
// states that it needs.
#pragma once
#include "core/rules/common.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

// What a step needs of its momentum, if there is one.
template <class T, bool kMomentum>
struct RmspropBuffer {
  T momentum, take;
};
template <class T>
struct RmspropBuffer<T, false> {};

//   v = alpha * v + (1 - alpha) * g^2
//   centered:  a = alpha * a + (1 - alpha) * g, and v - a^2 stands for v below: at least 0, for rounding may
//              put it lower and the root would be NaN
//   torch:                                 u = g / (sqrt(v) + eps)
//   keras, optax (eps_inside):             u = g / sqrt(v + eps)
//   without momentum:                      p = p - lr * u
//   momentum, torch:                       b = momentum * b + u,       p = p - lr * b
//   momentum, keras, optax (lr_inside):    b = momentum * b + lr * u,  p = p - b
template <bool kMomentum, bool kCentered>
struct RmspropRule {
  static constexpr int kStates = 1 + kMomentum + kCentered, kDirection = kMomentum ? 1 : -1, kSecond = 0;
  struct Hyper {
    double lr, weight_decay, maximize, decoupled, alpha, momentum, eps, eps_inside, lr_inside;
  };
  struct Running {
    double step;
  };
  template <class T>
  struct Step : RmspropBuffer<T, kMomentum> {
    Decay<T> decay;
    T alpha, one_minus_alpha, eps_inside, eps_outside, lr;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    r.step += 1;
    const bool eps_inside = h.eps_inside != 0, lr_inside = kMomentum && h.lr_inside != 0;
    Step<T> s;
    if constexpr (kMomentum) s.momentum = T(h.momentum), s.take = T(lr_inside ? h.lr : 1);
    s.decay = decay_of<T>(h, h.lr);
    s.alpha = T(h.alpha);
    s.one_minus_alpha = T(1 - h.alpha);
    s.eps_inside = T(eps_inside ? h.eps : 0);
    s.eps_outside = T(eps_inside ? 0 : h.eps);
    s.lr = T(lr_inside ? 1 : h.lr);
    return s;
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T g, T* state) {
    g = s.decay.gradient(p, g);
    T v = state[0] = fma_(s.alpha, state[0], s.one_minus_alpha * (g * g));
    if constexpr (kCentered) {
      T& average = state[kStates - 1];
      average = fma_(s.alpha, average, s.one_minus_alpha * g);
      v = max_(fma_(-average, average, v), T(0));
    }
    T step = quotient(g, sqrt_(v + s.eps_inside) + s.eps_outside);
    if constexpr (kMomentum) step = state[1] = fma_(s.momentum, state[1], s.take * step);
    return fma_(-s.lr, step, s.decay.parameter(p));
  }
};

using Rmsprop = RmspropRule<false, false>;
using RmspropMomentum = RmspropRule<true, false>;
using RmspropCentered = RmspropRule<false, true>;
using RmspropCenteredMomentum = RmspropRule<true, true>;

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
