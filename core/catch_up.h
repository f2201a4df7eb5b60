// Catch-up Adam: a row that was not touched for k steps gets at once what k steps with a gradient of 0 would
// have done to it. Shared by both backends bit for bit.
//
// In such a step j = 1 .. k after step t0, with m and v as they were after t0,
//   p = keep_j p - lr / (1 - beta1^(t0+j)) beta1^j m / (sqrt(beta2^j v) / sqrt(1 - beta2^(t0+j)) + eps)
// where keep_j = 1 - lr_j weight_decay. With q = beta1 / sqrt(beta2) the moves are as q, q^2 .. q^k; most of
// their sum are the first 1 / (1 - q). So they happen here all at once, at their centre of gravity
//   c = 1 / (1 - q) - k q^k / (1 - q^k)
// with its bias corrections, the learning rate of step t0, and the decay that is left after c steps:
//   p = (product of keep_j) p
//       - rest lr / (1 - beta1^(t0+c)) m / (sqrt(v) / sqrt(1 - beta2^(t0+c)) + eps) q (1 - q^k) / (1 - q)
//   rest = (product of keep_j) / keep_0^c
//   m = beta1^k m,  v = beta2^k v
// Powers are by squaring, in double.
#pragma once
#include "core/ops/sparse.h"
#include "core/row_step.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

ADASTEP_HD double power(double base, int64_t exponent) {
  double result = 1.0;
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) result *= base;
    base *= base;
  }
  return result;
}

// A product of factors in (0, 1], however small, as mantissa * 2^exponent with a mantissa in [1, 2). Packed,
// it is one double with the order of a logarithm, from which both come back: exponent + (mantissa - 1).
ADASTEP_HD double pack_product(double mantissa, double exponent) { return exponent + (mantissa - 1.0); }

// a / b of two packed products, a <= b.
ADASTEP_HD double product_ratio(double a, double b) {
  const double low = -9007199254740992.0;  // 2^53: what is further down is no product that we made
  if (!(a <= 0.0 && b <= 0.0 && a >= low && b >= low)) return 1.0;
  int64_t exponent_a = static_cast<int64_t>(a), exponent_b = static_cast<int64_t>(b);
  if (static_cast<double>(exponent_a) > a) exponent_a--;
  if (static_cast<double>(exponent_b) > b) exponent_b--;
  const double mantissa_a = 1.0 + (a - static_cast<double>(exponent_a));
  const double mantissa_b = 1.0 + (b - static_cast<double>(exponent_b));
  return mantissa_a / mantissa_b * power(0.5, exponent_b - exponent_a);
}

// What a table knows of the steps of its optimizer. Zeros before the first.
struct Clock {
  double step, mantissa, exponent;
  double decay_before, decay;  // packed products of keep: of the steps before this one, and with it
  double lr, weight_decay, beta1, beta2, eps;
  double eps_hat;  // 1: eps is beside the uncorrected root
};
static_assert(sizeof(Clock) == kClockWords * sizeof(double), "kClockWords");

ADASTEP_HD void advance_clock(const SparseClock& op) {
  const RowStep<Adam> adam(op.prepared.data, op.group);
  Clock clock;
  read_words(clock, op.clock.data);
  const double step = op.step.data[0];
  if (step == clock.step) return;  // a step that was skipped
  clock.step = step;
  if (!(clock.mantissa >= 1.0 && clock.mantissa < 2.0)) clock.mantissa = 1.0;  // the first step
  clock.decay_before = clock.decay;
  const double least = 7.8886090522101181e-31;  // 2^-100: a decay of everything
  const double keep = static_cast<double>(adam.step.decay.keep);
  clock.mantissa *= keep >= least ? (keep <= 1.0 ? keep : 1.0) : least;
  while (clock.mantissa < 1.0) {
    clock.mantissa *= 2.0;
    clock.exponent -= 1.0;
  }
  clock.decay = pack_product(clock.mantissa, clock.exponent);
  clock.beta1 = static_cast<double>(adam.step.beta1);
  clock.beta2 = static_cast<double>(adam.step.beta2);
  clock.eps = static_cast<double>(adam.step.eps);
  clock.eps_hat = adam.step.inverse_correction == 1.0f ? 1.0 : 0.0;  // a correction is above 1
  clock.lr = static_cast<double>(adam.lr);
  if (clock.lr > 0.0) clock.weight_decay = (1.0 - keep) / clock.lr;
  write_words(op.clock.data, clock);
}

// What a row missed.
struct CatchUp {
  bool behind;
  float decay, move, inverse_correction, eps, beta1_power, beta2_power;

  ADASTEP_HD float apply(float p, float* state) const {
    const float m = state[0], v = state[1];
    const float denominator = fma_(sqrt_(v), inverse_correction, eps);
    const float direction = quotient(m, denominator);
    state[0] = beta1_power * m;
    state[1] = beta2_power * v;
    return fma_(-move, direction, decay * p);
  }
};

// The row of `times` until the given step, to whose end all decay was `until_decay`.
ADASTEP_HD CatchUp missed_by(const Clock& clock, double until, double until_decay, const RowTimes& times,
                             int64_t row) {
  const int64_t last = times.last_step.data[row];
  const int64_t k = (until >= 0 && until < 9007199254740992.0 ? static_cast<int64_t>(until) : 0) - last;
  if (last < 0 || k <= 0) return {false, 1, 0, 1, 0, 1, 1};
  const double q = clock.beta1 / sqrt_(clock.beta2);
  const double qk = power(q, k), rest = 1.0 - q;
  const double centre = 1.0 / rest - static_cast<double>(k) * qk / (1.0 - qk);
  const int64_t c = centre < static_cast<double>(k) ? static_cast<int64_t>(centre + 0.5) : k;
  const double lr = static_cast<double>(times.last_lr.data[row]);
  const double decay = product_ratio(until_decay, times.log_decay.data[row]);
  const double decay_left = decay / power(1.0 - lr * clock.weight_decay, c);
  const double correction = sqrt_(1.0 - power(clock.beta2, last + c));
  const bool hat = clock.eps_hat != 0.0;
  const double move =
      lr * (hat ? correction : 1.0) / (1.0 - power(clock.beta1, last + c)) * (q * (1.0 - qk) / rest);
  return {true,
          static_cast<float>(decay),
          static_cast<float>(move * (decay_left < 1.0 ? decay_left : 1.0)),
          static_cast<float>(hat ? 1.0 : 1.0 / correction),
          static_cast<float>(clock.eps),
          static_cast<float>(power(clock.beta1, k)),
          static_cast<float>(power(clock.beta2, k))};
}

// The row is up to date with the clock.
ADASTEP_HD void stamp(const Clock& clock, const RowTimes& times, int64_t row) {
  times.last_step.data[row] = static_cast<int32_t>(clock.step);
  times.last_lr.data[row] = static_cast<float>(clock.lr);
  times.log_decay.data[row] = clock.decay;
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
