// The overshoot guard: decides on the device, before anything is written, whether a step is taken. Thresholds
// are robust z-scores: distance from the median in units of 1.4826 MAD, the deviation of a normal variable
// (Hampel 1974), over the accepted steps of a window.
#pragma once
#include "core/numerics.h"
#include "core/settings.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

// Spread below which a window is not believed to be, in parts of its median or of the first value that was
// seen, whichever is larger. A window of equal values would call any other one a spike; and late in a run,
// when losses are small, one that is ten times the others is a hard batch, not a step that went too far: what
// went too far is what comes near to where the run started.
constexpr double kLossFloor = 0.1, kNormFloor = 0.5;

// How much further from the median than what the guard backed off for, in units of the limit, is too far to
// be an aftermath of it.
constexpr double kWorse = 2;

ADASTEP_HD bool finite_(double x) { return x - x == 0.0; }

ADASTEP_HD double magnitude(double x) { return x < 0 ? -x : x; }

// The value above which x would be a spike, median + threshold * spread, and the median.
struct Limit {
  double value, median;
};

// `seen` values, the last kWindow kept; `sorted` is room for as many.
ADASTEP_HD Limit spike_limit(const double* window, double seen, double first, double threshold, double floor,
                             double* sorted) {
  const int n = seen < kWindow ? static_cast<int>(seen) : kWindow;
  for (int i = 0; i < n; i++) {  // by insertion: n is small, and one thread does it
    int at = i;
    for (; at > 0 && sorted[at - 1] > window[i]; at--) sorted[at] = sorted[at - 1];
    sorted[at] = window[i];
  }
  const double median = sorted[n / 2];
  // The median of the distances: they grow from the median on to both sides, so take the nearer n / 2 times.
  int low = n / 2 - 1, high = n / 2;
  double distance = 0;
  for (int taken = 0; taken <= n / 2; taken++) {
    const bool left = low >= 0 && (high >= n || median - sorted[low] <= sorted[high] - median);
    distance = left ? median - sorted[low--] : sorted[high++] - median;
  }
  const double level = magnitude(median) > magnitude(first) ? magnitude(median) : magnitude(first);
  const double spread = 1.4826 * distance, least = floor * level;
  return {median + threshold * (spread > least ? spread : least), median};
}

ADASTEP_HD void remember(double* window, double& seen, double& first, double value) {
  if (seen == 0) first = value;
  window[static_cast<int64_t>(seen) % kWindow] = value;
  seen += 1;
}

struct Verdict {
  Cause cause;
  double value;
  Limit limit;
};

// What is wrong with a step whose gradient has this norm, and whose loss is this, if there is one.
ADASTEP_HD Verdict judge(const Settings& settings, const Guard& guard, double norm, const float* loss,
                         double* room) {
  const double infinity = __builtin_huge_val();
  if (!finite_(norm)) return {Cause::kNonFiniteGradient, norm, {infinity, 0}};
  if (loss && !finite_(*loss)) return {Cause::kNonFiniteLoss, *loss, {infinity, 0}};
  if (settings.spike == 0) return {Cause::kNone, 0, {0, 0}};
  if (loss && guard.losses >= settings.history) {
    const Limit limit =
        spike_limit(guard.loss, guard.losses, guard.first_loss, settings.threshold, kLossFloor, room);
    if (*loss > limit.value) return {Cause::kLossSpike, *loss, limit};
  }
  if (guard.norms >= settings.history) {
    const Limit limit =
        spike_limit(guard.norm, guard.norms, guard.first_norm, settings.threshold, kNormFloor, room);
    if (norm > limit.value) return {Cause::kNormSpike, norm, limit};
  }
  return {Cause::kNone, 0, {0, 0}};
}

ADASTEP_HD bool is_spike(Cause cause) { return cause == Cause::kLossSpike || cause == Cause::kNormSpike; }

// How many times its limit was what the guard backed off for last; 1 for what is not finite, and where losses
// may be negative. While it cools the decision is in the log: fewer were made since than there is room for.
ADASTEP_HD double severity(const Guard& guard) {
  const int64_t decisions = static_cast<int64_t>(guard.decisions);
  for (int64_t i = decisions - 1; i >= 0 && i >= decisions - kCooling; i--) {
    const Decision& made = guard.log[i % kLog];
    if (made.action != static_cast<double>(Action::kBackOff)) continue;
    const double times = made.value / made.limit;
    return finite_(times) && times > 1 ? times : 1;
  }
  return 1;
}

