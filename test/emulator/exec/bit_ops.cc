// Logic, shifts, bit fields and permutations (PTX manual 9.7.1 and 9.7.8).
#include <algorithm>

#include "exec/op_table.h"

namespace emulator {
namespace {

// A shift by the width or more gives zero, or the sign.
template <class T>
T shiftLeft(T a, u32 n) {
  return n < 8 * sizeof(T) ? static_cast<T>(a << n) : T{0};
}
template <class T>
T shiftRight(T a, u32 n) {
  constexpr u32 last = 8 * sizeof(T) - 1;
  if (std::is_signed<T>::value) return static_cast<T>(a >> std::min(n, last));
  return n <= last ? static_cast<T>(a >> n) : T{0};
}

template <class U, class S>
void addWidth(OpTable& t, const std::string& bits) {
  const std::string b = ".b" + bits, u = ".u" + bits, s = ".s" + bits;
  t.add("and" + b, Class::kInteger, [](U x, U y) { return static_cast<U>(x & y); });
  t.add("or" + b, Class::kInteger, [](U x, U y) { return static_cast<U>(x | y); });
  t.add("xor" + b, Class::kInteger, [](U x, U y) { return static_cast<U>(x ^ y); });
  t.add("not" + b, Class::kInteger, [](U x) { return static_cast<U>(~x); });
  t.add("cnot" + b, Class::kInteger, [](U x) { return static_cast<U>(x == 0); });
  t.add("shl" + b, Class::kInteger, [](U x, Count n) { return shiftLeft<U>(x, n); });
  t.add("shr" + b + " shr" + u, Class::kInteger, [](U x, Count n) { return shiftRight<U>(x, n); });
  t.add("shr" + s, Class::kInteger, [](S x, Count n) { return shiftRight<S>(x, n); });
}

u32 leadingZeros(u32 a) { return a ? static_cast<u32>(__builtin_clz(a)) : 32; }
u32 leadingZeros(u64 a) { return a ? static_cast<u32>(__builtin_clzll(a)) : 64; }

template <class U>
U reverse(U a) {
  U out = 0;
  for (u32 i = 0; i < 8 * sizeof(U); ++i) out |= (a >> i & 1) << (8 * sizeof(U) - 1 - i);
  return out;
}

// bfe: only the low 8 bits of position and length count; bits beyond the value are its sign (signed) or zero.
template <class U, class S>
U extractUnsigned(U a, u32 position, u32 length) {
  position &= 255, length &= 255;
  U shifted = shiftRight<U>(a, position);
  return length >= 8 * sizeof(U) ? shifted : static_cast<U>(shifted & ((U{1} << length) - 1));
}
template <class U, class S>
U extractSigned(U a, u32 position, u32 length) {
  position &= 255, length &= 255;
  constexpr u32 width = 8 * sizeof(U);
  if (length == 0) return 0;
  u32 signAt = std::min(position + length - 1, width - 1);
  U sign = a >> signAt & 1 ? static_cast<U>(~U{0}) : U{0};
  U field = extractUnsigned<U, S>(a, position, length);
  u32 valid = position >= width ? 0 : std::min(length, width - position);
  return valid >= width ? field : static_cast<U>((field & ((U{1} << valid) - 1)) | (sign << valid));
}
template <class U>
U insertField(U field, U into, u32 position, u32 length) {
  position &= 255, length &= 255;
  constexpr u32 width = 8 * sizeof(U);
  if (position >= width || length == 0) return into;
  U mask = (length >= width ? ~U{0} : (U{1} << length) - 1) << position;
  return (into & ~mask) | (shiftLeft<U>(field, position) & mask);
}

// The position of the highest bit that differs from the sign; all ones if there is none.
template <class U, class S>
u32 highestBit(S value) {
  U bits = static_cast<U>(value < 0 ? ~value : value);
  return bits == 0 ? 0xffffffffu : 8 * sizeof(U) - 1 - leadingZeros(bits);
}

u32 permute(u32 a, u32 b, u32 selector) {
  u64 bytes = u64{b} << 32 | a;
  u32 out = 0;
  for (int i = 0; i < 4; ++i) {
    u32 choice = selector >> (4 * i) & 15;
    u32 byte = static_cast<u32>(bytes >> (8 * (choice & 7))) & 255;
    if (choice & 8) byte = byte & 128 ? 255 : 0;
    out |= byte << (8 * i);
  }
  return out;
}

// Bit by bit, the three inputs are an index into the 8 bits of `table`.
u32 lookup(u32 a, u32 b, u32 c, u32 table) {
  u32 out = 0;
  for (u32 row = 0; row < 8; ++row) {
    u32 matches = (row & 4 ? a : ~a) & (row & 2 ? b : ~b) & (row & 1 ? c : ~c);
    out |= table >> row & 1 ? matches : 0;
  }
  return out;
}

// `length` ones from `position` upwards; what lies beyond bit 31 is cut off.
u32 bitMask(u32 position, u32 length) {
  u64 ones = (u64{1} << std::min(length, 32u)) - 1;
  return position < 32 ? static_cast<u32>(ones << position) : 0;
}

u32 funnelLeft(u32 low, u32 high, u32 n) { return static_cast<u32>((u64{high} << 32 | low) << n >> 32); }
u32 funnelRight(u32 low, u32 high, u32 n) { return static_cast<u32>((u64{high} << 32 | low) >> n); }

}  // namespace

void addBitOps(OpTable& t) {
  addWidth<u16, i16>(t, "16");
  addWidth<u32, i32>(t, "32");
  addWidth<u64, i64>(t, "64");
  t.add("and.pred", Class::kInteger, [](bool a, bool b) { return a && b; });
  t.add("or.pred", Class::kInteger, [](bool a, bool b) { return a || b; });
  t.add("xor.pred", Class::kInteger, [](bool a, bool b) { return a != b; });
  t.add("not.pred", Class::kInteger, [](bool a) { return !a; });
  t.add("popc.b32", Class::kInteger, [](u32 a) { return Count{static_cast<u32>(__builtin_popcount(a))}; });
  t.add("popc.b64", Class::kInteger, [](u64 a) { return Count{static_cast<u32>(__builtin_popcountll(a))}; });
  t.add("clz.b32", Class::kInteger, [](u32 a) { return Count{leadingZeros(a)}; });
  t.add("clz.b64", Class::kInteger, [](u64 a) { return Count{leadingZeros(a)}; });
  t.add("brev.b32", Class::kInteger, [](u32 a) { return reverse(a); });
  t.add("brev.b64", Class::kInteger, [](u64 a) { return reverse(a); });
  t.add("bfe.u32", Class::kInteger, [](u32 a, u32 p, u32 n) { return extractUnsigned<u32, i32>(a, p, n); });
  t.add("bfe.u64", Class::kInteger,
        [](u64 a, Count p, Count n) { return extractUnsigned<u64, i64>(a, p, n); });
  t.add("bfe.s32", Class::kInteger, [](u32 a, u32 p, u32 n) { return extractSigned<u32, i32>(a, p, n); });
  t.add("bfe.s64", Class::kInteger, [](u64 a, Count p, Count n) { return extractSigned<u64, i64>(a, p, n); });
  t.add("bfind.u32", Class::kInteger, [](u32 a) { return a ? 31 - leadingZeros(a) : 0xffffffffu; });
  t.add("bfind.u64", Class::kInteger, [](u64 a) { return a ? 63 - leadingZeros(a) : 0xffffffffu; });
  t.add("bfind.s32", Class::kInteger, [](i32 a) { return highestBit<u32, i32>(a); });
  t.add("bfind.s64", Class::kInteger, [](i64 a) { return highestBit<u64, i64>(a); });
  t.add("bfind.shiftamt.u32", Class::kInteger, [](u32 a) { return a ? leadingZeros(a) : 0xffffffffu; });
  t.add("prmt.b32", Class::kInteger, [](u32 a, u32 b, u32 s) { return permute(a, b, s); });
  t.add("bfi.b32", Class::kInteger, [](u32 f, u32 a, Count p, Count n) { return insertField(f, a, p, n); });
  t.add("bfi.b64", Class::kInteger, [](u64 f, u64 a, Count p, Count n) { return insertField(f, a, p, n); });
  t.add("lop3.b32", Class::kInteger,
        [](u32 a, u32 b, u32 c, Literal table) { return lookup(a, b, c, table); });
  t.add("bmsk.clamp.b32", Class::kInteger, [](Count p, Count n) { return Count{bitMask(p, n)}; });
  t.add("bmsk.wrap.b32", Class::kInteger, [](Count p, Count n) { return Count{bitMask(p & 31, n & 31)}; });
  t.add("shf.l.wrap.b32", Class::kInteger, [](u32 a, u32 b, Count n) { return funnelLeft(a, b, n & 31); });
  t.add("shf.r.wrap.b32", Class::kInteger, [](u32 a, u32 b, Count n) { return funnelRight(a, b, n & 31); });
  t.add("shf.l.clamp.b32", Class::kInteger,
        [](u32 a, u32 b, Count n) { return funnelLeft(a, b, std::min(n.value, 32u)); });
  t.add("shf.r.clamp.b32", Class::kInteger,
        [](u32 a, u32 b, Count n) { return funnelRight(a, b, std::min(n.value, 32u)); });
}

}  // namespace emulator
