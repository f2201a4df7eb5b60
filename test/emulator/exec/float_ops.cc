// Single precision (PTX manual 9.7.3): exact where the manual is exact. The approximate instructions are
// computed in double precision and rounded, which is within every error bound that the manual states.
#include "exec/float_math.h"
#include "exec/op_table.h"

namespace emulator {
namespace {

constexpr Class kF = Class::kFloat;

// Modifiers in the order in which PTX writes them: .rnd, .ftz, .sat. `in` flushes operands, `out` ends an
// instruction.
template <bool Ftz>
f32 in(f32 v) {
  return Ftz ? flush(v) : v;
}
template <bool Ftz, bool Sat = false>
f32 out(f32 v) {
  v = canonical(Ftz ? flush(v) : v);
  return Sat ? saturate01(v) : v;
}

template <bool Ftz, bool Sat>
void addNearest(OpTable& t, const std::string& suffix) {
  auto both = [&](const std::string& name) { return name + suffix + " " + name + ".rn" + suffix; };
  t.add(both("add"), kF, [](f32 a, f32 b) { return out<Ftz, Sat>(in<Ftz>(a) + in<Ftz>(b)); });
  t.add(both("sub"), kF, [](f32 a, f32 b) { return out<Ftz, Sat>(in<Ftz>(a) - in<Ftz>(b)); });
  t.add(both("mul"), kF, [](f32 a, f32 b) { return out<Ftz, Sat>(in<Ftz>(a) * in<Ftz>(b)); });
  t.add("fma.rn" + suffix, kF,
        [](f32 a, f32 b, f32 c) { return out<Ftz, Sat>(std::fma(in<Ftz>(a), in<Ftz>(b), in<Ftz>(c))); });
}

template <int Mode, bool Ftz, bool Sat>
void addDirected(OpTable& t, const std::string& mode, const std::string& suffix) {
  t.add("add" + mode + suffix, kF, [](f32 a, f32 b) {
    return out<Ftz, Sat>(rounded<Mode>(in<Ftz>(a), in<Ftz>(b), 0.f, [](f32 x, f32 y, f32) { return x + y; }));
  });
  t.add("sub" + mode + suffix, kF, [](f32 a, f32 b) {
    return out<Ftz, Sat>(rounded<Mode>(in<Ftz>(a), in<Ftz>(b), 0.f, [](f32 x, f32 y, f32) { return x - y; }));
  });
  t.add("mul" + mode + suffix, kF, [](f32 a, f32 b) {
    return out<Ftz, Sat>(rounded<Mode>(in<Ftz>(a), in<Ftz>(b), 0.f, [](f32 x, f32 y, f32) { return x * y; }));
  });
  t.add("fma" + mode + suffix, kF, [](f32 a, f32 b, f32 c) {
    return out<Ftz, Sat>(rounded<Mode>(in<Ftz>(a), in<Ftz>(b), in<Ftz>(c),
                                       [](f32 x, f32 y, f32 z) { return std::fma(x, y, z); }));
  });
  if constexpr (!Sat) {
    t.add("div" + mode + suffix, kF, [](f32 a, f32 b) {
      return out<Ftz>(rounded<Mode>(in<Ftz>(a), in<Ftz>(b), 0.f, [](f32 x, f32 y, f32) { return x / y; }));
    });
    t.add("rcp" + mode + suffix, kF, [](f32 a) {
      return out<Ftz>(rounded<Mode>(1.f, in<Ftz>(a), 0.f, [](f32 x, f32 y, f32) { return x / y; }));
    });
    t.add("sqrt" + mode + suffix, kF, [](f32 a) {
      return out<Ftz>(rounded<Mode>(in<Ftz>(a), 0.f, 0.f, [](f32 x, f32, f32) { return std::sqrt(x); }));
    });
  }
}

template <int Mode>
void addDirectedForms(OpTable& t, const std::string& mode) {
  addDirected<Mode, false, false>(t, mode, ".f32");
  addDirected<Mode, true, false>(t, mode, ".ftz.f32");
  addDirected<Mode, false, true>(t, mode, ".sat.f32");
  addDirected<Mode, true, true>(t, mode, ".ftz.sat.f32");
}

f64 sineOf(f32 a) { return std::sin(static_cast<f64>(a)); }
f64 cosineOf(f32 a) { return std::cos(static_cast<f64>(a)); }

// div.approx multiplies by the reciprocal, which counts as zero where it would be subnormal.
f32 approximateQuotient(f32 a, f32 b) {
  f32 magnitude = std::fabs(b);
  bool reciprocalIsLost = magnitude > 0x1p126f && magnitude <= 0x1.fffffep127f;
  return reciprocalIsLost ? a * std::copysign(0.f, b) : a / b;
}

template <bool Ftz>
void addUnary(OpTable& t, const std::string& suffix) {
  t.add("div.rn" + suffix + " div.full" + suffix, kF,
        [](f32 a, f32 b) { return out<Ftz>(in<Ftz>(a) / in<Ftz>(b)); });
  t.add("div.approx" + suffix, kF,
        [](f32 a, f32 b) { return out<Ftz>(approximateQuotient(in<Ftz>(a), in<Ftz>(b))); });
  t.add("rcp.rn" + suffix + " rcp.approx" + suffix, kF, [](f32 a) { return out<Ftz>(1.f / in<Ftz>(a)); });
  t.add("sqrt.rn" + suffix + " sqrt.approx" + suffix, kF,
        [](f32 a) { return out<Ftz>(std::sqrt(in<Ftz>(a))); });
  t.add("rsqrt.approx" + suffix, kF,
        [](f32 a) { return out<Ftz>(static_cast<f32>(1.0 / std::sqrt(static_cast<f64>(in<Ftz>(a))))); });
  t.add("ex2.approx" + suffix, kF,
        [](f32 a) { return out<Ftz>(static_cast<f32>(std::exp2(static_cast<f64>(in<Ftz>(a))))); });
  t.add("lg2.approx" + suffix, kF,
        [](f32 a) { return out<Ftz>(static_cast<f32>(std::log2(static_cast<f64>(in<Ftz>(a))))); });
  t.add("sin.approx" + suffix, kF, [](f32 a) { return out<Ftz>(static_cast<f32>(sineOf(in<Ftz>(a)))); });
  t.add("cos.approx" + suffix, kF, [](f32 a) { return out<Ftz>(static_cast<f32>(cosineOf(in<Ftz>(a)))); });
  t.add("min" + suffix, kF, [](f32 a, f32 b) { return out<Ftz>(minimum(in<Ftz>(a), in<Ftz>(b))); });
  t.add("max" + suffix, kF, [](f32 a, f32 b) { return out<Ftz>(maximum(in<Ftz>(a), in<Ftz>(b))); });
  const std::string nan = suffix.substr(0, suffix.size() - 4) + ".NaN.f32";
  t.add("min" + nan, kF, [](f32 a, f32 b) {
    return out<Ftz>(a != a ? a : b != b ? b : minimum(in<Ftz>(a), in<Ftz>(b)));
  });
  t.add("max" + nan, kF, [](f32 a, f32 b) {
    return out<Ftz>(a != a ? a : b != b ? b : maximum(in<Ftz>(a), in<Ftz>(b)));
  });
  t.add("neg" + suffix, kF, [](f32 a) { return floatOf(bitsOf(in<Ftz>(a)) ^ 0x80000000u); });
  t.add("abs" + suffix, kF, [](f32 a) { return floatOf(bitsOf(in<Ftz>(a)) & 0x7fffffffu); });
}

}  // namespace

void addFloatOps(OpTable& t) {
  addNearest<false, false>(t, ".f32");
  addNearest<true, false>(t, ".ftz.f32");
  addNearest<false, true>(t, ".sat.f32");
  addNearest<true, true>(t, ".ftz.sat.f32");
  addDirectedForms<FE_TOWARDZERO>(t, ".rz");
  addDirectedForms<FE_DOWNWARD>(t, ".rm");
  addDirectedForms<FE_UPWARD>(t, ".rp");
  addUnary<false>(t, ".f32");
  addUnary<true>(t, ".ftz.f32");
  t.add("tanh.approx.f32", kF,
        [](f32 a) { return canonical(static_cast<f32>(std::tanh(static_cast<f64>(a)))); });
  // The sign of a on the magnitude of b.
  t.add("copysign.f32", kF,
        [](f32 a, f32 b) { return floatOf((bitsOf(a) & 0x80000000u) | (bitsOf(b) & 0x7fffffffu)); });
  t.add("testp.finite.f32", kF, [](f32 a) { return (bitsOf(a) & 0x7f800000u) != 0x7f800000u; });
  t.add("testp.infinite.f32", kF, [](f32 a) { return (bitsOf(a) & 0x7fffffffu) == 0x7f800000u; });
  t.add("testp.number.f32", kF, [](f32 a) { return a == a; });
  t.add("testp.notanumber.f32", kF, [](f32 a) { return a != a; });
  t.add("testp.normal.f32", kF, [](f32 a) { return a == 0 || std::isnormal(a); });
  t.add("testp.subnormal.f32", kF, [](f32 a) { return a != 0 && (bitsOf(a) & 0x7f800000u) == 0; });
}

}  // namespace emulator
