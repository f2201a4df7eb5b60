// General matrix multiplication, batched, with bias and activation in its epilogue.
#pragma once
#include "core/span.h"

namespace adastep {

enum class Activation : int32_t { kNone, kRelu, kGelu, kTanh, kSigmoid };
constexpr const char* kActivationNames[] = {"none", "relu", "gelu", "tanh", "sigmoid"};

// What the elements of op(A) and op(B) are rounded to, to the nearest with ties to even, as they are read.
// Everything in memory stays f32, and so do the sums and the epilogue.
enum class Precision : int32_t { kF32, kBF16 };
constexpr const char* kPrecisionNames[] = {"f32", "bf16"};

// C = act(alpha * op(A) op(B) + beta * C + bias), all row-major, for each of `batch` problems.
//   op(A) is [m, k]: A is stored [m, k] with row stride lda, or [k, m] if trans_a; op(B) is [k, n] likewise;
//   C is [m, n]. bias is [n], added to every row, shared by the batch. Strides of the batch may be 0 for A
//   and B.
// Each element of op(A) op(B) is one chain of fma in ascending k from 0; with bf16 on CUDA the order of the
// sum is the tensor cores' own. The epilogue is, in this order:
//   v = alpha * acc;  if (beta != 0) v = fma(beta, c, v);  if (bias) v = v + bias;  c = act(v).
// With beta == 0, C is not read (it may be uninitialised or NaN).
struct Gemm {
  static constexpr const char* kName = "gemm";
  int64_t batch, m, n, k;
  bool trans_a, trans_b;
  int64_t lda, ldb, ldc, stride_a, stride_b, stride_c;
  float alpha, beta;
  Activation activation;
  Precision precision;
  In<float> a, b, bias;
  InOut<float> c;

  static int64_t matrix_extent(int64_t batch, int64_t stride, int64_t rows, int64_t cols, int64_t ld) {
    return strided_extent({{1, 1, 1, batch, rows, cols}}, {{0, 0, 0, stride, ld, 1}});
  }
  template <class V>
  void visit(V& v) {
    v.count("batch", batch);
    v.count("m", m);
    v.count("n", n);
    v.count("k", k);
    v.flag("transA", trans_a);
    v.flag("transB", trans_b);
    v.count("lda", lda);
    v.count("ldb", ldb);
    v.count("ldc", ldc);
    v.count("strideA", stride_a);
    v.count("strideB", stride_b);
    v.count("strideC", stride_c);
    v.real("alpha", alpha);
    v.real("beta", beta);
    v.choice("activation", activation, kActivationNames);
    v.choice("precision", precision, kPrecisionNames);
    v.check(lda >= (trans_a ? m : k), "lda", "at least the columns of A as stored");
    v.check(ldb >= (trans_b ? k : n), "ldb", "at least the columns of B as stored");
    v.check(ldc >= n, "ldc", "at least n");
    v.check(batch <= 1 || stride_c >= matrix_extent(1, 0, m, n, ldc), "strideC", "at least one matrix C");
    v.span("a", a,
           trans_a ? matrix_extent(batch, stride_a, k, m, lda) : matrix_extent(batch, stride_a, m, k, lda));
    v.span("b", b,
           trans_b ? matrix_extent(batch, stride_b, n, k, ldb) : matrix_extent(batch, stride_b, k, n, ldb));
    v.optional("bias", bias, n);
    if (beta != 0) {
      v.span("c", c, matrix_extent(batch, stride_c, m, n, ldc));
    } else {
      Out<float> out{c.data};  // not read: the planner and the uninitialised-memory checker may rely on it
      v.span("c", out, matrix_extent(batch, stride_c, m, n, ldc));
      c.data = out.data;
    }
  }
};

}  // namespace adastep
