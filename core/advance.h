// The scalars of one step, shared by both backends bit for bit.
#pragma once
#include "core/guard.h"
#include "core/ops/update.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

// Structs of 4-byte words, or of doubles, word by word: nvcc copies them byte by byte when all that it knows
// is that memory holds bytes.
template <class Struct, class Word>
ADASTEP_HD void read_words(Struct& to, const Word* from) {
  Word words[sizeof(Struct) / sizeof(Word)];
  for (unsigned i = 0; i < sizeof words / sizeof(Word); i++) words[i] = from[i];
  __builtin_memcpy(&to, words, sizeof to);
}
// read_words as a type: what reads the scalars of a tile can be chosen. A warp shares one request
// (cuda/kernels/tree.cuh).
struct ReadWords {
  template <class Struct, class Word>
  ADASTEP_HD void operator()(Struct& to, const Word* from) const {
    read_words(to, from);
  }
};
template <class Struct, class Word>
ADASTEP_HD void write_words(Word* to, const Struct& from) {
  Word words[sizeof(Struct) / sizeof(Word)];
  __builtin_memcpy(words, &from, sizeof from);
  for (unsigned i = 0; i < sizeof words / sizeof(Word); i++) to[i] = words[i];
}

// Words of Control.
ADASTEP_HD bool is_skipped(const float* prepared) { return prepared[0] != 0.0f; }
ADASTEP_HD float unscale_of(const float* prepared) { return prepared[2]; }

// As torch.nn.utils.clip_grad_norm_: a norm that is NaN makes the gradient NaN.
ADASTEP_HD float gradient_factor(double maximize, double max_norm, double norm) {
  const double clip = max_norm > 0 ? max_norm / (norm + 1e-6) : 1.0;
  const double factor = clip > 1.0 ? 1.0 : clip;
  return static_cast<float>(maximize != 0.0 ? -factor : factor);
}

ADASTEP_HD float watch_level(const Settings& settings, double attempts) {
  const bool due = settings.watch_every > 0 &&
                   static_cast<int64_t>(attempts) % static_cast<int64_t>(settings.watch_every) == 0;
  return due ? 2.0f : settings.watch_gradient != 0 ? 1.0f : 0.0f;
}

// `running` of all groups into a slot of the ring, or back.
ADASTEP_HD void copy_running(const Plan& plan, double* running, double* ring, int64_t size) {
  if (plan.save >= 0)
    for (int64_t i = 0; i < size; i++) ring[plan.save * size + i] = running[i];
  if (plan.restore >= 0)
    for (int64_t i = 0; i < size; i++) running[i] = ring[plan.restore * size + i];
}

// A group's row of `prepared`: gradient factor, lr, Rule::Step.
template <class Rule>
ADASTEP_HD void advance_group(const Advance& op, int64_t group, const Plan& plan, double lr_factor,
                              double norm) {
  typename Rule::Hyper hyper;
  typename Rule::Running running;
  constexpr int64_t kHyper = sizeof hyper / sizeof(double), kRunning = sizeof running / sizeof(double);
  read_words(hyper, op.hyper.data + group * kHyper);
  read_words(running, op.running.data + group * kRunning);
  hyper.lr *= lr_factor;
  const typename Rule::template Step<float> step = Rule::template begin<float>(hyper, running);
  float* const row =
      op.prepared.data + kControlWords + group * static_cast<int64_t>(kRowHead + sizeof step / sizeof(float));
  row[0] = gradient_factor(hyper.maximize, plan.max_norm, norm);
  row[1] = static_cast<float>(hyper.lr);
  write_words(row + kRowHead, step);
  if (!plan.skip) write_words(op.running.data + group * kRunning, running);
}

ADASTEP_HD void advance_group(const Advance& op, int64_t group, const Plan& plan, double lr_factor,
                              double norm) {
  switch (op.rule) {
#define ADASTEP_ADVANCE(type, name, states) \
  case RuleId::k##type:                     \
    return advance_group<type>(op, group, plan, lr_factor, norm);
    ADASTEP_FOR_EACH_RULE(ADASTEP_ADVANCE)
#undef ADASTEP_ADVANCE
  }
}

// 0, 1 + a slot to save into, or -(1 + a slot) to restore from.
ADASTEP_HD float slot_word(const Plan& plan) {
  if (plan.restore >= 0) return -static_cast<float>(1 + plan.restore);
  return static_cast<float>(1 + plan.save);
}

// `room`: kWindow doubles.
ADASTEP_HD void advance(const Advance& op, double* room) {
  Settings settings;
  read_words(settings, op.settings.data);
  Guard& guard = *reinterpret_cast<Guard*>(op.guard.data);
  const double scale = settings.loss_scaling != 0 ? guard.loss_scale : 1;
  const double norm = op.totals.data ? sqrt_(static_cast<double>(op.totals.data[0])) / scale : 0.0;
  const Plan plan = decide(settings, guard, op.slots, norm, op.loss.data, room);
  const Control control = {plan.skip ? 1.0f : 0.0f,
                           watch_level(settings, guard.attempts),
                           static_cast<float>(1 / scale),
                           static_cast<float>(settings.clip_value),
                           static_cast<float>(settings.average),
                           slot_word(plan),
                           static_cast<uint32_t>(static_cast<int64_t>(guard.attempts)),
                           static_cast<float>(guard.loss_scale)};
  write_words(op.prepared.data, control);
  op.norm.data[0] = static_cast<float>(norm);
  copy_running(plan, op.running.data, op.snapshots.data, op.groups * rule_size(op.rule).running);
  for (int64_t group = 0; group < op.groups; group++) advance_group(op, group, plan, guard.lr_factor, norm);
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
