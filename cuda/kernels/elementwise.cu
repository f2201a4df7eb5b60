// Elementwise operations. The function is chosen outside the loop where elements are contiguous.
#include "core/elementwise.h"
#include "cuda/kernels/common.cuh"
#include "cuda/kernels/strided.cuh"

using namespace adastep;

namespace {

template <UnaryFn kFn>
__device__ void unary(const Unary& op) {
  const float *x = op.x.data, alpha = op.alpha, beta = op.beta;
  float* y = op.y.data;
  const int64_t quads = aligned16(x) && aligned16(y) ? op.n / 4 : 0;
  for (int64_t i = thread_index(); i < quads; i += thread_count()) {
    const float4 v = quad(x + 4 * i);
    quad(y + 4 * i) = make_float4(apply<kFn>(v.x, alpha, beta), apply<kFn>(v.y, alpha, beta),
                                  apply<kFn>(v.z, alpha, beta), apply<kFn>(v.w, alpha, beta));
  }
  for (int64_t i = 4 * quads + thread_index(); i < op.n; i += thread_count())
    y[i] = apply<kFn>(x[i], alpha, beta);
}

template <BinaryFn kFn>
__device__ void binary(const Binary& op, int64_t n) {
  const float *a = op.a.data, *b = op.b.data;
  float* y = op.y.data;
  const int64_t quads = aligned16(a) && aligned16(b) && aligned16(y) ? n / 4 : 0;
  for (int64_t i = thread_index(); i < quads; i += thread_count()) {
    const float4 v = quad(a + 4 * i), w = quad(b + 4 * i);
    quad(y + 4 * i) =
        make_float4(apply<kFn>(v.x, w.x), apply<kFn>(v.y, w.y), apply<kFn>(v.z, w.z), apply<kFn>(v.w, w.w));
  }
  for (int64_t i = 4 * quads + thread_index(); i < n; i += thread_count()) y[i] = apply<kFn>(a[i], b[i]);
}

// Calls f(the function as a constant) for the one chosen at run time.
template <UnaryFn kFn>
struct UnaryConstant {
  static constexpr UnaryFn value = kFn;
};
template <int kFn = 0, class F>
__device__ void with_unary(UnaryFn fn, F f) {
  if constexpr (kFn < kUnaryFnCount) {
    constexpr UnaryFn kThis = static_cast<UnaryFn>(kFn);
    if (fn == kThis) return f(UnaryConstant<kThis>());
    with_unary<kFn + 1>(fn, f);
  }
}
template <BinaryFn kFn>
struct BinaryConstant {
  static constexpr BinaryFn value = kFn;
};
template <int kFn = 0, class F>
__device__ void with_binary(BinaryFn fn, F f) {
  if constexpr (kFn < kBinaryFnCount) {
    constexpr BinaryFn kThis = static_cast<BinaryFn>(kFn);
    if (fn == kThis) return f(BinaryConstant<kThis>());
    with_binary<kFn + 1>(fn, f);
  }
}

}  // namespace

// 4 blocks, for 64 registers: with fewer the compiler spills on sm_100.
extern "C" __global__ void __launch_bounds__(kThreads, 4) adastep_unary(Unary op) {
  with_unary(op.fn, [&](auto fn) { unary<decltype(fn)::value>(op); });
}

// All of a, b and y are contiguous.
extern "C" __global__ void __launch_bounds__(kThreads) adastep_binary(Binary op, int64_t n) {
  with_binary(op.fn, [&](auto fn) { binary<decltype(fn)::value>(op, n); });
}

// The last `rank` dimensions of shape count, the others are 1.
extern "C" __global__ void __launch_bounds__(kThreads)
    adastep_binary_strided(Binary op, int64_t n, int rank) {
  for (int64_t i = thread_index(); i < n; i += thread_count()) {
    const Places at = places(op.shape, op.a_strides, op.b_strides, rank, i);
    const float a = op.a.data[at.first], b = op.b.data[at.second];
    with_binary(op.fn, [&](auto fn) { op.y.data[i] = apply<decltype(fn)::value>(a, b); });
  }
}
