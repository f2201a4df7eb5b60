// Adafactor (Shazeer & Stern 2018, arXiv:1804.04235).
#pragma once
#include "core/rules/common.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

//   fresh = t^beta2_decay, kept = 1 - fresh               of the means of g^2, by rows and by columns
//   u = g / sqrt(their product), limited, times max(eps, rms(p)): between gather() and apply()
//   torch, keras:     p = (1 - lr * weight_decay) * p - min(lr, 1 / sqrt(t)) * u
//   optax (plain):    p = (1 - weight_decay) * p - lr * u
// The state is room for g and u; the means are no states of single elements.
struct Adafactor {
  static constexpr int kStates = 1, kDirection = -1, kSecond = -1;
  static constexpr bool kGathers = true;
  struct Hyper {
    double lr, weight_decay, maximize, beta2_decay, plain;
  };
  struct Running {
    double step;
  };
  // lib/optim/adafactor.ts reads the first three.
  template <class T>
  struct Step {
    T kept, fresh, keep, lr;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    r.step += 1;
    const double fresh = power(r.step, h.beta2_decay), most = 1 / sqrt_(r.step);
    const bool plain = h.plain != 0;
    return {T(1 - fresh), T(fresh), T(1 - (plain ? 1 : h.lr) * h.weight_decay),
            T(plain || h.lr < most ? h.lr : most)};
  }
  template <class T>
  ADASTEP_HD static void gather(const Step<T>&, T g, T* state) {
    state[0] = g;
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T, T* state) {
    return fma_(-s.lr, state[0], s.keep * p);
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
