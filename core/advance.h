// One step of an optimizer's scalars, and one of its elements, shared by both backends bit for bit.
#pragma once
#include "core/numerics.h"
#include "core/ops/update.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

// As torch.nn.utils.clip_grad_norm_: a norm that is NaN makes the gradient NaN.
ADASTEP_HD float gradient_factor(double maximize, float max_norm, const float* norm) {
  const double clip = norm ? static_cast<double>(max_norm) / (static_cast<double>(*norm) + 1e-6) : 1.0;
  const double factor = clip > 1.0 ? 1.0 : clip;
  return static_cast<float>(maximize != 0.0 ? -factor : factor);
}

// Structs of floats, or of doubles, word by word: nvcc copies them byte by byte when all that it knows is
// that memory holds bytes.
template <class Struct, class Word>
ADASTEP_HD void read_words(Struct& to, const Word* from) {
  Word words[sizeof(Struct) / sizeof(Word)];
  for (unsigned i = 0; i < sizeof words / sizeof(Word); i++) words[i] = from[i];
  __builtin_memcpy(&to, words, sizeof to);
}
template <class Struct, class Word>
ADASTEP_HD void write_words(Word* to, const Struct& from) {
  Word words[sizeof(Struct) / sizeof(Word)];
  __builtin_memcpy(words, &from, sizeof from);
  for (unsigned i = 0; i < sizeof words / sizeof(Word); i++) to[i] = words[i];
}

template <class Rule>
ADASTEP_HD void advance(const Advance& op) {
  typename Rule::Hyper hyper;
  typename Rule::Running running;
  read_words(hyper, op.hyper.data);
  read_words(running, op.running.data);
  const typename Rule::template Step<float> step = Rule::template begin<float>(hyper, running);
  op.prepared.data[0] = gradient_factor(hyper.maximize, op.max_norm, op.norm.data);
  write_words(op.prepared.data + 1, step);
  write_words(op.running.data, running);
}

// What a rule applies in this step: prepared = { gradient factor, Rule::Step<float> }.
template <class Rule>
struct Prepared {
  float factor;
  typename Rule::template Step<float> step;

  ADASTEP_HD explicit Prepared(const float* prepared) : factor(prepared[0]) {
    read_words(step, prepared + 1);
  }
  // The new parameter; `state` has Rule::kStates elements.
  ADASTEP_HD float apply(float p, float g, float* state) const {
    return Rule::apply(step, p, factor * g, state);
  }
};

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
