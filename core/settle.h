// Factors of segments from their sums, what a rule makes of sums, and the slot of a snapshot, shared by both
// backends bit for bit.
#pragma once
#include "core/advance.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

ADASTEP_HD float settle(const Settle& op, int64_t segment) {
  const float* const sums = op.sums.data + segment;
  const auto sum = [&](Sum column) { return sums[static_cast<int64_t>(column) * op.count]; };
  switch (op.fn) {
    case SettleFn::kTrustRatio: {
      const float p = sqrt_(sum(Sum::kParameter)), u = sqrt_(sum(Sum::kUpdate));
      return p > 0.0f && u > 0.0f ? p / u : 1.0f;
    }
    case SettleFn::kUpdateRms: {
      const int64_t* const words = op.segments.data + segment * kSegmentWords;
      const int64_t group = words[5] >= 0 && words[5] < op.groups ? words[5] : 0;
      const float lr = op.prepared.data[kControlWords + group * op.row + 1];
      const float rms = sqrt_(sum(Sum::kUpdate) / static_cast<float>(words[1]));
      const float ratio = op.limit * lr / rms;
      return ratio < 1.0f ? ratio : 1.0f;
    }
    default: {
      const float norm = sqrt_(sum(Sum::kGradient)) * op.prepared.data[2];
      const float ratio = op.limit / (norm + 1e-6f);
      return ratio < 1.0f ? ratio : 1.0f;
    }
  }
}

template <class Rule>
ADASTEP_HD void estimate(const Estimate& op) {
  if constexpr (measures<Rule>(0)) {
    typename Rule::Hyper hyper;
    typename Rule::Running running;
    typename Rule::template Step<float> step;
    read_words(hyper, op.hyper.data);
    read_words(running, op.running.data);
    read_words(step, op.prepared.data + kControlWords + kRowHead);
    const float* const totals = op.totals.data + static_cast<int>(Sum::kRuleFirst);
    if (Rule::estimate(hyper, Measured<float>{totals[0], totals[1]}, running, step)) {
      write_words(op.running.data, running);
      write_words(op.prepared.data + kControlWords + kRowHead, step);
    } else {
      op.prepared.data[0] = 1.0f;
    }
  }
}
ADASTEP_HD void estimate(const Estimate& op) {
  if (op.prepared.data[0] != 0.0f) return;
  switch (op.rule) {
#define ADASTEP_ESTIMATE(type, name, states) \
  case RuleId::k##type:                      \
    return estimate<type>(op);
    ADASTEP_FOR_EACH_RULE(ADASTEP_ESTIMATE)
#undef ADASTEP_ESTIMATE
  }
}

// Which slot a snapshot operation saves into or restores from; -1: none.
ADASTEP_HD int64_t snapshot_slot(const Snapshot& op) {
  const float word = op.prepared.data[5];
  const int64_t slot = static_cast<int64_t>(word < 0.0f ? -word : word) - 1;
  return slot < op.slots ? slot : -1;
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
