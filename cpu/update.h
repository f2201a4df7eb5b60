// The optimizer step: one loop for every rule.
#pragma once
#include "core/advance.h"
#include "cpu/loops.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

static void run(const Advance& op, const cpu::Parallel&) {
  switch (op.rule) {
#define ADASTEP_ADVANCE(type, name, states) \
  case RuleId::k##type:                     \
    return advance<type>(op);
    ADASTEP_FOR_EACH_RULE(ADASTEP_ADVANCE)
#undef ADASTEP_ADVANCE
  }
}

// Bound by memory: one pass, every array read and written once.
template <class Rule>
static void update(const Update& op, const cpu::Parallel& parallel) {
  const Prepared<Rule> rule(op.prepared.data);
  const float* const g = op.g.data;
  float* const p = op.p.data;
  float* state[kMaxStates];
  for (int s = 0; s < kMaxStates; ++s) state[s] = op.state[s].data;
  for_elements(parallel, op.n, [=](int64_t i) {
    float mine[kMaxStates];
    for (int s = 0; s < Rule::kStates; ++s) mine[s] = state[s][i];
    p[i] = rule.apply(p[i], g[i], mine);
    for (int s = 0; s < Rule::kStates; ++s) state[s][i] = mine[s];
  });
}

static void run(const Update& op, const cpu::Parallel& parallel) {
  switch (op.rule) {
#define ADASTEP_UPDATE(type, name, states) \
  case RuleId::k##type:                    \
    return update<type>(op, parallel);
    ADASTEP_FOR_EACH_RULE(ADASTEP_UPDATE)
#undef ADASTEP_UPDATE
  }
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
