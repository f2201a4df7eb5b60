// The guard's decisions (core/guard.h), step by step.
#include "core/guard.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "check.h"

namespace adastep::test {

using namespace numerics;

namespace {

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void limits() {
  std::mt19937 random(3);
  bool same = true;
  for (int i = 0; i < 2000; i++) {
    const int seen = 1 + static_cast<int>(random() % 100);
    double window[kWindow], room[kWindow];
    for (double& value : window) {  // ties, negative values and outliers among them
      value = static_cast<double>(random() % 7) - 2;
      if (random() % 3 == 0) value += static_cast<double>(random()) * 0x1p-32;
      if (random() % 9 == 0) value *= 1e6;
    }
    const std::vector<double> kept(window, window + std::min(seen, kWindow));
    const double median = median_of(kept);
    std::vector<double> distances;
    for (double value : kept) distances.push_back(std::fabs(value - median));
    const double first = static_cast<double>(random() % 9) - 4;
    const double level = std::max(std::fabs(median), std::fabs(first));
    const double spread = std::max(1.4826 * median_of(distances), 0.1 * level);
    same &= spike_limit(window, seen, first, 6, 0.1, room).value == median + 6 * spread;
  }
  check(same, "guard: the limit is that of a plain median and MAD");
}

class Run {
 public:
  explicit Run(int64_t slots = 0) : slots_(slots) {
    settings = plain_settings();
    settings.threshold = 6, settings.history = 4, settings.patience = 3;
    settings.back_off = 0.5, settings.recovery = 1.25, settings.snapshot_every = 2;
    guard.lr_factor = guard.loss_scale = 1;
  }
  Plan step(double norm) { return decide(settings, guard, slots_, norm, nullptr, room_); }
  Plan step(double norm, float loss) { return decide(settings, guard, slots_, norm, &loss, room_); }
  void calm(int steps) {
    for (int i = 0; i < steps; i++) step(1 + 0.01 * (i % 3));
  }
  void set(Action non_finite, Action spike) {
    settings.non_finite = static_cast<double>(non_finite);
    settings.spike = static_cast<double>(spike);
  }
  const Decision& last() const {
    return guard.log[(static_cast<int64_t>(guard.decisions) + kLog - 1) % kLog];
  }

  Settings settings;
  Guard guard = {};

 private:
  const int64_t slots_;
  double room_[kWindow];
};

void non_finite() {
  Run run;
  run.set(Action::kSkip, Action::kNone);
  run.calm(3);
  check(run.step(INFINITY).skip && run.step(NAN).skip, "guard: skips what is not finite");
  check(run.guard.attempts == 5 && run.guard.accepted == 3 && run.guard.decisions == 2, "guard: counts");
  check(run.step(1, NAN).skip && run.last().cause == static_cast<double>(Cause::kNonFiniteLoss),
        "guard: a loss that is not finite");
  Run none;
  check(!none.step(NAN).skip, "guard: does nothing unless told to");
}

void spikes() {
  Run clips;
  clips.set(Action::kSkip, Action::kClip);
  clips.calm(10);
  const Plan plan = clips.step(100);
  check(!plan.skip && plan.max_norm == clips.last().limit && plan.max_norm < 5, "guard: clips to the limit");
  check(clips.guard.norms == 10, "guard: does not remember a spike");

  Run backs;
  backs.set(Action::kSkip, Action::kBackOff);
  backs.calm(10);
  check(!backs.step(100).skip && backs.guard.lr_factor == 0.5, "guard: backs off");
  backs.step(1);
  check(backs.guard.lr_factor == 0.625, "guard: recovers");
  backs.calm(10);
  check(backs.guard.lr_factor == 1, "guard: recovers no further than 1");
  check(!backs.step(1, 1e9f).skip, "guard: needs a history of losses");

  Run cools;
  cools.set(Action::kSkip, Action::kBackOff);
  cools.calm(10);
  cools.step(100);
  check(!cools.step(190).skip && cools.last().action == static_cast<double>(Action::kNone) &&
            cools.last().attempt == 12 && cools.guard.lr_factor == 0.5,
        "guard: takes a spike like that which it backed off for, and says so");
  check(cools.step(210).skip && cools.last().action == static_cast<double>(Action::kSkip) &&
            cools.guard.lr_factor == 0.5 && cools.guard.accepted == 12,
        "guard: skips a worse one while it cools");
  Run other;
  other.set(Action::kBackOff, Action::kBackOff);
  other.calm(10);
  check(other.step(INFINITY).skip && other.guard.lr_factor == 0.5, "guard: backs off for infinity");
  other.step(5);
  check(!other.step(6).skip && other.step(8).skip, "guard: a spike has the limit to go by after that");
  Run crossed;
  crossed.set(Action::kSkip, Action::kBackOff);
  for (int i = 0; i < 10; i++) crossed.step(1, 1);
  crossed.step(1, 100);
  check(!crossed.step(100, 1).skip && crossed.step(1e3, 1).skip,
        "guard: norms are measured by how bad a loss was that it backed off for");

  Run patient;
  patient.set(Action::kSkip, Action::kSkip);
  patient.calm(10);
  for (int i = 0; i < 3; i++) check(patient.step(100).skip, "guard: skips a spike");
  check(!patient.step(100).skip && patient.guard.norms == 0, "guard: after `patience` it is a new level");
  check(!patient.step(100).skip, "guard: whose steps are taken");
}

void rolls_back() {
  Run run(2);
  run.set(Action::kRollBack, Action::kRollBack);
  check(run.step(NAN).skip && run.last().action == static_cast<double>(Action::kSkip),
        "guard: skips where there is no snapshot");
  std::vector<int> saved;
  for (int i = 0; i < 10; i++) saved.push_back(run.step(1).save);
  check(saved == std::vector<int>({0, -1, -1, 1, -1, -1, 0, -1, -1, 1}), "guard: slots in turn");
  const Plan first = run.step(100), second = run.step(100), third = run.step(100);
  check(first.skip && first.restore == 1, "guard: restores the newest");
  check(second.restore == 0 && third.restore == 0, "guard: then the one before it, which it keeps");
  check(run.guard.lr_factor == 0.125, "guard: backs off with each");
}

void loss_scale() {
  Run run;
  run.set(Action::kSkip, Action::kNone);
  run.settings.loss_scaling = 1, run.settings.scale_growth = 2, run.settings.scale_shrink = 0.5;
  run.settings.scale_interval = 3;
  run.guard.loss_scale = 1024;
  run.calm(3);
  check(run.guard.loss_scale == 2048, "loss scale: grows after finite steps");
  run.step(INFINITY);
  check(run.guard.loss_scale == 1024 && run.guard.good == 0, "loss scale: shrinks after one that is not");
}

}  // namespace

void test_guard() {
  limits();
  non_finite();
  spikes();
  rolls_back();
  loss_scale();
}

}  // namespace adastep::test
