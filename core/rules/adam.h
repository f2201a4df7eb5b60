// Adam (Kingma & Ba 2014), AdamW (Loshchilov & Hutter 2017: decoupled decay) and AMSGrad (Reddi, Kale, Kumar
// 2018).
#pragma once
#include "core/rules/common.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

//   m = beta1 * m + (1 - beta1) * g
//   v = beta2 * v + (1 - beta2) * g^2
//   torch, optax:     p = p - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
//   keras (eps_hat):  p = p - lr * sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + eps)
struct Adam {
  static constexpr int kStates = 2, kDirection = 0, kSecond = 1;
  struct Hyper {
    double lr, weight_decay, maximize, decoupled, beta1, beta2, eps, eps_hat;
  };
  using Running = BetaPowers;
  template <class T>
  struct Step {
    Decay<T> decay;
    T beta1, one_minus_beta1, beta2, one_minus_beta2, step_size, inverse_correction, eps;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    r.advance(h.beta1, h.beta2);
    const double correction = sqrt_(1 - r.beta2_power);
    const bool hat = h.eps_hat != 0;
    return {decay_of<T>(h, h.lr),
            T(h.beta1),
            T(1 - h.beta1),
            T(h.beta2),
            T(1 - h.beta2),
            T(h.lr * (hat ? correction : 1) / (1 - r.beta1_power)),
            T(hat ? 1 : 1 / correction),
            T(h.eps)};
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T g, T* state) {
    g = s.decay.gradient(p, g);
    const T m = state[0] = fma_(s.beta1, state[0], s.one_minus_beta1 * g);
    const T v = state[1] = fma_(s.beta2, state[1], s.one_minus_beta2 * (g * g));
    const T denominator = fma_(sqrt_(v), s.inverse_correction, s.eps);
    return fma_(-s.step_size, quotient(m, denominator), s.decay.parameter(p));
  }
};

// As Adam, with the largest v so far, w, in its place:
//   torch:                        w = max(w, v),                  sqrt(w) / sqrt(1 - beta2^t) + eps
//   keras (eps_hat):              w = max(w, v),                  as Adam's keras formula
//   optax (corrected_maximum):    w = max(w, v / (1 - beta2^t)),  sqrt(w) + eps
// After one large gradient torch's denominator falls as its correction fades; optax's stays.
struct Amsgrad {
  static constexpr int kStates = 3, kDirection = 0, kSecond = 1;
  struct Hyper {
    double lr, weight_decay, maximize, decoupled, beta1, beta2, eps, eps_hat, corrected_maximum;
  };
  using Running = BetaPowers;
  template <class T>
  struct Step {
    Decay<T> decay;
    T beta1, one_minus_beta1, beta2, one_minus_beta2, step_size, into_maximum, inverse_correction, eps;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    r.advance(h.beta1, h.beta2);
    const double correction = sqrt_(1 - r.beta2_power);
    const bool hat = h.eps_hat != 0, before = h.corrected_maximum != 0;
    return {decay_of<T>(h, h.lr),
            T(h.beta1),
            T(1 - h.beta1),
            T(h.beta2),
            T(1 - h.beta2),
            T(h.lr * (hat ? correction : 1) / (1 - r.beta1_power)),
            T(before ? 1 / (1 - r.beta2_power) : 1),
            T(hat || before ? 1 : 1 / correction),
            T(h.eps)};
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T g, T* state) {
    g = s.decay.gradient(p, g);
    const T m = state[0] = fma_(s.beta1, state[0], s.one_minus_beta1 * g);
    const T v = state[1] = fma_(s.beta2, state[1], s.one_minus_beta2 * (g * g));
    const T w = state[2] = max_(state[2], s.into_maximum * v);
    const T denominator = fma_(sqrt_(w), s.inverse_correction, s.eps);
    return fma_(-s.step_size, quotient(m, denominator), s.decay.parameter(p));
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
