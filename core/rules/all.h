// The list of update rules. A new rule is one header and one line here (and one file in lib/optim, one golden
// file).
#pragma once
#include "core/rules/adagrad.h"
#include "core/rules/adam.h"
#include "core/rules/sgd.h"

// X(type, name, state names as in PyTorch's state_dict)
#define ADASTEP_FOR_EACH_RULE(X)                   \
  X(Sgd, "sgd", "")                                \
  X(SgdMomentum, "sgdMomentum", "momentum_buffer") \
  X(AdaGrad, "adagrad", "sum")                     \
  X(Adam, "adam", "exp_avg exp_avg_sq")

namespace adastep {

enum class RuleId : int32_t {
#define ADASTEP_RULE(type, name, states) k##type,
  ADASTEP_FOR_EACH_RULE(ADASTEP_RULE)
#undef ADASTEP_RULE
};

constexpr const char* kRuleNames[] = {
#define ADASTEP_RULE(type, name, states) name,
    ADASTEP_FOR_EACH_RULE(ADASTEP_RULE)
#undef ADASTEP_RULE
};
constexpr int kRuleCount = sizeof(kRuleNames) / sizeof(kRuleNames[0]);

constexpr const char* kRuleStates[] = {
#define ADASTEP_RULE(type, name, states) states,
    ADASTEP_FOR_EACH_RULE(ADASTEP_RULE)
#undef ADASTEP_RULE
};

// Sizes in elements: hyper and running in doubles, step in floats.
struct RuleSize {
  int hyper, running, step, states;
};
constexpr RuleSize kRuleSizes[] = {
#define ADASTEP_RULE(type, name, states)                     \
  {sizeof(ADASTEP_NUMERICS::type::Hyper) / sizeof(double),   \
   sizeof(ADASTEP_NUMERICS::type::Running) / sizeof(double), \
   sizeof(ADASTEP_NUMERICS::type::Step<float>) / sizeof(float), ADASTEP_NUMERICS::type::kStates},
    ADASTEP_FOR_EACH_RULE(ADASTEP_RULE)
#undef ADASTEP_RULE
};
static inline RuleSize rule_size(RuleId rule) { return kRuleSizes[static_cast<int32_t>(rule)]; }

}  // namespace adastep
