// NAdam: Adam with Nesterov momentum (Dozat 2016).
#pragma once
#include "core/rules/common.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

//   mu_t = beta1 * (1 - q^t / 2)
//   m = beta1 * m + (1 - beta1) * g
//   v = beta2 * v + (1 - beta2) * g^2
//   n = mu_(t+1) * m / (1 - mu_1 ... mu_(t+1)) + (1 - mu_t) * g / (1 - mu_1 ... mu_t)
//   p = p - lr * n / (sqrt(v / (1 - beta2^t)) + eps)
// The dialects differ in q alone: torch 0.96^momentum_decay, keras 0.96, optax 0 (mu is always beta1).
struct NAdam {
  static constexpr int kStates = 2, kDirection = 0, kSecond = 1;
  struct Hyper {
    double lr, weight_decay, maximize, decoupled, beta1, beta2, eps, q;
  };
  struct Running {
    double step, beta2_power, q_power, mu_product;
  };
  template <class T>
  struct Step {
    Decay<T> decay;
    T beta1, one_minus_beta1, beta2, one_minus_beta2, of_gradient, of_average, inverse_correction, eps;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    r.step += 1;
    r.beta2_power *= h.beta2;
    r.q_power *= h.q;
    const double mu = h.beta1 * (1 - 0.5 * r.q_power);
    const double next_mu = h.beta1 * (1 - 0.5 * (r.q_power * h.q));
    r.mu_product *= mu;
    return {decay_of<T>(h, h.lr),
            T(h.beta1),
            T(1 - h.beta1),
            T(h.beta2),
            T(1 - h.beta2),
            T(h.lr * (1 - mu) / (1 - r.mu_product)),
            T(h.lr * next_mu / (1 - r.mu_product * next_mu)),
            T(1 / sqrt_(1 - r.beta2_power)),
            T(h.eps)};
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T g, T* state) {
    g = s.decay.gradient(p, g);
    const T m = state[0] = fma_(s.beta1, state[0], s.one_minus_beta1 * g);
    const T v = state[1] = fma_(s.beta2, state[1], s.one_minus_beta2 * (g * g));
    const T denominator = fma_(sqrt_(v), s.inverse_correction, s.eps);
    return s.decay.parameter(p) - quotient(fma_(s.of_average, m, s.of_gradient * g), denominator);
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
