// Integer arithmetic (PTX manual 9.7.1). Signed arithmetic wraps, so it is done unsigned.
#include <algorithm>

#include "exec/op_table.h"

namespace emulator {
namespace {

using i128 = __int128;
using u128 = unsigned __int128;

// Division by zero gives all ones on the hardware (the manual leaves it open); so does its remainder the
// dividend.
template <class T>
T divide(T a, T b) {
  if (b == 0) return static_cast<T>(~T{0});
  if (std::is_signed<T>::value && b == static_cast<T>(-1))
    return static_cast<T>(T{0} - static_cast<std::make_unsigned_t<T>>(a));
  return static_cast<T>(a / b);
}
template <class T>
T remainder(T a, T b) {
  if (b == 0) return a;
  if (std::is_signed<T>::value && b == static_cast<T>(-1)) return 0;
  return static_cast<T>(a % b);
}

// The upper half of a product. A 64-bit product of 32-bit factors is enough where it can be: those loops
// vectorise.
template <class T>
T high(T a, T b) {
  using Narrow = std::conditional_t<std::is_signed<T>::value, i64, u64>;
  using Wide = std::conditional_t<std::is_signed<T>::value, i128, u128>;
  using Product = std::conditional_t<sizeof(T) == 8, Wide, Narrow>;
  return static_cast<T>(Product{a} * b >> (8 * sizeof(T)));
}

template <class U, class S>
void addWidth(OpTable& t, const std::string& bits) {
  const std::string u = ".u" + bits, s = ".s" + bits;
  t.add("add" + s + " add" + u, Class::kInteger, [](U a, U b) { return static_cast<U>(a + b); });
  t.add("sub" + s + " sub" + u, Class::kInteger, [](U a, U b) { return static_cast<U>(a - b); });
  t.add("mul.lo" + s + " mul.lo" + u, Class::kInteger, [](U a, U b) { return static_cast<U>(u64{a} * b); });
  t.add("mad.lo" + s + " mad.lo" + u, Class::kInteger,
        [](U a, U b, U c) { return static_cast<U>(u64{a} * b + c); });
  t.add("mul.hi" + u, Class::kInteger, [](U a, U b) { return high<U>(a, b); });
  t.add("mul.hi" + s, Class::kInteger, [](S a, S b) { return high<S>(a, b); });
  t.add("mad.hi" + u, Class::kInteger, [](U a, U b, U c) { return static_cast<U>(high<U>(a, b) + c); });
  t.add("mad.hi" + s, Class::kInteger,
        [](S a, S b, U c) { return static_cast<U>(static_cast<U>(high<S>(a, b)) + c); });
  t.add("div" + u, Class::kInteger, [](U a, U b) { return divide<U>(a, b); });
  t.add("div" + s, Class::kInteger, [](S a, S b) { return divide<S>(a, b); });
  t.add("rem" + u, Class::kInteger, [](U a, U b) { return remainder<U>(a, b); });
  t.add("rem" + s, Class::kInteger, [](S a, S b) { return remainder<S>(a, b); });
  t.add("min" + u, Class::kInteger, [](U a, U b) { return std::min(a, b); });
  t.add("min" + s, Class::kInteger, [](S a, S b) { return std::min(a, b); });
  t.add("max" + u, Class::kInteger, [](U a, U b) { return std::max(a, b); });
  t.add("max" + s, Class::kInteger, [](S a, S b) { return std::max(a, b); });
  t.add("neg" + s, Class::kInteger, [](U a) { return static_cast<U>(U{0} - a); });
  t.add("abs" + s, Class::kInteger, [](U a) { return static_cast<U>(static_cast<S>(a) < 0 ? U{0} - a : a); });
}

template <class U, class S, class WideU, class WideS>
void addWide(OpTable& t, const std::string& bits) {
  const std::string u = ".u" + bits, s = ".s" + bits;
  t.add("mul.wide" + u, Class::kInteger, [](U a, U b) { return static_cast<WideU>(WideU{a} * b); });
  t.add("mul.wide" + s, Class::kInteger, [](S a, S b) { return static_cast<WideS>(WideS{a} * b); });
  t.add("mad.wide" + u, Class::kInteger,
        [](U a, U b, WideU c) { return static_cast<WideU>(WideU{a} * b + c); });
  t.add("mad.wide" + s, Class::kInteger,
        [](S a, S b, WideU c) { return static_cast<WideU>(static_cast<WideU>(WideS{a} * b) + c); });
}

u32 low24(u32 a) { return a & 0xffffffu; }
i32 signed24(i32 a) { return static_cast<i32>(static_cast<u32>(a) << 8) >> 8; }
i32 saturate(i64 v) { return static_cast<i32>(std::clamp<i64>(v, INT32_MIN, INT32_MAX)); }
u32 difference(u32 a, u32 b) { return a > b ? a - b : b - a; }
u32 difference(i32 a, i32 b) { return static_cast<u32>(std::max(a, b)) - static_cast<u32>(std::min(a, b)); }

}  // namespace

void addIntegerOps(OpTable& t) {
  addWidth<u16, i16>(t, "16");
  addWidth<u32, i32>(t, "32");
  addWidth<u64, i64>(t, "64");
  addWide<u16, i16, u32, i32>(t, "16");
  addWide<u32, i32, u64, i64>(t, "32");
  t.add("add.sat.s32", Class::kInteger, [](i32 a, i32 b) { return saturate(i64{a} + b); });
  t.add("sub.sat.s32", Class::kInteger, [](i32 a, i32 b) { return saturate(i64{a} - b); });
  t.add("mad.hi.sat.s32", Class::kInteger,
        [](i32 a, i32 b, i32 c) { return saturate((i64{a} * b >> 32) + c); });
  t.add("mul24.lo.u32", Class::kInteger, [](u32 a, u32 b) { return low24(a) * low24(b); });
  t.add("mul24.lo.s32", Class::kInteger,
        [](i32 a, i32 b) { return static_cast<u32>(i64{signed24(a)} * signed24(b)); });
  t.add("mul24.hi.u32", Class::kInteger,
        [](u32 a, u32 b) { return static_cast<u32>(u64{low24(a)} * low24(b) >> 16); });
  t.add("mul24.hi.s32", Class::kInteger,
        [](i32 a, i32 b) { return static_cast<u32>(i64{signed24(a)} * signed24(b) >> 16); });
  t.add("mad24.lo.u32", Class::kInteger, [](u32 a, u32 b, u32 c) { return low24(a) * low24(b) + c; });
  t.add("mad24.lo.s32", Class::kInteger,
        [](i32 a, i32 b, u32 c) { return static_cast<u32>(i64{signed24(a)} * signed24(b)) + c; });
  t.add("sad.u32", Class::kInteger, [](u32 a, u32 b, u32 c) { return difference(a, b) + c; });
  t.add("sad.s32", Class::kInteger, [](i32 a, i32 b, u32 c) { return difference(a, b) + c; });
}

}  // namespace emulator
