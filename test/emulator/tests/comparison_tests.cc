// setp, set, selp and slct on every type. The comparisons of the manual: eq ne lt le gt ge are false on a
// NaN, equ neu ltu leu gtu geu are true; num and nan ask for NaNs; lo ls hi hs are lt le gt ge of unsigned
// numbers.
#include <cmath>

#include "tests/rows.h"

namespace emulator::tests {
namespace {

// By what a pair is: less, equal, greater, or not ordered.
struct Comparison {
  const char* name;
  bool less, equal, greater, unordered;
};
const std::vector<Comparison> kOrdered = {
    {"eq", false, true, false, false}, {"ne", true, false, true, false},  {"lt", true, false, false, false},
    {"le", true, true, false, false},  {"gt", false, false, true, false}, {"ge", false, true, true, false}};
const std::vector<Comparison> kUnsigned = {{"lo", true, false, false, false},
                                           {"ls", true, true, false, false},
                                           {"hi", false, false, true, false},
                                           {"hs", false, true, true, false}};
const std::vector<Comparison> kUnordered = {
    {"equ", false, true, false, true}, {"neu", true, false, true, true},  {"ltu", true, false, false, true},
    {"leu", true, true, false, true},  {"gtu", false, false, true, true}, {"geu", false, true, true, true},
    {"num", true, true, true, false},  {"nan", false, false, false, true}};

// Bits of a small and a large value of a type, the same value in other bits, and a NaN.
struct Type {
  std::string suffix, kind;
  u64 low, high;
  std::vector<std::pair<u64, u64>> equal, unordered;
  bool isFloat() const { return !unordered.empty(); }
};

void compare(const Type& type, const Comparison& c) {
  auto pair = [&](u64 a, u64 b, bool holds) {
    const std::string name = c.name, kinds = type.kind + type.kind;
    auto one = [&](const std::string& destination, const std::string& opcode, u64 wanted) {
      check(destination + kinds, {{opcode.c_str(), {a, b}, wanted}});
    };
    one("p", "setp." + name + type.suffix, holds);
    for (const char* combine : {"and", "or", "xor"}) {
      const std::string opcode = "setp." + name + "." + combine + type.suffix;
      bool with = combine[0] == 'a' ? holds : combine[0] == 'o' ? true : !holds;
      check("p" + kinds + "p", {{opcode.c_str(), {a, b, 1}, with}});
    }
    // Of set, .ftz stands before both types.
    bool ftz = type.suffix == ".ftz.f32";
    const std::string set = "set." + name + (ftz ? ".ftz" : ""), source = ftz ? ".f32" : type.suffix;
    one("w", set + ".u32" + source, holds ? 0xffffffff : 0);
    one("w", set + ".s32" + source, holds ? 0xffffffff : 0);
    bool half = source == ".f16" || source == ".bf16";
    if (!half) one("f", set + ".f32" + source, holds ? f(1.f) : 0);
  };
  pair(type.low, type.high, c.less);
  pair(type.high, type.low, c.greater);
  for (auto [a, b] : type.equal) pair(a, b, c.equal);
  for (auto [a, b] : type.unordered) pair(a, b, c.unordered);
}

EMULATOR_TEST(comparisonsOfIntegers) {
  const u64 top = u64{1} << 63;
  const Type signedTypes[] = {{".s16", "h", 0x8000, 0x7fff, {{5, 5}}, {}},
                              {".s32", "w", 0x80000000, 0x7fffffff, {{5, 5}}, {}},
                              {".s64", "d", top, top - 1, {{5, 5}}, {}}};
  const Type unsignedTypes[] = {{".u16", "h", 0x7fff, 0x8000, {{5, 5}}, {}},
                                {".u32", "w", 0x7fffffff, 0x80000000, {{5, 5}}, {}},
                                {".u64", "d", top - 1, top, {{5, 5}}, {}}};
  for (const Type& type : signedTypes) {
    for (const Comparison& c : kOrdered) compare(type, c);
  }
  for (const Type& type : unsignedTypes) {
    for (const Comparison& c : kOrdered) compare(type, c);
    for (const Comparison& c : kUnsigned) compare(type, c);
    Type bits = type;
    bits.suffix[1] = 'b';
    for (size_t c = 0; c < 2; ++c) compare(bits, kOrdered[c]);
  }
}

EMULATOR_TEST(comparisonsOfFloats) {
  const u64 minus64 = u64{1} << 63, nan64 = 0x7ff0000000000001;
  const Type types[] = {
      {".f32",
       "f",
       kDenormal | kMinusZero,
       kDenormal,
       {{0, kMinusZero}, {kInf, kInf}},
       {{kNan, 0}, {kInf, kNan}}},
      {".ftz.f32", "f", f(-1.f), f(1.f), {{kDenormal, kMinusZero}}, {{kNan, kNan}}},
      {".f64", "e", d(-1), 1, {{0, minus64}}, {{nan64, 0}, {0, nan64}}},
      {".f16", "h", 0x8001, 0x0001, {{0x8000, 0}, {0x7c00, 0x7c00}}, {{0x7e00, 0}, {0, 0x7e00}}},
      {".bf16", "h", 0xbf80, 0x3f80, {{0x8000, 0}}, {{0x7fc0, 0}, {0, 0x7fc0}}}};
  for (const Type& type : types) {
    for (const Comparison& c : kOrdered) compare(type, c);
    for (const Comparison& c : kUnordered) compare(type, c);
  }
}

// "slct: if operand c >= 0, a, else b"; a NaN counts as less, -0 does not.
EMULATOR_TEST(selections) {
  for (const char* type : {".b32", ".u32", ".s32"}) {
    const std::string bySign = std::string("slct") + type + ".s32",
                      byFloat = std::string("slct") + type + ".f32";
    check("wwww", {{bySign.c_str(), {1, 2, 0}, 1}, {bySign.c_str(), {1, 2, 0x80000000}, 2}});
    check("wwwf", {{byFloat.c_str(), {1, 2, kMinusZero}, 1},
                   {byFloat.c_str(), {1, 2, kDenormal | kMinusZero}, 2},
                   {byFloat.c_str(), {1, 2, kNan}, 2},
                   {byFloat.c_str(), {1, 2, kInf}, 1}});
  }
  check("fffw",
        {{"slct.f32.s32", {kNan, f(2.f), 7}, kNan}, {"slct.f32.s32", {kNan, f(2.f), 0xffffffff}, f(2.f)}});
  check("ffff",
        {{"slct.f32.f32", {f(1.f), f(2.f), f(-1.f)}, f(2.f)}, {"slct.f32.f32", {f(1.f), f(2.f), 0}, f(1.f)}});
  for (const char* opcode : {"slct.b64.s32", "slct.u64.s32", "slct.s64.s32"})
    check("dddw", {{opcode, {u64{1} << 40, 2, 0}, u64{1} << 40},
                   {opcode, {1, u64{2} << 40, 0xffffffff}, u64{2} << 40}});
  for (const char* opcode : {"selp.b16", "selp.u16", "selp.s16"})
    check("hhhp", {{opcode, {1, 2, 1}, 1}, {opcode, {1, 2, 0}, 2}});
  for (const char* opcode : {"selp.b32", "selp.u32", "selp.s32"})
    check("wwwp", {{opcode, {1, 2, 1}, 1}, {opcode, {1, 2, 0}, 2}});
  for (const char* opcode : {"selp.b64", "selp.u64", "selp.s64"})
    check("dddp", {{opcode, {u64{1} << 40, 2, 1}, u64{1} << 40}, {opcode, {1, 2, 0}, 2}});
  check("fffp", {{"selp.f32", {0x7fc12345, 2, 1}, 0x7fc12345}, {"selp.f32", {1, 2, 0}, 2}});
  check("eeep", {{"selp.f64", {1, 2, 1}, 1}, {"selp.f64", {1, 2, 0}, 2}});
}

}  // namespace
}  // namespace emulator::tests
