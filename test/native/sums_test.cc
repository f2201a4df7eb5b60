// What is summed over parameters against sums in double, what is settled by it, and snapshots.
#include <cmath>

#include "check.h"

namespace adastep::test {

namespace {

const float* floats(const Bytes& after, int memory) {
  return reinterpret_cast<const float*>(after[static_cast<size_t>(memory)].data());
}

bool near(double a, double b) { return std::fabs(a - b) <= 2e-5 * (1e-3 + std::fabs(b)); }

const std::vector<int64_t> kLengths = {1, 0, 17, 1025, 255, 5000, 128};

// The sums of a segment for a step from `step.images` to `after`; the state before the step is `direction`.
std::vector<double> sums_of(const StepCase& step, const Segment& of, const Bytes& after,
                            const float* direction) {
  std::vector<double> sums(kSums, 0.0);
  const RuleSize size = rule_size(step.row.id);
  const float *before = step.images[kP].as<float>(), *g = step.images[kG].as<float>();
  for (int64_t i = 0; i < of.length; i++) {
    const double gradient = g[of.g + i], old = before[of.p + i],
                 delta = floats(after, kP)[of.p + i] - before[of.p + i];
    sums[0] += gradient * gradient;
    sums[2] += old * old;
    sums[3] += delta * delta;
    if (size.direction >= 0 && direction[of.state + i] != 0 && gradient != 0) {
      sums[5] += 1;
      sums[4] += (direction[of.state + i] > 0) == (gradient > 0);
    }
    const double second = size.second < 0 ? 0 : floats(after, kState + size.second)[of.state + i];
    if (second > 0) sums[6] += gradient * gradient / second;
    if (size.measures) {  // Prodigy
      const double p0 = reinterpret_cast<const float*>(step.images[kState + 3].bytes.data())[of.state + i];
      const std::vector<double>& hyper = step.row.hyper;
      const double uphill = hyper[2] != 0 ? -1 : 1, decay = hyper[3] != 0 ? 0 : hyper[1];
      sums[7] += (uphill * gradient + decay * old) * (p0 - old);
      sums[8] += std::fabs(floats(after, kState + 2)[of.state + i]);
    }
    sums[9] = std::max(sums[9], std::fabs(delta));
  }
  return sums;
}

void watched() {
  for (const RuleRow& row : rule_rows()) {
    StepOptions options;
    options.lengths = kLengths, options.groups = 2, options.shift = 3;
    options.settings.watch_every = 1;
    StepCase step(row, options);
    const int direction = rule_size(row.id).direction;
    Image none = step.images[kState];
    Image& state = direction < 0 ? none : step.images[static_cast<size_t>(kState + direction)];
    for (size_t i = 0; i < state.count(); i++) state.as<float>()[i] = static_cast<float>(i % 3) - 1;
    const std::vector<char> kept = state.bytes;
    run_steps(row.name() + ", watched", step, 1, [&](const std::string& what, const Bytes& after) {
      std::vector<double> totals(kSums, 0.0);
      bool same = true;
      for (int64_t s = 0; s < step.count; s++) {
        const std::vector<double> sums =
            sums_of(step, step.segment(s), after, reinterpret_cast<const float*>(kept.data()));
        for (int c = 0; c < kSums; c++) {
          const size_t column = static_cast<size_t>(c);
          const float got = floats(after, kSegmentSums)[c * step.count + s];
          same &= near(got, sums[column]) || (s == 1 && c == kSums - 1);  // the maximum of nothing
          totals[column] =
              c == kSums - 1 ? std::max(totals[column], sums[column]) : totals[column] + sums[column];
        }
      }
      check(same, what + ": sums of segments");
      for (int c = 0; c < kSums; c++)
        check(near(floats(after, kTotals)[c], totals[static_cast<size_t>(c)]),
              what + ": total " + std::to_string(c));
    });
  }
}

// At a step that does not watch only the gradient is summed, or nothing is.
void levels() {
  for (double gradient : {0.0, 1.0}) {
    StepOptions options;
    options.lengths = kLengths;
    options.settings.watch_every = 2, options.settings.watch_gradient = gradient;
    StepCase step(row_of(RuleId::kAdam), options);
    for (size_t i = 0; i < step.images[kPartial].count(); i++) step.images[kPartial].as<float>()[i] = -7;
    run_steps("watch nothing", step, 1, [&](const std::string& what, const Bytes& after) {
      bool same = true;
      for (int64_t i = 0; i < kSums * step.tiles; i++) {
        const bool summed = gradient != 0 && i < kGradientSums * step.tiles;
        same &= (floats(after, kPartial)[i] == -7) != summed;
      }
      check(same, what + ": of level " + std::to_string(gradient));
    });
  }
}

// What is watched of a gradient is without its loss scale, whether the step is taken or skipped.
void scaled() {
  for (float loss : {1.0f, INFINITY}) {
    StepOptions options;
    options.lengths = kLengths, options.norm_first = true;
    options.settings.non_finite = static_cast<double>(Action::kSkip);
    options.settings.loss_scaling = options.settings.watch_gradient = 1;
    options.loss = loss;
    StepCase step(row_of(RuleId::kAdam), options);
    step.images[kGuard].as<double>()[3] = 8;  // Guard::loss_scale
    const std::string name = loss == 1.0f ? "a scaled step" : "a scaled step that is skipped";
    run_steps(name, step, 1, [&](const std::string& what, const Bytes& after) {
      bool same = true;
      for (int64_t s = 0; s < step.count; s++) {
        const Segment of = step.segment(s);
        double squares = 0;
        for (int64_t i = 0; i < of.length; i++)
          squares += std::pow(step.images[kG].as<float>()[of.g + i] / 8, 2);
        same &= near(floats(after, kSegmentSums)[s], squares);
      }
      check(same, what + ": watches the gradient itself");
      check((after[kP] == step.images[kP].bytes) == (loss != 1.0f), what + ": is taken, or not");
    });
  }
}

void settled() {
  struct {
    const char* name;
    bool StepOptions::*on;
    Memory factors;
  } const kinds[] = {{"tensor norm", &StepOptions::tensor_norm, kFactors},
                     {"trust ratio", &StepOptions::trust_ratio, kScales},
                     {"update rms", &StepOptions::update_rms, kScales}};
  for (const auto& kind : kinds) {
    StepOptions options;
    options.lengths = kLengths, options.groups = 2, options.norm_first = true;
    options.*kind.on = true;
    const StepCase step(row_of(RuleId::kAdam), options), plain(row_of(RuleId::kAdam), [&] {
      StepOptions without = options;
      without.*kind.on = false;
      return without;
    }());
    // The update as it would be.
    Bytes raw;
    run_steps("update", plain, 1, [&](const std::string&, const Bytes& after) {
      if (raw.empty()) raw = after;
    });
    run_steps(kind.name, step, 1, [&](const std::string& what, const Bytes& after) {
      bool same = true;
      for (int64_t s = 0; s < step.count; s++) {
        const Segment of = step.segment(s);
        double g = 0, p = 0, u = 0;
        for (int64_t i = 0; i < of.length; i++) {
          const double old = step.images[kP].as<float>()[of.p + i];
          g += std::pow(step.images[kG].as<float>()[of.g + i], 2), p += old * old;
          u += std::pow(floats(raw, kP)[of.p + i] - old, 2);
        }
        const double lr = 1e-3 / static_cast<double>(1 + of.group);
        double want = std::min(1.0, 0.5 / (std::sqrt(g) + 1e-6));
        if (kind.on == &StepOptions::trust_ratio) want = p > 0 && u > 0 ? std::sqrt(p / u) : 1;
        if (kind.on == &StepOptions::update_rms)
          want = of.length > 0 ? std::min(1.0, 0.5 * lr / std::sqrt(u / static_cast<double>(of.length))) : 1;
        const double got = floats(after, kind.factors)[s];
        same &= std::fabs(got - want) <= 1e-3 * want;
        if (kind.factors == kFactors) continue;
        for (int64_t i = 0; i < of.length; i++) {
          const double old = step.images[kP].as<float>()[of.p + i];
          same &=
              std::fabs(floats(after, kP)[of.p + i] - (old + got * (floats(raw, kP)[of.p + i] - old))) < 1e-5;
        }
      }
      check(same, what + ": factors, and the update by them");
    });
  }
}

// Good steps, each with a snapshot before it; then one that rolls back.
void snapshots() {
  StepOptions options;
  options.lengths = {1000, 5}, options.norm_first = true, options.slots = 2;
  options.settings.non_finite = static_cast<double>(Action::kRollBack), options.settings.history = 64;
  const StepCase step(row_of(RuleId::kAdam), options);
  Bytes good;
  run_steps("two steps", step, 2, [&](const std::string& what, const Bytes& after) {
    if (good.empty()) good = after;
    const size_t bytes = step.images[kP].bytes.size();
    check(std::memcmp(after[kRing].data(), step.images[kP].bytes.data(), bytes) == 0,
          what + ": the first snapshot is what there was");
    check(std::memcmp(after[kRing].data() + bytes, after[kP].data(), bytes) != 0, what + ": and a second");
  });
  StepCase bad = step;
  for (size_t i = 0; i < bad.images.size(); i++)
    if (i != kG) bad.images[i].bytes = good[i];
  bad.images[kG].as<float>()[3] = NAN;
  run_steps("roll back", bad, 1, [&](const std::string& what, const Bytes& after) {
    const size_t bytes = step.images[kP].bytes.size();
    check(std::memcmp(after[kP].data(), good[kRing].data() + bytes, bytes) == 0, what + ": parameters");
    check(reinterpret_cast<const double*>(after[kRunning].data())[0] == 1, what + ": running scalars");
  });
  run_steps("roll back twice", bad, 2, [&](const std::string& what, const Bytes& after) {
    check(after[kP] == step.images[kP].bytes, what + ": to the snapshot before");
    check(after[kRunning] == step.images[kRunning].bytes, what + ": running scalars");
  });
}

}  // namespace

void test_sums() {
  watched();
  levels();
  scaled();
  settled();
  snapshots();
}

}  // namespace adastep::test
