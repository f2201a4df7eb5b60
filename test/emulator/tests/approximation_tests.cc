// The .approx instructions: the corner cases of the PTX manual's tables, and its error bounds over many
// values, against double precision.
#include <algorithm>
#include <cmath>

#include "tests/rows.h"

namespace emulator::tests {
namespace {

constexpr u64 kMinusInf = 0xff800000;

// "For 2^126 < |b| < 2^128, if a is infinity, div.approx.f32 returns NaN, otherwise it returns a
// sign-preserving zero."
EMULATOR_TEST(approximateDivision) {
  const u64 large = f(0x1p126f), lost = large + 1, largest = 0x7f7fffff;
  for (const char* name : {"div.approx.f32", "div.approx.ftz.f32"}) {
    check("fff", {{name, {f(6.f), f(3.f)}, f(2.f)},
                  {name, {large, large}, f(1.f)},
                  {name, {lost, lost}, 0},
                  {name, {largest, largest}, 0},
                  {name, {largest | kMinusZero, lost}, kMinusZero},
                  {name, {f(-1.f), largest | kMinusZero}, 0},
                  {name, {kInf, lost}, kNan},
                  {name, {kMinusInf, largest}, kNan},
                  {name, {kNan, largest}, kNan},
                  {name, {f(1.f), kInf}, 0},
                  {name, {kInf, large}, kInf},
                  {name, {kInf, kInf}, kNan},
                  {name, {0, 0}, kNan},
                  {name, {f(1.f), kMinusZero}, kMinusInf}});
  }
  for (const char* name : {"div.full.f32", "div.full.ftz.f32"})
    check("fff",
          {{name, {lost, lost}, f(1.f)}, {name, {kInf, largest}, kInf}, {name, {f(6.f), f(3.f)}, f(2.f)}});
}

// The tables of corner cases, one per instruction.
EMULATOR_TEST(approximationsAtTheCorners) {
  for (const std::string ftz : {"", ".ftz"}) {
    auto rows = [&](const std::string& name, u64 ofMinusInf, u64 ofMinusZero, u64 ofZero, u64 ofInf) {
      const std::string full = name + ".approx" + ftz + ".f32";
      const char* opcode = full.c_str();
      check("ff", {{opcode, {kMinusInf}, ofMinusInf},
                   {opcode, {kMinusZero}, ofMinusZero},
                   {opcode, {0}, ofZero},
                   {opcode, {kInf}, ofInf},
                   {opcode, {0x7fc12345}, kNan},
                   {opcode, {0xff812345}, kNan}});
    };
    rows("rcp", kMinusZero, kMinusInf, kInf, 0);
    rows("sqrt", kNan, kMinusZero, 0, kInf);
    rows("rsqrt", kNan, kMinusInf, kInf, 0);
    rows("sin", kNan, kMinusZero, 0, kNan);
    rows("cos", kNan, f(1.f), f(1.f), kNan);
    rows("lg2", kNan, kMinusInf, kMinusInf, kInf);
    rows("ex2", 0, f(1.f), f(1.f), kInf);
    if (ftz.empty()) rows("tanh", f(-1.f), kMinusZero, 0, f(1.f));
  }
  check("ff", {{"rsqrt.approx.f32", {f(-1.f)}, kNan},
               {"sqrt.approx.f32", {f(-1.f)}, kNan},
               {"lg2.approx.f32", {f(-1.f)}, kNan},
               {"lg2.approx.f32", {kDenormal}, f(-149.f)},
               {"lg2.approx.ftz.f32", {kDenormal}, kMinusInf},
               {"ex2.approx.f32", {f(-149.f)}, kDenormal},
               {"ex2.approx.ftz.f32", {f(-149.f)}, 0},
               {"tanh.approx.f32", {kDenormal}, kDenormal}});
}

// Applies an instruction of one or two operands to many values at once.
std::vector<f32> applied(const std::string& opcode, const std::vector<f32>& a, const std::vector<f32>& b) {
  Device device;
  const std::string second = b.empty() ? "" : ", %f2";
  device.load(wrap("ld.param.u64 %rd1, [p0];\nld.param.u64 %rd2, [p1];\nld.param.u64 %rd3, [p2];\n"
                   "mov.u32 %r1, %ctaid.x;\nmov.u32 %r2, %ntid.x;\nmov.u32 %r3, %tid.x;\n"
                   "mad.lo.s32 %r4, %r1, %r2, %r3;\nmul.wide.u32 %rd4, %r4, 4;\nadd.s64 %rd5, %rd1, %rd4;\n"
                   "add.s64 %rd6, %rd2, %rd4;\nadd.s64 %rd7, %rd3, %rd4;\nld.global.f32 %f1, [%rd5];\n"
                   "ld.global.f32 %f2, [%rd6];\n" +
                       opcode + " %f3, %f1" + second + ";\nst.global.f32 [%rd7], %f3;",
                   3)
                  .c_str());
  u64 first = device.upload(a), other = device.upload(b.empty() ? a : b), out = device.allocate(a.size() * 4);
  u32 blocks = static_cast<u32>(a.size() / 256);
  expectResult(device.launch("test", blocks, 256, {&first, &other, &out}), kSuccess, opcode);
  return device.download<f32>(out, a.size());
}

// A multiplicative generator; every exponent and sign comes up.
struct Values {
  u64 state = 88172645463325252u;
  u32 bits() {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return static_cast<u32>(state >> 16);
  }
  std::vector<f32> anywhere(size_t count) {
    std::vector<f32> out(count);
    for (f32& v : out) {
      do v = floatOf(bits());
      while (!std::isfinite(v));
    }
    return out;
  }
  std::vector<f32> between(f64 low, f64 high, size_t count) {
    std::vector<f32> out(count);
    for (f32& v : out) v = static_cast<f32>(low + (high - low) * bits() / 4294967296.);
    return out;
  }
};

// How the manual bounds an error: in units of the last place of the result, relative to it, or absolute.
enum class Measure { kUlp, kRelative, kAbsolute };

f64 unitOf(f64 exact) { return std::ldexp(1., std::max(std::ilogb(exact), -126) - 23); }

f64 errorOf(f32 got, f64 exact, Measure measure) {
  if (std::isnan(exact)) return std::isnan(got) ? 0 : HUGE_VAL;
  if (static_cast<f32>(exact) == got) return 0;  // correctly rounded, infinities included
  f64 error = std::fabs(got - exact);
  if (measure == Measure::kAbsolute) return error;
  return measure == Measure::kUlp ? error / unitOf(exact) : error / std::fabs(exact);
}

struct Bound {
  const char* opcode;
  f64 (*exact)(f64 a, f64 b);
  std::vector<f32> a, b;
  Measure measure;
  f64 limit;
};

void expectWithin(const Bound& bound) {
  const std::string opcode = bound.opcode;
  bool ftz = opcode.find(".ftz") != std::string::npos;
  std::vector<f32> got = applied(opcode, bound.a, bound.b);
  for (size_t i = 0; i < got.size(); ++i) {
    f32 a = bound.a[i], b = bound.b.empty() ? 0 : bound.b[i];
    f64 exact = ftz ? bound.exact(flush(a), flush(b)) : bound.exact(a, b);
    // Whether what rounds to the smallest normal number counts as subnormal is left open.
    bool vanishes = ftz && std::fabs(exact) < 0x1p-126 && got[i] == 0;
    f64 error = vanishes ? 0 : errorOf(got[i], exact, bound.measure);
    char text[200];
    std::snprintf(text, sizeof text, "%s of %a, %a: got %a, exact %a, error %g, limit %g", bound.opcode,
                  static_cast<f64>(a), static_cast<f64>(b), static_cast<f64>(got[i]), exact, error,
                  bound.limit);
    expect(error <= bound.limit && !(ftz && got[i] != 0 && std::fabs(got[i]) < 0x1p-126f), text);
  }
}

EMULATOR_TEST(approximationsWithinTheirBounds) {
  constexpr size_t kCount = 1 << 14;
  constexpr f64 kPi = 3.14159265358979323846;
  Values v;
  auto reciprocal = [](f64 a, f64) { return 1 / a; };
  auto quotient = [](f64 a, f64 b) { return a / b; };
  auto root = [](f64 a, f64) { return std::sqrt(a); };
  auto reciprocalRoot = [](f64 a, f64) { return 1 / std::sqrt(a); };
  auto sine = [](f64 a, f64) { return std::sin(a); };
  auto cosine = [](f64 a, f64) { return std::cos(a); };
  auto logarithm = [](f64 a, f64) { return std::log2(a); };
  auto power = [](f64 a, f64) { return std::exp2(a); };
  auto hyperbolic = [](f64 a, f64) { return std::tanh(a); };
  std::vector<f32> any = v.anywhere(kCount), other = v.anywhere(kCount), positive = v.anywhere(kCount),
                   divisors = other;
  for (f32& one : positive) one = std::fabs(one);
  for (f32& one : divisors) {
    if (!(std::fabs(one) >= 0x1p-126f && std::fabs(one) <= 0x1p126f)) one = 3;
  }
  const f64 relative23 = 0x1p-23, near22 = 0x1p-22, circle = std::exp2(-20.5), circles = std::exp2(-14.7);
  const Bound bounds[] = {
      {"rcp.approx.f32", reciprocal, any, {}, Measure::kUlp, 1},
      {"rcp.approx.ftz.f32", reciprocal, any, {}, Measure::kUlp, 1},
      {"div.full.f32", quotient, any, other, Measure::kUlp, 2},
      {"div.full.ftz.f32", quotient, any, other, Measure::kUlp, 2},
      {"div.approx.f32", quotient, any, divisors, Measure::kUlp, 2},
      {"div.approx.ftz.f32", quotient, any, divisors, Measure::kUlp, 2},
      {"sqrt.approx.f32", root, positive, {}, Measure::kRelative, relative23},
      {"sqrt.approx.ftz.f32", root, positive, {}, Measure::kRelative, relative23},
      {"rsqrt.approx.f32", reciprocalRoot, positive, {}, Measure::kRelative, std::exp2(-22.9)},
      {"rsqrt.approx.ftz.f32", reciprocalRoot, positive, {}, Measure::kRelative, std::exp2(-22.9)},
      {"sin.approx.f32", sine, v.between(-2 * kPi, 2 * kPi, kCount), {}, Measure::kAbsolute, circle},
      {"cos.approx.f32", cosine, v.between(-2 * kPi, 2 * kPi, kCount), {}, Measure::kAbsolute, circle},
      {"sin.approx.ftz.f32", sine, v.between(-100 * kPi, 100 * kPi, kCount), {}, Measure::kAbsolute, circles},
      {"cos.approx.ftz.f32",
       cosine,
       v.between(-100 * kPi, 100 * kPi, kCount),
       {},
       Measure::kAbsolute,
       circles},
      {"lg2.approx.f32", logarithm, v.between(0.5, 2, kCount), {}, Measure::kAbsolute, near22},
      {"lg2.approx.f32", logarithm, v.between(2, 1e6, kCount), {}, Measure::kRelative, near22},
      {"lg2.approx.ftz.f32", logarithm, v.between(1e-30, 0.5, kCount), {}, Measure::kRelative, near22},
      {"ex2.approx.f32", power, v.between(-155, 132, kCount), {}, Measure::kUlp, 2},
      {"ex2.approx.ftz.f32", power, v.between(-155, 132, kCount), {}, Measure::kUlp, 2},
      {"ex2.approx.f32", power, any, {}, Measure::kUlp, 2},
      {"tanh.approx.f32", hyperbolic, any, {}, Measure::kRelative, 0x1p-11},
      {"tanh.approx.f32", hyperbolic, v.between(-6, 6, kCount), {}, Measure::kRelative, 0x1p-11}};
  for (const Bound& bound : bounds) expectWithin(bound);
}

}  // namespace
}  // namespace emulator::tests
