// Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon; torch.optim.Muon).
#pragma once
#include "core/rules/common.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

//   m = momentum * m + (1 - momentum) * g
//   u = momentum * m + (1 - momentum) * g    (Nesterov, else m)
//   o = u made orthogonal, times a factor of its shape: matrix products between gather() and apply()
//   p = (1 - lr * weight_decay) * p - lr * o
// The second state is room for u and o.
struct Muon {
  static constexpr int kStates = 2, kDirection = -1, kSecond = -1;
  static constexpr bool kGathers = true;
  struct Hyper {
    double lr, weight_decay, maximize, momentum, nesterov;
  };
  struct Running {
    double step;
  };
  template <class T>
  struct Step {
    T keep, lr, momentum, one_minus_momentum, nesterov;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    r.step += 1;
    return {T(1 - h.lr * h.weight_decay), T(h.lr), T(h.momentum), T(1 - h.momentum), T(h.nesterov)};
  }
  template <class T>
  ADASTEP_HD static void gather(const Step<T>& s, T g, T* state) {
    const T share = s.one_minus_momentum * g;
    const T m = state[0] = fma_(s.momentum, state[0], share);
    state[1] = s.nesterov != T(0) ? fma_(s.momentum, m, share) : m;
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T, T* state) {
    return fma_(-s.lr, state[1], s.keep * p);
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
