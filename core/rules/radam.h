// RAdam: Adam with a rectified variance (Liu et al. 2019).
#pragma once
#include "core/rules/common.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

//   m = beta1 * m + (1 - beta1) * g
//   v = beta2 * v + (1 - beta2) * g^2
//   rho_inf = 2 / (1 - beta2) - 1,   rho = rho_inf - 2 * t * beta2^t / (1 - beta2^t)
//   r = sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
//   torch (eps_hat), rho > 5:  p = p - lr / (1 - beta1^t) * m * r * sqrt(1 - beta2^t) / (sqrt(v) + eps)
//   optax, rho >= 5:           p = p - lr / (1 - beta1^t) * m * r / (sqrt(v / (1 - beta2^t)) + eps)
//   smaller rho:               p = p - lr / (1 - beta1^t) * m
struct RAdam {
  static constexpr int kStates = 2, kDirection = 0, kSecond = 1;
  struct Hyper {
    double lr, weight_decay, maximize, decoupled, beta1, beta2, eps, eps_hat;
  };
  using Running = BetaPowers;
  template <class T>
  struct Step {
    Decay<T> decay;
    T beta1, one_minus_beta1, beta2, one_minus_beta2, step_size, root_limit, inverse_correction, eps;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    r.advance(h.beta1, h.beta2);
    const double correction = 1 - r.beta2_power;
    const double longest = 2 / (1 - h.beta2) - 1;
    const double length = longest - 2 * r.step * r.beta2_power / correction;
    const bool hat = h.eps_hat != 0;
    const bool adapts = hat ? length > 5 : length >= 5;
    const double rectified =
        sqrt_((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length));
    const double factor = adapts ? rectified * (hat ? sqrt_(correction) : 1) : 1;
    return {decay_of<T>(h, h.lr),
            T(h.beta1),
            T(1 - h.beta1),
            T(h.beta2),
            T(1 - h.beta2),
            T(h.lr / (1 - r.beta1_power) * factor),
            T(adapts ? __builtin_inf() : 0),
            T(hat ? 1 : 1 / sqrt_(correction)),
            T(adapts ? h.eps : 1)};
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T g, T* state) {
    g = s.decay.gradient(p, g);
    const T m = state[0] = fma_(s.beta1, state[0], s.one_minus_beta1 * g);
    const T v = state[1] = fma_(s.beta2, state[1], s.one_minus_beta2 * (g * g));
    // The root is 0 while the step does not adapt: a branch on that would not vectorise.
    const T root = min_(sqrt_(v), s.root_limit);
    const T denominator = fma_(root, s.inverse_correction, s.eps);
    return fma_(-s.step_size, quotient(m, denominator), s.decay.parameter(p));
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
