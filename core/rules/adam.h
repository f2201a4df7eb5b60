// Adam (Kingma & Ba 2014) and AdamW (Loshchilov & Hutter 2017), as torch.optim.Adam and torch.optim.AdamW.
#pragma once
#include "core/numerics.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

//   Adam:  g = g + weight_decay * p          AdamW (decoupled):  p = (1 - lr * weight_decay) * p
//   m = beta1 * m + (1 - beta1) * g
//   v = beta2 * v + (1 - beta2) * g^2
//   p = p - lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(1 - beta2^t) + eps)
struct Adam {
  static constexpr int kStates = 2;
  struct Hyper {
    double lr, weight_decay, maximize, beta1, beta2, eps, decoupled;
  };
  // beta^t as a running product: one IEEE multiplication per step, the same on host and device (pow is not).
  struct Running {
    double step, beta1_power, beta2_power;
  };
  template <class T>
  struct Step {
    T weight_decay, keep, beta1, one_minus_beta1, beta2, one_minus_beta2, step_size, inverse_correction, eps;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    r.step += 1;
    r.beta1_power *= h.beta1;
    r.beta2_power *= h.beta2;
    const bool decoupled = h.decoupled != 0;
    return {T(decoupled ? 0 : h.weight_decay),
            T(decoupled ? 1 - h.lr * h.weight_decay : 1),
            T(h.beta1),
            T(1 - h.beta1),
            T(h.beta2),
            T(1 - h.beta2),
            T(h.lr / (1 - r.beta1_power)),
            T(1 / sqrt_(1 - r.beta2_power)),
            T(h.eps)};
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T g, T* state) {
    g = fma_(s.weight_decay, p, g);
    const T m = state[0] = fma_(s.beta1, state[0], s.one_minus_beta1 * g);
    const T v = state[1] = fma_(s.beta2, state[1], s.one_minus_beta2 * (g * g));
    const T denominator = fma_(sqrt_(v), s.inverse_correction, s.eps);
    return fma_(-s.step_size, m / denominator, s.keep * p);
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
