// Operations that move or make data: fill, copy, strided, cast, random.
#pragma once
#include "core/dtype.h"
#include "core/span.h"

namespace adastep {

// y[i] = value, converted to the dtype.
struct Fill {
  static constexpr const char* kName = "fill";
  DType dtype;
  int64_t n;
  double value;
  Out<Raw> y;
  template <class V>
  void visit(V& v) {
    v.choice("dtype", dtype, kDTypeNames);
    v.count("n", n);
    v.real("value", value);
    v.span("y", y, n, dtype);
  }
};

// y = x, byte for byte.
struct Copy {
  static constexpr const char* kName = "copy";
  int64_t bytes;
  In<Raw> x;
  Out<Raw> y;
  template <class V>
  void visit(V& v) {
    v.count("bytes", bytes);
    v.span("x", x, bytes);
    v.span("y", y, bytes);
  }
};

// y[i . y_strides] = x[i . x_strides] for every index i of shape: transposes, slices, concatenation,
// broadcasting. Elements of 4 bytes; strides in elements. Distinct i must give distinct places in y.
struct Strided {
  static constexpr const char* kName = "strided";
  Dims shape, x_strides, y_strides;
  In<uint32_t> x;
  Out<uint32_t> y;
  template <class V>
  void visit(V& v) {
    v.dims("shape", shape);
    v.dims("xStrides", x_strides);
    v.dims("yStrides", y_strides);
    v.check(is_injective(shape, y_strides), "yStrides", "strides that give every index a place of its own");
    v.span("x", x, strided_extent(shape, x_strides));
    v.span("y", y, strided_extent(shape, y_strides));
  }
};

// y[i] = x[i] converted. f32 to i32 truncates towards zero and saturates, NaN gives 0; to u8 likewise. f32 to
// bf16 rounds to the nearest, ties to even.
struct Cast {
  static constexpr const char* kName = "cast";
  DType from, to;  // of f32, i32, u8; or of f32, bf16
  int64_t n;
  In<Raw> x;
  Out<Raw> y;
  template <class V>
  void visit(V& v) {
    v.choice("from", from, kDTypeNames);
    v.choice("to", to, kDTypeNames);
    v.count("n", n);
    v.check(from <= DType::kU8 || from == DType::kBF16, "from", "f32, i32, u8 or bf16");
    v.check(to <= DType::kU8 ? from != DType::kBF16 || to == DType::kF32
                             : to == DType::kBF16 && (from == DType::kF32 || from == to),
            "to", "f32, i32 or u8; f32 or bf16 from bf16; bf16 from f32");
    v.span("x", x, n, from);
    v.span("y", y, n, to);
  }
};

enum class RandomKind : int32_t { kUniform, kNormal };
constexpr const char* kRandomKindNames[] = {"uniform", "normal"};

// uniform: y[i] in [a, b); normal: mean a, standard deviation b. Philox4x32-10 keyed by seed, counter (i / 4,
// stream, 0).
struct Random {
  static constexpr const char* kName = "random";
  RandomKind kind;
  int64_t seed, stream, n;
  float a, b;
  Out<float> y;
  template <class V>
  void visit(V& v) {
    v.choice("kind", kind, kRandomKindNames);
    v.count("seed", seed);
    v.count("stream", stream);
    v.check(stream <= UINT32_MAX, "stream", "less than 2^32");
    v.count("n", n);
    v.real("a", a);
    v.real("b", b);
    v.span("y", y, n);
  }
};

// y[i] = x[i] / (1 - p) where the Philox number of (seed, stream, step, i) is >= p, else 0; step is read from
// the device, so that a recorded operation draws a new mask at every step and its gradient, the same
// operation on gy, draws the same.
struct Dropout {
  static constexpr const char* kName = "dropout";
  int64_t n, seed, stream;
  float p;
  In<double> step;
  In<float> x;
  Out<float> y;
  template <class V>
  void visit(V& v) {
    v.count("n", n);
    v.count("seed", seed);
    v.count("stream", stream);
    v.check(stream <= UINT32_MAX, "stream", "less than 2^32");
    v.real("p", p);
    v.check(p >= 0 && p < 1, "p", "0 <= p < 1");
    v.span("step", step, 1);
    v.span("x", x, n, Aliasing::kInPlace);
    v.span("y", y, n);
  }
};

}  // namespace adastep
