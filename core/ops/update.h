// The optimizer step: prepare the scalars of the step once, then update a span of parameters in one pass.
#pragma once
#include "core/rules/all.h"
#include "core/span.h"

namespace adastep {

constexpr int kMaxStates = 2;

// Advances `running` by one step and computes the scalars of the update in double. `hyper` and `running` are
// laid out as the rule's Hyper and Running; `norm` is the global gradient norm, absent when nothing clips.
//   prepared = { gradient factor, Rule::Step<float> }, the factor being (maximize ? -1 : 1) * min(1, maxNorm
//   / (norm + 1e-6)).
struct Advance {
  static constexpr const char* kName = "advance";
  RuleId rule;
  float max_norm;
  In<double> hyper;
  InOut<double> running;
  In<float> norm;
  Out<float> prepared;
  template <class V>
  void visit(V& v) {
    v.choice("rule", rule, kRuleNames);
    v.real("maxNorm", max_norm);
    const RuleSize size = rule_size(rule);
    v.span("hyper", hyper, size.hyper);
    v.span("running", running, size.running);
    v.optional("norm", norm, 1);
    v.span("prepared", prepared, 1 + size.step);
  }
};

// p, state = rule(prepared, p, g, state) for each of n elements, in one pass.
struct Update {
  static constexpr const char* kName = "update";
  RuleId rule;
  int64_t n;
  In<float> prepared, g;
  InOut<float> p;
  InOut<float> state[kMaxStates];
  template <class V>
  void visit(V& v) {
    v.choice("rule", rule, kRuleNames);
    v.count("n", n);
    const RuleSize size = rule_size(rule);
    v.span("prepared", prepared, 1 + size.step);
    v.span("g", g, n);
    v.span("p", p, n);
    const char* const names[kMaxStates] = {"state0", "state1"};
    for (int s = 0; s < kMaxStates; s++) v.optional(names[s], state[s], s < size.states ? n : 0);
    for (int s = 0; s < size.states; s++)
      v.check(n == 0 || state[s].data, names[s], "a span of n elements: the rule keeps this state");
  }
};

}  // namespace adastep
