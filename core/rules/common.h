// What the update rules share. A rule is a struct with
//   Hyper    doubles: lr, weight_decay, maximize (and decoupled, if there is a choice), then its own,
//   Running  doubles that advance with every step: the step count first,
//   Step     floats: the scalars of one step, made by begin() in double without pow or exp, which host and
//            device round differently: powers are running products,
//   apply()  one element: the new parameter from the old one, its gradient and its states,
//   kDirection  which state's negative is the direction of the previous update, kSecond  which is the second
//               moment: read by telemetry, -1 if there is none.
// The sign of `maximize` is in the gradient already.
#pragma once
#include "core/numerics.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

// Weight decay: L2, g + weight_decay p, or decoupled from the gradient, (1 - lr weight_decay) p.
template <class T>
struct Decay {
  T weight_decay, keep;
  ADASTEP_HD T gradient(T p, T g) const { return fma_(weight_decay, p, g); }
  ADASTEP_HD T parameter(T p) const { return keep * p; }
};
template <class T, class Hyper>
ADASTEP_HD Decay<T> decay_of(const Hyper& h, double lr) {
  const bool decoupled = h.decoupled != 0;
  return {T(decoupled ? 0 : h.weight_decay), T(decoupled ? 1 - lr * h.weight_decay : 1)};
}

// a / b, and 0 where b is 0: without eps an element that never had a gradient (the padding between
// parameters, too) would be 0 / 0. A NaN in a stays.
ADASTEP_HD float quotient(float a, float b) { return a / (b == 0.0f ? __builtin_inff() : b); }

// beta^t as a running product: one IEEE multiplication per step, the same on host and device.
struct BetaPowers {
  double step, beta1_power, beta2_power;
  ADASTEP_HD void advance(double beta1, double beta2) {
    step += 1;
    beta1_power *= beta1;
    beta2_power *= beta2;
  }
};

// x^n for n in halves, 0 or more: products and a square root, which round alike on host and device.
ADASTEP_HD double power_in_halves(double x, double n) {
  double power = 1;
  for (; n >= 1; n -= 1) power *= x;
  return n > 0 ? power * sqrt_(x) : power;
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
