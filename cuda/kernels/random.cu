// Random numbers and dropout: a thread makes the four elements of one Philox call.
#include "core/random.h"
#include "cuda/kernels/common.cuh"

using namespace adastep;

namespace {

template <RandomKind kKind>
__device__ void random(const Random& op) {
  const bool vector = aligned16(op.y.data);
  for (int64_t group = thread_index(); 4 * group < op.n; group += thread_count()) {
    float y[4];
    random_four<kKind>(static_cast<uint64_t>(op.seed), static_cast<uint32_t>(op.stream),
                       static_cast<uint64_t>(group), op.a, op.b, y);
    if (vector && 4 * group + 4 <= op.n) {
      quad(op.y.data + 4 * group) = make_float4(y[0], y[1], y[2], y[3]);
    } else {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        if (4 * group + i < op.n) op.y.data[4 * group + i] = y[i];
      }
    }
  }
}

}  // namespace

extern "C" __global__ void __launch_bounds__(kThreads) adastep_random(Random op) {
  if (op.kind == RandomKind::kUniform) {
    random<RandomKind::kUniform>(op);
  } else {
    random<RandomKind::kNormal>(op);
  }
}

extern "C" __global__ void __launch_bounds__(kThreads) adastep_dropout(Dropout op) {
  const Mask mask(op.seed, op.stream, *op.step.data, op.p);
  const bool vector = aligned16(op.x.data) && aligned16(op.y.data);
  for (int64_t group = thread_index(); 4 * group < op.n; group += thread_count()) {
    const Philox random = mask.four(static_cast<uint64_t>(group));
    const float* x = op.x.data + 4 * group;
    float* y = op.y.data + 4 * group;
    if (vector && 4 * group + 4 <= op.n) {
      const float4 v = quad(x);
      quad(y) = make_float4(mask.apply(v.x, random.word[0]), mask.apply(v.y, random.word[1]),
                            mask.apply(v.z, random.word[2]), mask.apply(v.w, random.word[3]));
    } else {
#pragma unroll
      for (int i = 0; i < 4; i++) {
        if (4 * group + i < op.n) y[i] = mask.apply(x[i], random.word[i]);
      }
    }
  }
}
