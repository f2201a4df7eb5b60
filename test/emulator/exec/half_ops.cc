// f16 and bf16 arithmetic (PTX manual 9.7.4), single and in pairs.
#include "exec/narrow_float.h"
#include "exec/op_table.h"

namespace emulator {
namespace {

constexpr Class kF = Class::kFloat;

struct Half {
  static constexpr Format kFormat = kF16;
};
struct Brain {
  static constexpr Format kFormat = kBf16;
};

template <class T>
f64 decode(u16 v) {
  return decode16(v, T::kFormat);
}
template <class T>
u16 encode(f64 v) {
  return encode16(roundTo(v, T::kFormat, Round::kNearestEven), T::kFormat);
}

template <class T, class F>
u16 apply(u16 a, u16 b, F f) {
  return encode<T>(f(decode<T>(a), decode<T>(b)));
}
template <class T, class F>
u32 pair(u32 a, u32 b, F f) {
  return static_cast<u32>(apply<T>(static_cast<u16>(a >> 16), static_cast<u16>(b >> 16), f)) << 16 |
         apply<T>(static_cast<u16>(a), static_cast<u16>(b), f);
}
template <class T>
u16 fused(u16 a, u16 b, u16 c) {
  return encode<T>(fmaForRounding(decode<T>(a), decode<T>(b), decode<T>(c)));
}

template <class T>
void addFormat(OpTable& t, const std::string& type) {
  const std::string two = type + "x2";
  t.add("add" + type + " add.rn" + type, kF,
        [](u16 a, u16 b) { return apply<T>(a, b, [](f64 x, f64 y) { return fmaForRounding(x, 1, y); }); });
  t.add("sub" + type + " sub.rn" + type, kF,
        [](u16 a, u16 b) { return apply<T>(a, b, [](f64 x, f64 y) { return fmaForRounding(y, -1, x); }); });
  t.add("mul" + type + " mul.rn" + type, kF,
        [](u16 a, u16 b) { return apply<T>(a, b, [](f64 x, f64 y) { return x * y; }); });
  t.add("min" + type, kF,
        [](u16 a, u16 b) { return apply<T>(a, b, [](f64 x, f64 y) { return minimum(x, y); }); });
  t.add("max" + type, kF,
        [](u16 a, u16 b) { return apply<T>(a, b, [](f64 x, f64 y) { return maximum(x, y); }); });
  t.add("fma.rn" + type, kF, [](u16 a, u16 b, u16 c) { return fused<T>(a, b, c); });
  t.add("neg" + type, kF, [](u16 a) { return static_cast<u16>(a ^ 0x8000u); });
  t.add("abs" + type, kF, [](u16 a) { return static_cast<u16>(a & 0x7fffu); });
  t.add("add" + two + " add.rn" + two, kF,
        [](u32 a, u32 b) { return pair<T>(a, b, [](f64 x, f64 y) { return fmaForRounding(x, 1, y); }); });
  t.add("sub" + two + " sub.rn" + two, kF,
        [](u32 a, u32 b) { return pair<T>(a, b, [](f64 x, f64 y) { return fmaForRounding(y, -1, x); }); });
  t.add("mul" + two + " mul.rn" + two, kF,
        [](u32 a, u32 b) { return pair<T>(a, b, [](f64 x, f64 y) { return x * y; }); });
  t.add("min" + two, kF,
        [](u32 a, u32 b) { return pair<T>(a, b, [](f64 x, f64 y) { return minimum(x, y); }); });
  t.add("max" + two, kF,
        [](u32 a, u32 b) { return pair<T>(a, b, [](f64 x, f64 y) { return maximum(x, y); }); });
  t.add("fma.rn" + two, kF, [](u32 a, u32 b, u32 c) {
    return static_cast<u32>(
               fused<T>(static_cast<u16>(a >> 16), static_cast<u16>(b >> 16), static_cast<u16>(c >> 16)))
               << 16 |
           fused<T>(static_cast<u16>(a), static_cast<u16>(b), static_cast<u16>(c));
  });
  t.add("neg" + two, kF, [](u32 a) { return a ^ 0x80008000u; });
  t.add("abs" + two, kF, [](u32 a) { return a & 0x7fff7fffu; });
}

}  // namespace

void addHalfOps(OpTable& t) {
  addFormat<Half>(t, ".f16");
  addFormat<Brain>(t, ".bf16");
}

}  // namespace emulator
