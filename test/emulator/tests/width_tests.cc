// Integer instructions at each of their widths, and doubles: the same edges, mostly all ones and the top bit.
#include <cmath>

#include "tests/rows.h"

namespace emulator::tests {
namespace {

void integersOf(const std::string& kind, const std::string& bits) {
  const u64 ones = bits == "64" ? ~u64{0} : (u64{1} << std::stoi(bits)) - 1, top = ones / 2 + 1;
  auto row = [&](size_t sources, const std::string& name, const char* types, const std::vector<u64>& in,
                 u64 out) {
    for (const char* type = types; *type; ++type) {
      const std::string opcode = name + "." + *type + bits;
      std::string kinds = kind;
      for (size_t s = 0; s < sources; ++s) kinds += kind;
      check(kinds, {{opcode.c_str(), in, out}});
    }
  };
  auto one = [&](const std::string& name, const char* types, u64 a, u64 out) {
    row(1, name, types, {a}, out);
  };
  auto two = [&](const std::string& name, const char* types, u64 a, u64 b, u64 out) {
    row(2, name, types, {a, b}, out);
  };
  auto three = [&](const std::string& name, const char* types, u64 a, u64 b, u64 c, u64 out) {
    row(3, name, types, {a, b, c}, out);
  };
  two("add", "us", ones, 2, 1);
  two("sub", "us", 0, 1, ones);
  two("mul.lo", "us", ones, ones, 1);
  two("mul.hi", "u", ones, ones, ones - 1);
  two("mul.hi", "s", ones, ones, 0);
  two("mul.hi", "s", top, top, top / 2);
  two("div", "u", ones, 2, ones / 2);
  two("div", "s", ones - 6, 2, ones - 2);  // -7 / 2
  two("rem", "u", ones, top, top - 1);
  two("rem", "s", ones - 6, 2, ones);
  two("min", "u", ones, 1, 1);
  two("min", "s", ones, 1, ones);
  two("max", "u", ones, 1, ones);
  two("max", "s", ones, 1, 1);
  two("and", "b", 12, 10, 8);
  two("or", "b", 12, 10, 14);
  two("xor", "b", 12, 10, 6);
  one("not", "b", 5, ones - 5);
  one("neg", "s", 5, ones - 4);
  one("abs", "s", ones, 1);
  one("abs", "s", top, top);
  one("mov", "bus", top + 1, top + 1);
  three("mad.lo", "us", ones, ones, 5, 6);
  three("mad.hi", "u", ones, ones, 3, 1);
  three("mad.hi", "s", ones, ones, 3, 3);
  const std::string shift = "shr.b" + bits;
  check(kind + kind + "w", {{shift.c_str(), {top, 1}, top / 2}, {shift.c_str(), {top, 64}, 0}});
}

EMULATOR_TEST(integersOfEachWidth) {
  integersOf("h", "16");
  integersOf("w", "32");
  integersOf("d", "64");
  check("whhw", {{"mad.wide.u16", {0xffff, 0xffff, 3}, 0xfffe0004}, {"mad.wide.s16", {0xffff, 2, 3}, 1}});
  check("www", {{"mul24.lo.u32", {0xff000003, 4}, 12},
                {"mul24.hi.s32", {0x00ffffff, 0x00000001}, 0xffffffff},
                {"mul24.hi.s32", {0x00800000, 0x00800000}, 0x40000000}});
}

EMULATOR_TEST(doubles) {
  const u64 sign = u64{1} << 63;
  check("eee", {{"sub.f64", {d(1), d(3)}, d(-2)},
                {"sub.rm.f64", {d(1), d(0x1p-60)}, d(1 - 0x1p-53)},
                {"min.f64", {0, sign}, sign},
                {"min.f64", {d(NAN), d(2)}, d(2)},
                {"max.f64", {0, sign}, 0},
                {"max.f64", {d(1), d(2)}, d(2)},
                {"copysign.f64", {sign, d(2)}, d(-2)}});
  check("ee", {{"neg.f64", {0}, sign},
               {"abs.f64", {d(-2)}, d(2)},
               {"mov.f64", {0x7ff4000000000001}, 0x7ff4000000000001},
               {"rcp.rn.f64", {d(3)}, d(1. / 3)},
               {"rcp.rn.f64", {sign}, d(-HUGE_VAL)}});
}

EMULATOR_TEST(plainConversions) {
  check("wff", {{"cvt.rn.f16x2.f32", {f(2.f), f(1.f)}, 0x40003c00}});
  check("ef",
        {{"cvt.f64.f32", {f(.1f)}, d(static_cast<f64>(.1f))}, {"cvt.f64.f32", {kDenormal}, d(0x1p-149)}});
  check("hw", {{"cvt.u16.u32", {0x12345}, 0x2345}});
  check("wh", {{"cvt.u32.u16", {0x8001}, 0x8001}});
  check("wd", {{"cvt.u32.u64", {0x1234500000007}, 7}});
}

}  // namespace
}  // namespace emulator::tests
