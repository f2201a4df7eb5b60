// AdaGrad (Duchi, Hazan, Singer 2011), as torch.optim.Adagrad.
#pragma once
#include "core/numerics.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

//   g = g + weight_decay * p
//   s = s + g^2
//   p = p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)
struct AdaGrad {
  static constexpr int kStates = 1;
  struct Hyper {
    double lr, weight_decay, maximize, lr_decay, eps;
  };
  struct Running {
    double step;
  };
  template <class T>
  struct Step {
    T lr, weight_decay, eps;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    const double lr = h.lr / (1 + r.step * h.lr_decay);
    r.step += 1;
    return {T(lr), T(h.weight_decay), T(h.eps)};
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T g, T* state) {
    g = fma_(s.weight_decay, p, g);
    const T sum = state[0] = fma_(g, g, state[0]);
    return fma_(-s.lr, g / (sqrt_(sum) + s.eps), p);
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
