// The list of update rules. A new rule is one header and one line here (and one file in lib/optim, one golden
// file).
#pragma once
#include "core/rules/adadelta.h"
#include "core/rules/adafactor.h"
#include "core/rules/adagrad.h"
#include "core/rules/adam.h"
#include "core/rules/adamax.h"
#include "core/rules/lamb.h"
#include "core/rules/lion.h"
#include "core/rules/muon.h"
#include "core/rules/nadam.h"
#include "core/rules/prodigy.h"
#include "core/rules/radam.h"
#include "core/rules/rmsprop.h"
#include "core/rules/schedule_free.h"
#include "core/rules/sgd.h"

// X(type, name, state names as in PyTorch's state_dict)
#define ADASTEP_FOR_EACH_RULE(X)                                                               \
  X(Sgd, "sgd", "")                                                                            \
  X(SgdMomentum, "sgdMomentum", "momentum_buffer")                                             \
  X(AdaGrad, "adagrad", "sum")                                                                 \
  X(Adam, "adam", "exp_avg exp_avg_sq")                                                        \
  X(Amsgrad, "amsgrad", "exp_avg exp_avg_sq max_exp_avg_sq")                                   \
  X(Rmsprop, "rmsprop", "square_avg")                                                          \
  X(RmspropMomentum, "rmspropMomentum", "square_avg momentum_buffer")                          \
  X(RmspropCentered, "rmspropCentered", "square_avg grad_avg")                                 \
  X(RmspropCenteredMomentum, "rmspropCenteredMomentum", "square_avg momentum_buffer grad_avg") \
  X(Adadelta, "adadelta", "square_avg acc_delta")                                              \
  X(Adamax, "adamax", "exp_avg exp_inf")                                                       \
  X(NAdam, "nadam", "exp_avg exp_avg_sq")                                                      \
  X(RAdam, "radam", "exp_avg exp_avg_sq")                                                      \
  X(Lamb, "lamb", "exp_avg exp_avg_sq")                                                        \
  X(Lion, "lion", "exp_avg")                                                                   \
  X(ScheduleFreeAdamW, "scheduleFreeAdamW", "z exp_avg_sq")                                    \
  X(Prodigy, "prodigy", "exp_avg exp_avg_sq s p0")                                             \
  X(Muon, "muon", "momentum_buffer update")                                                    \
  X(Adafactor, "adafactor", "update")

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
  int hyper, running, step, states, direction, second, squares, positive;
  bool gathers, measures;
};
// (A table would not be there on the device.)
ADASTEP_HD constexpr RuleSize rule_size(RuleId rule) {
  switch (rule) {
#define ADASTEP_RULE(type, name, states)                                  \
  case RuleId::k##type:                                                   \
    return {sizeof(ADASTEP_NUMERICS::type::Hyper) / sizeof(double),       \
            sizeof(ADASTEP_NUMERICS::type::Running) / sizeof(double),     \
            sizeof(ADASTEP_NUMERICS::type::Step<float>) / sizeof(float),  \
            ADASTEP_NUMERICS::type::kStates,                              \
            ADASTEP_NUMERICS::type::kDirection,                           \
            ADASTEP_NUMERICS::type::kSecond,                              \
            ADASTEP_NUMERICS::square_states<ADASTEP_NUMERICS::type>(0),   \
            ADASTEP_NUMERICS::positive_states<ADASTEP_NUMERICS::type>(0), \
            ADASTEP_NUMERICS::gathers<ADASTEP_NUMERICS::type>(0),         \
            ADASTEP_NUMERICS::measures<ADASTEP_NUMERICS::type>(0)};
    ADASTEP_FOR_EACH_RULE(ADASTEP_RULE)
#undef ADASTEP_RULE
  }
  return {};
}

}  // namespace adastep
