#include "twin.h"

namespace adastep::test {

namespace {

// hyper-parameters in the order of the rule's Hyper
struct Rule {
  RuleId id;
  std::vector<double> hyper, running;
};

void update(Report& report, Backend& cpu, Backend& cuda, const Rule& rule, int64_t n, size_t shift,
            bool uneven, bool clip, bool graph) {
  Twin twin(report, cpu, cuda, 1);
  const RuleSize size = rule_size(rule.id);
  const auto hyper = twin.slot(rule.hyper), running = twin.slot(rule.running);
  const auto norm = twin.slot(std::vector<float>{3.7f});
  const auto prepared = twin.slot(std::vector<float>(static_cast<size_t>(1 + size.step)));
  const auto p = twin.slot(twin.floats(n), shift), g = twin.slot(twin.floats(n), uneven ? shift + 1 : shift);
  const std::vector<float> zeros(static_cast<size_t>(n));
  const auto s0 = twin.slot(zeros, shift), s1 = twin.slot(zeros, shift);
  const auto step = [&](Side side) {
    Update op = {};
    op.rule = rule.id, op.n = n;
    op.prepared.data = prepared.on(side), op.g.data = g.on(side), op.p.data = p.on(side);
    if (size.states > 0) op.state[0].data = s0.on(side);
    if (size.states > 1) op.state[1].data = s1.on(side);
    return std::vector<Op>{Advance{rule.id,
                                   1.0f,
                                   {hyper.on(side)},
                                   {running.on(side)},
                                   {clip ? norm.on(side) : nullptr},
                                   {prepared.on(side)}},
                           op};
  };
  const std::string name =
      std::string("update ") + kRuleNames[static_cast<int>(rule.id)] + " " + std::to_string(n);
  if (graph) {
    twin.replay(name + " replayed", 5, step);
  } else {
    for (int i = 0; i < 3; i++) twin.run(name, step);
  }
}

}  // namespace

void update_cases(Report& report, Backend& cpu, Backend& cuda) {
  const Rule rules[] = {
      {RuleId::kSgd, {0.1, 0.01, 0}, {0}},
      {RuleId::kSgdMomentum, {0.1, 0.01, 1, 0.9, 0.1, 0}, {0}},
      {RuleId::kSgdMomentum, {0.1, 0, 0, 0.9, 0, 1}, {0}},
      {RuleId::kAdaGrad, {0.1, 0.01, 0, 0.02, 1e-10}, {0}},
      {RuleId::kAdam, {1e-3, 0.01, 0, 0.9, 0.999, 1e-8, 0}, {0, 1, 1}},
      {RuleId::kAdam, {1e-3, 0.01, 1, 0.9, 0.999, 1e-8, 1}, {0, 1, 1}},
  };
  for (const Rule& rule : rules) {
    for (int64_t n : {0, 1, 3, 4, 1001, 70003}) {
      for (size_t shift : {0, 1, 3}) update(report, cpu, cuda, rule, n, shift, false, shift == 1, false);
      update(report, cpu, cuda, rule, n, 1, true, true, false);
    }
    update(report, cpu, cuda, rule, 5000, 0, false, true, true);
  }
}

}  // namespace adastep::test
