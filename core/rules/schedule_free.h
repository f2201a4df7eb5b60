// Schedule-free AdamW (Defazio et al. 2024), as AdamWScheduleFree of facebookresearch/schedule_free.
#pragma once
#include "core/rules/common.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

// Three sequences: z takes the steps, x is the weighted average of z, and gradients are taken at
// y = beta1 * x + (1 - beta1) * z. The parameters are y; x = (y - (1 - beta1) * z) / beta1 is what one
// evaluates and saves.
//   lr_t = lr * min(1, t / warmup_steps),   w = t^r * max(lr_1, ..., lr_t)^weight_lr_power,   c = w / sum w
//   v = beta2 * v + (1 - beta2) * g^2
//   u = g / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay * y
//   y = y + c * (z - y) - lr_t * (1 - beta1 * (1 - c)) * u
//   z = z - lr_t * u
// r and weight_lr_power are multiples of 1/2, for pow would differ between host and device.
struct ScheduleFreeAdamW {
  static constexpr int kStates = 2, kDirection = -1, kSecond = 1;
  struct Hyper {
    double lr, weight_decay, maximize, beta1, beta2, eps, warmup_steps, r, weight_lr_power;
  };
  struct Running {
    double step, beta2_power, largest_lr, weight_sum;
  };
  template <class T>
  struct Step {
    T beta2, one_minus_beta2, inverse_correction, eps, weight_decay, toward_z, y_step, z_step;
  };
  template <class T>
  ADASTEP_HD static Step<T> begin(const Hyper& h, Running& r) {
    r.step += 1;
    r.beta2_power *= h.beta2;
    const double lr = r.step < h.warmup_steps ? h.lr * (r.step / h.warmup_steps) : h.lr;
    if (lr > r.largest_lr) r.largest_lr = lr;
    const double weight = power_in_halves(r.step, h.r) * power_in_halves(r.largest_lr, h.weight_lr_power);
    r.weight_sum += weight;
    const double part = r.weight_sum > 0 ? weight / r.weight_sum : 0;
    return {T(h.beta2),        T(1 - h.beta2), T(1 / sqrt_(1 - r.beta2_power)),    T(h.eps),
            T(h.weight_decay), T(part),        T(lr * (1 - h.beta1 * (1 - part))), T(lr)};
  }
  template <class T>
  ADASTEP_HD static T apply(const Step<T>& s, T p, T g, T* state) {
    const T z = state[0];
    const T v = state[1] = fma_(s.beta2, state[1], s.one_minus_beta2 * (g * g));
    const T scaled = quotient(g, fma_(sqrt_(v), s.inverse_correction, s.eps));
    const T step = fma_(s.weight_decay, p, scaled);
    state[0] = fma_(-s.z_step, step, z);
    return fma_(-s.y_step, step, fma_(s.toward_z, z - p, p));
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
