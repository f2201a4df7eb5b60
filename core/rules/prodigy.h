// Prodigy (Mishchenko & Defazio 2023, arXiv:2306.06101, algorithm 4, as in the authors' code).
#pragma once
#include "core/rules/common.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

//   d_lr = d * lr * (sqrt(1 - beta2^t) / (1 - beta1^t), or 1)
//   m = beta1 * m + d * (1 - beta1) * g
//   v = beta2 * v + d^2 * (1 - beta2) * g^2
//   s = beta3 * s + d / d0 * d_lr * g                 (d in place of d_lr to safeguard a warm-up)
//   numerator = beta3 * numerator + d / d0 * d_lr * sum(g * (p0 - p))
//   d = min(largest d_coef * numerator / sum|s| so far, d * growth_rate), the first at least d0
//   p = (1 - d_lr * weight_decay) * p - d_lr * m / (sqrt(v) + d * eps)
// d_lr is of the d from before the step, d * eps of the new one. The sums are over all parameters: a pass
// before measures them, estimate() takes them. While s is 0, and at lr 0, nothing moves.
struct Prodigy {
  static constexpr int kStates = 4, kDirection = 0, kSecond = -1,
                       kRests = 1 << 3;  // exp_avg, exp_avg_sq, s, p0
  static constexpr bool kMeasures = true;
  struct Hyper {
    double lr, weight_decay, maximize, decoupled, beta1, beta2, beta3, eps, corrected, safeguard, d0, d_coef,
        growth_rate;
  };
  struct Running {
    double step, beta1_power, beta2_power, d, d_max, numerator;
  };
  template <class T>
  struct Step {
    Decay<T> decay;
    T beta1, mean_share, beta2, square_share, beta3, sum_share, step_size, eps;
  };
  // Leaves `running` as it is: estimate() advances it, if the step moves.
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    const double correction =
        h.corrected != 0 ? sqrt_(1 - r.beta2_power * h.beta2) / (1 - r.beta1_power * h.beta1) : 1;
    const double d_lr = r.d * h.lr * correction;
    return {decay_of<T>(h, d_lr),
            T(h.beta1),
            T(r.d * (1 - h.beta1)),
            T(h.beta2),
            T(r.d * r.d * (1 - h.beta2)),
            T(h.beta3),
            T(r.d / h.d0 * (h.safeguard != 0 ? r.d : d_lr)),
            T(d_lr),
            T(r.d * h.eps)};
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T g, T* state) {
    g = s.decay.gradient(p, g);
    const T m = state[0] = fma_(s.beta1, state[0], s.mean_share * g);
    const T root = sqrt_(state[1] = fma_(s.beta2, state[1], s.square_share * g * g));
    state[2] = fma_(s.beta3, state[2], s.sum_share * g);
    return fma_(-s.step_size, quotient(m, root + s.eps), s.decay.parameter(p));
  }
  // What is summed, with the states from after the step.
  template <class T>
  ADASTEP_HD static Measured<T> measure(const Step<T>& s, T p, T g, const T* state) {
    return {s.decay.gradient(p, g) * (state[3] - p), abs_(state[2])};
  }
  // Takes the sums; whether the step moves.
  template <class T>
  ADASTEP_HD static bool estimate(const Hyper& h, Measured<T> sums, Running& r, Step<T>& s) {
    if (sums.second == T(0) || s.step_size == T(0)) return false;
    r.numerator = h.beta3 * r.numerator + r.d / h.d0 * s.step_size * sums.first;
    const double found = h.d_coef * r.numerator / sums.second;
    if (r.d == h.d0 && found > r.d) r.d = found;
    if (found > r.d_max) r.d_max = found;
    const double grown = r.d * h.growth_rate;
    r.d = grown < r.d_max ? grown : r.d_max;
    r.step += 1;
    r.beta1_power *= h.beta1;
    r.beta2_power *= h.beta2;
    s.eps = T(r.d * h.eps);
    return true;
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
