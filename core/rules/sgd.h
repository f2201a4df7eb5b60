// Stochastic gradient descent, without and with momentum (Sutskever et al. 2013), as torch.optim.SGD.
#pragma once
#include "core/numerics.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

//   g = g + weight_decay * p
//   p = p - lr * g
struct Sgd {
  static constexpr int kStates = 0;
  struct Hyper {
    double lr, weight_decay, maximize;
  };
  struct Running {
    double step;
  };
  template <class T>
  struct Step {
    T lr, weight_decay;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    r.step += 1;
    return {T(h.lr), T(h.weight_decay)};
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T g, T*) {
    return fma_(-s.lr, fma_(s.weight_decay, p, g), p);
  }
};

//   g = g + weight_decay * p
//   b = momentum * b + (1 - dampening) * g          (first step: b = g)
//   p = p - lr * b,   or with Nesterov   p = p - lr * (g + momentum * b)
struct SgdMomentum {
  static constexpr int kStates = 1;
  struct Hyper {
    double lr, weight_decay, maximize, momentum, dampening, nesterov;
  };
  struct Running {
    double step;
  };
  template <class T>
  struct Step {
    T lr, weight_decay, keep, take, look_ahead, direct;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    const bool first = r.step == 0;
    r.step += 1;
    const bool nesterov = h.nesterov != 0;
    return {T(h.lr),
            T(h.weight_decay),
            T(first ? 0 : h.momentum),
            T(first ? 1 : 1 - h.dampening),
            T(nesterov ? h.momentum : 1),
            T(nesterov ? 1 : 0)};
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T g, T* state) {
    g = fma_(s.weight_decay, p, g);
    const T b = state[0] = fma_(s.keep, state[0], s.take * g);
    return fma_(-s.lr, fma_(s.look_ahead, b, s.direct * g), p);
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
