// The optimizer step: one template over the rules, one pass over parameters, gradients and states.
#include "core/advance.h"
#include "cuda/kernels/common.cuh"

using namespace adastep;

namespace {

template <class Rule>
__device__ void update_one(const Update& op, const Prepared<Rule>& prepared, int64_t i) {
  float state[kMaxStates];
#pragma unroll
  for (int s = 0; s < Rule::kStates; s++) state[s] = op.state[s].data[i];
  op.p.data[i] = prepared.apply(op.p.data[i], op.g.data[i], state);
#pragma unroll
  for (int s = 0; s < Rule::kStates; s++) op.state[s].data[i] = state[s];
}

template <class Rule>
__device__ void update_four(const Update& op, const Prepared<Rule>& prepared, int64_t i) {
  const float4 g = quad(op.g.data + i);
  float4 p = quad(op.p.data + i);
  float4 v[kMaxStates];
#pragma unroll
  for (int s = 0; s < Rule::kStates; s++) v[s] = quad(op.state[s].data + i);
#pragma unroll
  for (int lane = 0; lane < 4; lane++) {
    float state[kMaxStates];
#pragma unroll
    for (int s = 0; s < Rule::kStates; s++) state[s] = (&v[s].x)[lane];
    (&p.x)[lane] = prepared.apply((&p.x)[lane], (&g.x)[lane], state);
#pragma unroll
    for (int s = 0; s < Rule::kStates; s++) (&v[s].x)[lane] = state[s];
  }
  quad(op.p.data + i) = p;
#pragma unroll
  for (int s = 0; s < Rule::kStates; s++) quad(op.state[s].data + i) = v[s];
}

// Elements before the first at a multiple of 16 bytes; all of them if the spans disagree where that is.
template <class Rule>
__device__ int64_t head_of(const Update& op) {
  const uintptr_t place = reinterpret_cast<uintptr_t>(op.p.data) % 16;
  bool same = reinterpret_cast<uintptr_t>(op.g.data) % 16 == place;
#pragma unroll
  for (int s = 0; s < Rule::kStates; s++) same &= reinterpret_cast<uintptr_t>(op.state[s].data) % 16 == place;
  const int64_t head = (16 - place) % 16 / 4;
  return same && head < op.n ? head : op.n;
}

// Four elements per thread and access; those before and after the multiples of 16 bytes one by one.
template <class Rule>
__device__ void update(const Update& op) {
  const Prepared<Rule> prepared(op.prepared.data);
  const int64_t head = head_of<Rule>(op), quads = (op.n - head) / 4;
  for (int64_t i = thread_index(); i < quads; i += thread_count())
    update_four<Rule>(op, prepared, head + 4 * i);
  for (int64_t i = thread_index(); i < op.n - 4 * quads; i += thread_count()) {
    update_one<Rule>(op, prepared, i < head ? i : i + 4 * quads);
  }
}

}  // namespace

#define ADASTEP_UPDATE(type, name, states)                                                  \
  extern "C" __global__ void __launch_bounds__(kThreads) adastep_update_##type(Update op) { \
    update<type>(op);                                                                       \
  }
ADASTEP_FOR_EACH_RULE(ADASTEP_UPDATE)
#undef ADASTEP_UPDATE

// One thread: the scalars of a step are a few dozen operations in double.
extern "C" __global__ void adastep_advance(Advance op) {
  switch (op.rule) {
#define ADASTEP_ADVANCE(type, name, states) \
  case RuleId::k##type:                     \
    return advance<type>(op);
    ADASTEP_FOR_EACH_RULE(ADASTEP_ADVANCE)
#undef ADASTEP_ADVANCE
  }
}
