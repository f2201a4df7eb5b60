// Comparison and selection (PTX manual 9.7.7): setp and its combined forms, selp, slct, set.
#include "exec/compare_forms.h"
#include "exec/float_math.h"
#include "exec/narrow_float.h"

namespace emulator {
namespace {

// A register of a 16-bit format, compared by its value.
struct Half {
  u16 bits;
  operator f64() const { return decode16(bits, kF16); }
};
struct Brain {
  u16 bits;
  operator f64() const { return decode16(bits, kBf16); }
};

template <class T>
bool unordered(T a, T b) {
  return a != a || b != b;
}

template <class T, bool Ftz>
void addOrdered(OpTable& t, const std::string& type, Class kind) {
  auto cmp = [&](const char* name, auto f) { addComparison<T, Ftz>(t, name, type, kind, f); };
  cmp("eq", [](T a, T b) { return a == b; });
  cmp("lt", [](T a, T b) { return a < b; });
  cmp("le", [](T a, T b) { return a <= b; });
  cmp("gt", [](T a, T b) { return a > b; });
  cmp("ge", [](T a, T b) { return a >= b; });
}

template <class T>
void addInteger(OpTable& t, const std::string& type) {
  addOrdered<T, false>(t, type, Class::kInteger);
  addComparison<T, false>(t, "ne", type, Class::kInteger, [](T a, T b) { return a != b; });
}

template <class T>
void addUnsigned(OpTable& t, const std::string& type) {
  addInteger<T>(t, type);
  auto cmp = [&](const char* name, auto f) { addComparison<T, false>(t, name, type, Class::kInteger, f); };
  cmp("lo", [](T a, T b) { return a < b; });
  cmp("ls", [](T a, T b) { return a <= b; });
  cmp("hi", [](T a, T b) { return a > b; });
  cmp("hs", [](T a, T b) { return a >= b; });
}

template <class T>
void addBits(OpTable& t, const std::string& type) {
  addComparison<T, false>(t, "eq", type, Class::kInteger, [](T a, T b) { return a == b; });
  addComparison<T, false>(t, "ne", type, Class::kInteger, [](T a, T b) { return a != b; });
}

// eq, lt, ... are false on a NaN, equ, ltu, ... true.
template <class T, bool Ftz>
void addFloating(OpTable& t, const std::string& type, Class kind) {
  addOrdered<T, Ftz>(t, type, kind);
  auto cmp = [&](const char* name, auto f) { addComparison<T, Ftz>(t, name, type, kind, f); };
  cmp("ne", [](T a, T b) { return !unordered(a, b) && a != b; });
  cmp("equ", [](T a, T b) { return unordered(a, b) || a == b; });
  cmp("neu", [](T a, T b) { return unordered(a, b) || a != b; });
  cmp("ltu", [](T a, T b) { return unordered(a, b) || a < b; });
  cmp("leu", [](T a, T b) { return unordered(a, b) || a <= b; });
  cmp("gtu", [](T a, T b) { return unordered(a, b) || a > b; });
  cmp("geu", [](T a, T b) { return unordered(a, b) || a >= b; });
  cmp("num", [](T a, T b) { return !unordered(a, b); });
  cmp("nan", [](T a, T b) { return unordered(a, b); });
}

}  // namespace

void addCompareOps(OpTable& t) {
  addUnsigned<u16>(t, ".u16");
  addUnsigned<u32>(t, ".u32");
  addUnsigned<u64>(t, ".u64");
  addInteger<i16>(t, ".s16");
  addInteger<i32>(t, ".s32");
  addInteger<i64>(t, ".s64");
  addBits<u16>(t, ".b16");
  addBits<u32>(t, ".b32");
  addBits<u64>(t, ".b64");
  addFloating<f32, false>(t, ".f32", Class::kFloat);
  addFloating<f32, true>(t, ".ftz.f32", Class::kFloat);
  addFloating<f64, false>(t, ".f64", Class::kDouble);
  addFloating<Half, false>(t, ".f16", Class::kFloat);
  addFloating<Brain, false>(t, ".bf16", Class::kFloat);

  t.add("selp.b16 selp.u16 selp.s16", Class::kMove, [](u16 a, u16 b, bool p) { return p ? a : b; });
  t.add("selp.b32 selp.u32 selp.s32", Class::kMove, [](u32 a, u32 b, bool p) { return p ? a : b; });
  t.add("selp.b64 selp.u64 selp.s64", Class::kMove, [](u64 a, u64 b, bool p) { return p ? a : b; });
  t.add("selp.f32", Class::kMove, [](f32 a, f32 b, bool p) { return p ? a : b; });
  t.add("selp.f64", Class::kMove, [](f64 a, f64 b, bool p) { return p ? a : b; });
  // The first type is that of the selected.
  t.add("slct.b32.s32", Class::kMove, [](Bits<u32> a, Bits<u32> b, i32 c) { return c >= 0 ? a : b; });
  t.add("slct.u32.s32 slct.s32.s32", Class::kMove, [](i32 a, i32 b, i32 c) { return c >= 0 ? a : b; });
  t.add("slct.f32.s32", Class::kMove, [](f32 a, f32 b, i32 c) { return c >= 0 ? a : b; });
  t.add("slct.b32.f32", Class::kMove, [](Bits<u32> a, Bits<u32> b, f32 c) { return c >= 0 ? a : b; });
  t.add("slct.u32.f32 slct.s32.f32", Class::kMove, [](i32 a, i32 b, f32 c) { return c >= 0 ? a : b; });
  t.add("slct.f32.f32", Class::kMove, [](f32 a, f32 b, f32 c) { return c >= 0 ? a : b; });
  t.add("slct.b64.s32", Class::kMove, [](Bits<u64> a, Bits<u64> b, i32 c) { return c >= 0 ? a : b; });
  t.add("slct.u64.s32 slct.s64.s32", Class::kMove, [](i64 a, i64 b, i32 c) { return c >= 0 ? a : b; });
}

}  // namespace emulator
