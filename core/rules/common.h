// What the update rules share. A rule is a struct with
//   Hyper    doubles: lr, weight_decay, maximize (and decoupled, if there is a choice), then its own,
//   Running  doubles that advance with every step: the step count first,
//   Step     floats: the scalars of one step, made by begin() in double without pow or exp, which host and
//            device round differently: powers are running products,
//   apply()  one element: the new parameter from the old one, its gradient and its states,
//   kDirection  which state's negative is the direction of the previous update, kSecond  which is the second
//               moment: read by telemetry, -1 if there is none,
//   kGathers    gather(), which makes the states of the gradient alone, is a pass of its own; what is made of
//               them before apply() reads them, and leaves them, takes more than one element,
//   kRests      which states, as bits, apply() leaves as they are and no one writes,
//   kMeasures   measure() of each element, before the update, is summed over all parameters, and estimate()
//               takes the sums,
//   kSquares    which states, as bits, are sums or means of squares: in 8 bits their codes have no sign, and
//               twice the octaves; without it the second moment,
//   kPositive   which states, as bits, are never negative, and divide; without it those of kSquares. In 8
//               bits what is not zero of them stays so: else what they divide would be divided by eps alone.
// The sign of `maximize` is in the gradient already.
#pragma once
#include "core/numerics.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

// What a rule may say of itself, and what holds if it does not.
#define ADASTEP_RULE_MAY(name, constant)                          \
  template <class Rule>                                           \
  ADASTEP_HD constexpr auto name(int)->decltype(Rule::constant) { \
    return Rule::constant;                                        \
  }                                                               \
  template <class Rule>                                           \
  ADASTEP_HD constexpr bool name(long) {                          \
    return false;                                                 \
  }
ADASTEP_RULE_MAY(is_trusted, kTrust)
ADASTEP_RULE_MAY(gathers, kGathers)
ADASTEP_RULE_MAY(measures, kMeasures)
#undef ADASTEP_RULE_MAY

// What measure() gives of an element, and the sums of that.
template <class T>
struct Measured {
  T first, second;
};

template <class Rule>
ADASTEP_HD constexpr auto resting_states(int) -> decltype(Rule::kRests) {
  return Rule::kRests;
}
template <class Rule>
ADASTEP_HD constexpr int resting_states(long) {
  return 0;
}
template <class Rule>
ADASTEP_HD constexpr bool rests(int state) {
  return (resting_states<Rule>(0) >> state & 1) != 0;
}

template <class Rule>
ADASTEP_HD constexpr auto square_states(int) -> decltype(Rule::kSquares) {
  return Rule::kSquares;
}
template <class Rule>
ADASTEP_HD constexpr int square_states(long) {
  return Rule::kSecond < 0 ? 0 : 1 << Rule::kSecond;
}
template <class Rule>
ADASTEP_HD constexpr bool is_square(int state) {
  return (square_states<Rule>(0) >> state & 1) != 0;
}

template <class Rule>
ADASTEP_HD constexpr auto positive_states(int) -> decltype(Rule::kPositive) {
  return Rule::kPositive;
}
template <class Rule>
ADASTEP_HD constexpr int positive_states(long) {
  return square_states<Rule>(0);
}
template <class Rule>
ADASTEP_HD constexpr bool is_positive(int state) {
  return (positive_states<Rule>(0) >> state & 1) != 0;
}

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

// x^y for x >= 1, within some units of the last place: host and device round pow differently. log(x) is n
// log(2) + 2 artanh((m - 1) / (m + 1)) with m in [sqrt(1/2), sqrt(2)], e^z = 2^n e^r, by their series. It
// ends whatever memory holds: of an infinite x it is NaN.
ADASTEP_HD double power(double x, double y) {
  const double log2 = 0.69314718055994530942;
  double m = x, n = 0;
  for (; m > 1.41421356237309504880 && n < 1024; m *= 0.5) n += 1;
  const double q = (m - 1) / (m + 1), square = q * q;
  double series = 0;
  for (double k = 23; k >= 1; k -= 2) series = series * square + 1 / k;
  double z = y * (n * log2 + 2 * q * series), scale = 1;
  if (z < -746) return 0;
  if (z > 710) return __builtin_huge_val();
  for (; z < -log2; z += log2) scale *= 0.5;
  for (; z > log2; z -= log2) scale *= 2;
  double e = 1;
  for (double k = 20; k >= 1; k -= 1) e = 1 + z / k * e;
  return scale * e;
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
