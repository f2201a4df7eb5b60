// Unary and Binary. The function is chosen once per operation, outside the loops.
#pragma once
#include "core/elementwise.h"
#include "cpu/nest.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

static void run(const Unary& op, const cpu::Parallel& parallel) {
  const float* x = op.x.data;
  float* y = op.y.data;
  const float alpha = op.alpha, beta = op.beta;
  with_constant<UnaryFn, kUnaryFnCount>(op.fn, [=, &op, &parallel](auto fn) {
    for_elements(parallel, op.n, [=](int64_t i) { y[i] = apply<decltype(fn)::value>(x[i], alpha, beta); });
  });
}

// y[i] = f(a[i * a_stride], b[i * b_stride]), i < n.
using BinaryRun = void(const float* a, int64_t a_stride, const float* b, int64_t b_stride, float* y,
                       int64_t n);

// One loop for each pair of strides that vectorises, one for all others.
template <BinaryFn kFn>
static void binary_run(const float* a, int64_t a_stride, const float* b, int64_t b_stride, float* y,
                       int64_t n) {
  if (a_stride == 1 && b_stride == 1) {
    ADASTEP_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) y[i] = apply<kFn>(a[i], b[i]);
  } else if (a_stride == 1 && b_stride == 0) {
    const float scalar = *b;
    ADASTEP_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) y[i] = apply<kFn>(a[i], scalar);
  } else if (a_stride == 0 && b_stride == 1) {
    const float scalar = *a;
    ADASTEP_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) y[i] = apply<kFn>(scalar, b[i]);
  } else {
    for (int64_t i = 0; i < n; ++i) y[i] = apply<kFn>(a[i * a_stride], b[i * b_stride]);
  }
}

static void run(const Binary& op, const cpu::Parallel& parallel) {
  BinaryRun* run_of_fn = nullptr;
  with_constant<BinaryFn, kBinaryFnCount>(op.fn,
                                          [&](auto fn) { run_of_fn = binary_run<decltype(fn)::value>; });

  Dims y_strides;  // y is contiguous
  int64_t stride = 1;
  for (int d = kMaxRank - 1; d >= 0; stride *= op.shape.d[d--]) y_strides.d[d] = stride;
  const Dims* const strides[3] = {&op.a_strides, &op.b_strides, &y_strides};
  const Nest<3> nest = simplified(op.shape, strides);
  const int last = nest.rank - 1;
  for_runs(parallel, nest, [&](const int64_t(&offset)[3], int64_t count) {
    run_of_fn(op.a.data + offset[0], nest.stride[0][last], op.b.data + offset[1], nest.stride[1][last],
              op.y.data + offset[2], count);
  });
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
