// cvt (PTX manual 9.7.9.21): between integers, floats and narrow floats, with rounding, .ftz and .sat. The
// frequent ones stand in the table and vectorise; all others are taken apart lane by lane.
#include <algorithm>

#include "exec/decoder.h"
#include "exec/modifiers.h"
#include "exec/narrow_float.h"
#include "exec/op_table.h"

namespace emulator {
namespace {

struct Type {
  enum Kind : u8 { kSigned, kUnsigned, kF16, kBf16, kF32, kF64 } kind = kUnsigned;
  u8 bytes = 4;
  bool isFloat() const { return kind >= kF16; }
};

struct ConvertForm {
  Type to, from;
  Round round = Round::kNearestEven;
  bool hasRound = false, integral = false, ftz = false, sat = false;
  u8 toRegister = 4, fromRegister = 4;
};

const std::map<std::string, Type> kTypes = {
    {"s8", {Type::kSigned, 1}},    {"s16", {Type::kSigned, 2}},   {"s32", {Type::kSigned, 4}},
    {"s64", {Type::kSigned, 8}},   {"u8", {Type::kUnsigned, 1}},  {"u16", {Type::kUnsigned, 2}},
    {"u32", {Type::kUnsigned, 4}}, {"u64", {Type::kUnsigned, 8}}, {"f16", {Type::kF16, 2}},
    {"bf16", {Type::kBf16, 2}},    {"f32", {Type::kF32, 4}},      {"f64", {Type::kF64, 8}}};

// Of the values themselves, or to an integer.
const std::map<std::string, Round> kRounds = {
    {"rn", Round::kNearestEven},  {"rz", Round::kZero},  {"rm", Round::kDown},  {"rp", Round::kUp},
    {"rni", Round::kNearestEven}, {"rzi", Round::kZero}, {"rmi", Round::kDown}, {"rpi", Round::kUp}};
const ModifierTable kModifiers("cvt",
                               {{"rounding", "rn rz rm rp rni rzi rmi rpi"}, {"ftz", "ftz"}, {"sat", "sat"}},
                               {});

i64 signExtend(u64 value, u8 bytes) {
  int shift = 64 - 8 * bytes;
  return static_cast<i64>(value << shift) >> shift;
}
u64 zeroExtend(u64 value, u8 bytes) { return bytes == 8 ? value : value & ((u64{1} << 8 * bytes) - 1); }

// Rounds a double that holds the exact value of the source. f32 is rounded by the machine, in the mode asked
// for.
f64 toFormat(f64 v, const ConvertForm& form) {
  switch (form.to.kind) {
    case Type::kF16:
      return roundTo(v, kF16, form.round);
    case Type::kBf16:
      return roundTo(v, kBf16, form.round);
    case Type::kF32:
      return form.round == Round::kNearestEven ? static_cast<f32>(v)
                                               : roundTo(v, Format{32, 23, 127}, form.round);
    default:
      return v;
  }
}

// 64-bit integers do not fit into a double: they are converted in the mode by the machine itself.
template <class Float, class Integer>
Float fromInteger(Integer v, Round mode) {
  static const int modes[] = {FE_TONEAREST, FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD};
  int before = std::fegetround();
  std::fesetround(modes[static_cast<int>(mode)]);
  asm volatile("" : "+r"(v) : : "memory");
  Float result = static_cast<Float>(v);
  asm volatile("" : "+x"(result) : : "memory");
  std::fesetround(before);
  return result;
}

u64 encode(f64 v, const ConvertForm& form) {
  if (form.sat) v = saturate01(v);
  switch (form.to.kind) {
    case Type::kF16:
      return encode16(v, kF16);
    case Type::kBf16:
      return encode16(v, kBf16);
    case Type::kF32:
      return bitsOf(form.ftz ? flush(canonical(static_cast<f32>(v))) : canonical(static_cast<f32>(v)));
    default:
      return bitsOf(v);
  }
}

f64 decode(u64 raw, const ConvertForm& form) {
  switch (form.from.kind) {
    case Type::kF16:
      return decode16(static_cast<u16>(raw), kF16);
    case Type::kBf16:
      return decode16(static_cast<u16>(raw), kBf16);
    case Type::kF32:
      return form.ftz ? flush(floatOf(static_cast<u32>(raw))) : floatOf(static_cast<u32>(raw));
    default:
      return doubleOf(raw);
  }
}

// Out of range clamps. NaN: zero, but the top bit where 64 bits are on either side; as a sign it fills what
// the register has above the type.
u64 floatToInteger(f64 v, const ConvertForm& form) {
  u8 bits = static_cast<u8>(8 * form.to.bytes);
  if (v != v) {
    u64 top = form.from.kind == Type::kF64 || bits == 64 ? u64{1} << (bits - 1) : 0;
    return form.to.kind == Type::kSigned ? static_cast<u64>(signExtend(top, form.to.bytes)) : top;
  }
  v = roundInteger(v, form.round);
  if (form.to.kind == Type::kUnsigned) {
    if (v <= 0) return 0;
    return v >= std::ldexp(1., bits) ? zeroExtend(~u64{0}, form.to.bytes) : static_cast<u64>(v);
  }
  f64 limit = std::ldexp(1., bits - 1);
  if (v >= limit) return (u64{1} << (bits - 1)) - 1;
  return v < -limit ? static_cast<u64>(-1) << (bits - 1) : static_cast<u64>(static_cast<i64>(v));
}

u64 integerToInteger(u64 raw, const ConvertForm& form) {
  bool fromSigned = form.from.kind == Type::kSigned, toSigned = form.to.kind == Type::kSigned;
  u64 value =
      fromSigned ? static_cast<u64>(signExtend(raw, form.from.bytes)) : zeroExtend(raw, form.from.bytes);
  if (form.sat) {
    __int128 exact =
        fromSigned ? static_cast<__int128>(static_cast<i64>(value)) : static_cast<__int128>(value);
    int bits = 8 * form.to.bytes;
    __int128 low = toSigned ? -(static_cast<__int128>(1) << (bits - 1)) : 0;
    __int128 high = (static_cast<__int128>(1) << (toSigned ? bits - 1 : bits)) - 1;
    value = static_cast<u64>(std::min(std::max(exact, low), high));
  }
  // In a wider register the value stands extended by its own sign.
  return toSigned ? static_cast<u64>(signExtend(value, form.to.bytes)) : zeroExtend(value, form.to.bytes);
}

u64 integerToFloat(u64 raw, const ConvertForm& form) {
  bool isSigned = form.from.kind == Type::kSigned;
  i64 s = signExtend(raw, form.from.bytes);
  u64 u = zeroExtend(raw, form.from.bytes);
  if (form.to.kind == Type::kF32) {
    f32 v = isSigned ? fromInteger<f32>(s, form.round) : fromInteger<f32>(u, form.round);
    return encode(v, form);
  }
  if (form.to.kind == Type::kF64)
    return encode(isSigned ? fromInteger<f64>(s, form.round) : fromInteger<f64>(u, form.round), form);
  // What a double does not hold is far beyond f16.
  f64 exact = isSigned ? fromInteger<f64>(s, Round::kZero) : fromInteger<f64>(u, Round::kZero);
  return encode(toFormat(exact, form), form);
}

u64 convert(u64 raw, const ConvertForm& form) {
  if (!form.from.isFloat())
    return form.to.isFloat() ? integerToFloat(raw, form) : integerToInteger(raw, form);
  f64 v = decode(zeroExtend(raw, form.from.bytes), form);
  if (!form.to.isFloat()) return floatToInteger(v, form);
  if (form.integral) return encode(roundInteger(v, form.round), form);
  return encode(toFormat(v, form), form);
}

void runConvert(Warp& w, const Instruction& i, u32 mask) {
  const auto& form = *static_cast<const ConvertForm*>(i.form);
  for (int l = 0; l < kWarpSize; ++l) {
    if (!(mask >> l & 1)) continue;
    u64 raw = 0;
    std::memcpy(&raw, w.at<u8>(i.a) + l * form.fromRegister, form.fromRegister);
    u64 result = convert(raw, form);
    std::memcpy(w.at<u8>(i.d) + l * form.toRegister, &result, form.toRegister);
  }
}

void readModifiers(const Modifiers& given, ConvertForm& form) {
  auto round = kRounds.find(given["rounding"]);
  form.hasRound = round != kRounds.end();
  if (form.hasRound) {
    form.round = round->second;
    form.integral = round->first.back() == 'i';
  }
  form.ftz = given.has("ftz");
  form.sat = given.has("sat");
}

// Rounding is demanded where the result may not be exact, and forbidden elsewhere: the manual's table.
void checkRounding(Decoder& decoder, const ConvertForm& form) {
  bool toInteger = !form.to.isFloat() && form.from.isFloat(),
       toFloat = form.to.isFloat() && !form.from.isFloat();
  bool narrows = form.to.isFloat() && form.from.isFloat() && form.to.bytes < form.from.bytes;
  bool same = form.to.isFloat() && form.to.kind == form.from.kind;
  bool right = toInteger            ? form.hasRound && form.integral
               : toFloat || narrows ? form.hasRound && !form.integral
               : same               ? !form.hasRound || form.integral
                                    : !form.hasRound;
  if (!right) decoder.fail("a rounding modifier that does not fit (test/emulator/exec/convert_ops.cc)");
}

// Of integers, only those saturate whose values may lie out of the other's range.
bool mayOverflow(const Type& to, const Type& from) {
  if (from.kind == Type::kSigned) return to.kind == Type::kUnsigned || to.bytes < from.bytes;
  return to.kind == Type::kUnsigned ? to.bytes < from.bytes : to.bytes <= from.bytes;
}

void checkOthers(Decoder& decoder, const ConvertForm& form) {
  auto either = [&](Type::Kind kind) { return form.to.kind == kind || form.from.kind == kind; };
  bool integers = !form.to.isFloat() && !form.from.isFloat();
  if (either(Type::kBf16) && (!either(Type::kF32) || (form.ftz && form.from.kind == Type::kBf16)))
    decoder.fail("a conversion of bf16 that only sm_90 and later have");
  if (form.ftz && !either(Type::kF32)) decoder.fail(".ftz without f32");
  if (form.sat && (either(Type::kBf16) || (integers && !mayOverflow(form.to, form.from))))
    decoder.fail(".sat between types that do not have it");
}

void decodeConvert(Decoder& decoder, const Statement& s, Instruction& i) {
  decoder.expectOperands(2);
  ConvertForm& form = decoder.makeForm<ConvertForm>(i);
  std::vector<std::string> parts = splitModifiers(s.opcode);
  auto to = parts.size() > 2 ? kTypes.find(parts[parts.size() - 2]) : kTypes.end(),
       from = kTypes.find(parts.back());
  if (to == kTypes.end() || from == kTypes.end())
    decoder.fail("unknown types (test/emulator/exec/convert_ops.cc)");
  form.to = to->second;
  form.from = from->second;
  const Takes takes[] = {takesOf(parts[parts.size() - 2]), takesOf(parts.back())};
  parts.resize(parts.size() - 2);
  readModifiers(Modifiers(decoder, kModifiers, parts), form);
  checkRounding(decoder, form);
  checkOthers(decoder, form);
  auto width = [&](const OperandText& o, const Type& type) {
    u8 bits = decoder.bitsOf(o) ? decoder.bitsOf(o) : std::max<u8>(16, 8 * type.bytes);
    bool fits = type.isFloat() ? bits == 8 * type.bytes : bits >= 8 * type.bytes;
    if (!fits) decoder.fail("a register that does not fit the type");
    return bits;
  };
  u8 toBits = width(s.operands[0], form.to), fromBits = width(s.operands[1], form.from);
  form.toRegister = toBits / 8;
  form.fromRegister = fromBits / 8;
  i.d = decoder.destination(s.operands[0], toBits, takes[0]);
  i.a = decoder.source(s.operands[1], fromBits,
                       takes[1] == kTakesInteger ? takes[1] | kTakesSpecial : takes[1]);
  i.run = runConvert;
}

u32 narrow(f32 v, Format f) { return encode16(roundTo(v, f, Round::kNearestEven), f); }

// The handlers that vectorise replace runConvert where the registers have exactly the widths of the types.
template <class To, class From>
void runPlain(Warp& w, const Instruction& i, u32 mask) {
  const From* a = w.at<From>(i.a);
  To out[kWarpSize];
  for (int l = 0; l < kWarpSize; ++l) out[l] = static_cast<To>(a[l]);
  store(w, i.d, mask, out);
}

template <class To, class From>
void decodePlain(Decoder& decoder, const Statement& s, Instruction& i) {
  decodeConvert(decoder, s, i);
  const auto& form = *static_cast<const ConvertForm*>(i.form);
  if (form.toRegister == sizeof(To) && form.fromRegister == sizeof(From)) i.run = runPlain<To, From>;
}

}  // namespace

void addConvertOps(OpTable& t) {
  constexpr Class kC = Class::kConvert;
  t.family("cvt", kC, decodeConvert);
  t.special("cvt.s64.s32", kC, decodePlain<i64, i32>);
  t.special("cvt.u64.u32", kC, decodePlain<u64, u32>);
  t.special("cvt.u32.u64", kC, decodePlain<u32, u64>);
  t.special("cvt.u32.u16", kC, decodePlain<u32, u16>);
  t.special("cvt.u16.u32", kC, decodePlain<u16, u32>);
  t.special("cvt.rn.f32.s32", kC, decodePlain<f32, i32>);
  t.special("cvt.rn.f32.u32", kC, decodePlain<f32, u32>);
  t.special("cvt.f64.f32", kC, decodePlain<f64, f32>);
  t.add("cvt.rn.bf16x2.f32", kC,
        [](f32 high, f32 low) { return narrow(high, kBf16) << 16 | narrow(low, kBf16); });
  t.add("cvt.rn.f16x2.f32", kC,
        [](f32 high, f32 low) { return narrow(high, kF16) << 16 | narrow(low, kF16); });
  t.add("cvt.rna.tf32.f32", kC, [](f32 a) {
    return a != a ? 0x7fffffffu : bitsOf(static_cast<f32>(roundTo(a, kTf32, Round::kNearestAway)));
  });
}

}  // namespace emulator