// What is done about a spike while a lower learning rate has yet to show itself. What was spoilt before the
// guard backed off looks like a spike for a while, and has to be taken to get better; what is much worse than
// that is none of it.
ADASTEP_HD Action while_cooling(const Guard& guard, const Verdict& spike) {
  const double median = spike.limit.median, limit = spike.limit.value, scaled = severity(guard) * limit;
  const double known = scaled > limit ? scaled : limit;
  return spike.value - median > kWorse * (known - median) ? Action::kSkip : Action::kNone;
}

// The action that the settings want, made possible: nothing can be clipped that is not finite, nor rolled
// back to where there is no snapshot.
ADASTEP_HD Action action_on(const Settings& settings, const Guard& guard, const Verdict& verdict) {
  const Cause cause = verdict.cause;
  if (cause == Cause::kNone) return Action::kNone;
  const Action wanted =
      static_cast<Action>(static_cast<int32_t>(is_spike(cause) ? settings.spike : settings.non_finite));
  if (wanted == Action::kRollBack && guard.kept < 1) return Action::kSkip;
  if (wanted == Action::kBackOff && guard.cooling > 0)
    return is_spike(cause) ? while_cooling(guard, verdict) : Action::kSkip;
  if (wanted == Action::kClip && cause != Cause::kNormSpike) return Action::kSkip;
  return wanted;
}

ADASTEP_HD void log_decision(Guard& guard, const Verdict& verdict, Action action) {
  Decision& entry = guard.log[static_cast<int64_t>(guard.decisions) % kLog];
  entry = {guard.attempts,
           static_cast<double>(verdict.cause),
           static_cast<double>(action),
           verdict.value,
           verdict.limit.value,
           guard.lr_factor};
  guard.decisions += 1;
}

// The loss scale after a step (Micikevicius et al. 2017): smaller after one that is not finite, larger after
// many that are.
ADASTEP_HD void adapt_loss_scale(const Settings& settings, Guard& guard, bool finite) {
  if (settings.loss_scaling == 0) return;
  guard.good = finite ? guard.good + 1 : 0;
  if (!finite) {
    guard.loss_scale *= settings.scale_shrink;
  } else if (guard.good >= settings.scale_interval) {
    guard.loss_scale *= settings.scale_growth;
    guard.good = 0;
  }
}

// What a step does, beyond the update itself.
struct Plan {
  bool skip;
  double max_norm;    // 0: does not clip
  int save, restore;  // slots; -1: none
};

// Decides on one step and updates the guard's memory. `room`: kWindow doubles.
ADASTEP_HD Plan decide(const Settings& settings, Guard& guard, int64_t slots, double norm, const float* loss,
                       double* room) {
  guard.attempts += 1;
  if (guard.cooling > 0) guard.cooling -= 1;
  Plan plan = {false, settings.max_norm, -1, -1};
  const Verdict verdict = judge(settings, guard, norm, loss, room);
  const bool finite = verdict.cause == Cause::kNone || is_spike(verdict.cause);
  adapt_loss_scale(settings, guard, finite);

  if (is_spike(verdict.cause) && ++guard.spikes > settings.patience) {  // no spike: a new level
    guard.spikes = guard.norms = guard.losses = 0;
  } else {
    if (verdict.cause == Cause::kNone) guard.spikes = 0;
    const Action action = action_on(settings, guard, verdict);
    if (action == Action::kBackOff) guard.cooling = kCooling;
    if (action == Action::kClip) plan.max_norm = verdict.limit.value;
    if (action == Action::kBackOff || action == Action::kRollBack) guard.lr_factor *= settings.back_off;
    plan.skip =
        action == Action::kSkip || action == Action::kRollBack || (action == Action::kBackOff && !finite);
    if (action == Action::kRollBack) {
      plan.restore = static_cast<int>((static_cast<int64_t>(guard.snapshots) - 1) % slots);
      if (guard.kept > 1) {  // the newest is used up: a spike that comes back goes to the one before it
        guard.snapshots -= 1;
        guard.kept -= 1;
      }
      guard.until_snapshot = settings.snapshot_every;
    }
    if (action != Action::kNone || is_spike(verdict.cause)) log_decision(guard, verdict, action);
  }
  if (plan.skip) return plan;

  guard.accepted += 1;
  if (verdict.cause != Cause::kNone) return plan;
  remember(guard.norm, guard.norms, guard.first_norm, norm);
  if (loss) remember(guard.loss, guard.losses, guard.first_loss, *loss);
  const double recovered = guard.lr_factor * settings.recovery;
  guard.lr_factor = recovered > 1 ? 1 : recovered;
  if (slots > 0 && --guard.until_snapshot < 0) {
    plan.save = static_cast<int>(static_cast<int64_t>(guard.snapshots) % slots);
    guard.snapshots += 1;
    if (guard.kept < static_cast<double>(slots)) guard.kept += 1;
    guard.until_snapshot = settings.snapshot_every;
  }
  return plan;
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
