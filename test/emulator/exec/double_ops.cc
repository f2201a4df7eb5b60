// Double precision (PTX manual 9.7.3): IEEE 754 throughout.
#include "exec/float_math.h"
#include "exec/op_table.h"

namespace emulator {
namespace {

constexpr Class kD = Class::kDouble;

template <int Mode>
void addDirected(OpTable& t, const std::string& mode) {
  const std::string end = mode + ".f64";
  t.add("add" + end, kD,
        [](f64 a, f64 b) { return rounded<Mode>(a, b, 0., [](f64 x, f64 y, f64) { return x + y; }); });
  t.add("sub" + end, kD,
        [](f64 a, f64 b) { return rounded<Mode>(a, b, 0., [](f64 x, f64 y, f64) { return x - y; }); });
  t.add("mul" + end, kD,
        [](f64 a, f64 b) { return rounded<Mode>(a, b, 0., [](f64 x, f64 y, f64) { return x * y; }); });
  t.add("div" + end, kD,
        [](f64 a, f64 b) { return rounded<Mode>(a, b, 0., [](f64 x, f64 y, f64) { return x / y; }); });
  t.add("rcp" + end, kD,
        [](f64 a) { return rounded<Mode>(1., a, 0., [](f64 x, f64 y, f64) { return x / y; }); });
  t.add("sqrt" + end, kD,
        [](f64 a) { return rounded<Mode>(a, 0., 0., [](f64 x, f64, f64) { return std::sqrt(x); }); });
  t.add("fma" + end, kD, [](f64 a, f64 b, f64 c) {
    return rounded<Mode>(a, b, c, [](f64 x, f64 y, f64 z) { return std::fma(x, y, z); });
  });
}

// rcp.approx.ftz.f64 and rsqrt work on the upper 32 bits of the argument and give zeros below; their NaN is
// canonical.
f64 upperHalf(f64 v) { return doubleOf(bitsOf(v) & 0xffffffff00000000u); }
f64 flushed(f64 v) { return (bitsOf(v) & 0x7ff0000000000000u) == 0 ? std::copysign(0., v) : v; }
f64 gross(f64 v) { return v != v ? doubleOf(0x7fffffff00000000u) : upperHalf(flushed(v)); }

}  // namespace

void addDoubleOps(OpTable& t) {
  t.add("add.f64 add.rn.f64", kD, [](f64 a, f64 b) { return a + b; });
  t.add("sub.f64 sub.rn.f64", kD, [](f64 a, f64 b) { return a - b; });
  t.add("mul.f64 mul.rn.f64", kD, [](f64 a, f64 b) { return a * b; });
  t.add("fma.rn.f64", kD, [](f64 a, f64 b, f64 c) { return std::fma(a, b, c); });
  t.add("div.rn.f64", kD, [](f64 a, f64 b) { return a / b; });
  t.add("rcp.rn.f64", kD, [](f64 a) { return 1. / a; });
  t.add("sqrt.rn.f64", kD, [](f64 a) { return std::sqrt(a); });
  addDirected<FE_TOWARDZERO>(t, ".rz");
  addDirected<FE_DOWNWARD>(t, ".rm");
  addDirected<FE_UPWARD>(t, ".rp");
  t.add("rcp.approx.ftz.f64", kD, [](f64 a) { return gross(1. / upperHalf(flushed(a))); });
  t.add("rsqrt.approx.f64", kD, [](f64 a) { return 1. / std::sqrt(a); });
  t.add("rsqrt.approx.ftz.f64", kD, [](f64 a) { return gross(1. / std::sqrt(upperHalf(flushed(a)))); });
  t.add("min.f64", kD, [](f64 a, f64 b) { return minimum(a, b); });
  t.add("max.f64", kD, [](f64 a, f64 b) { return maximum(a, b); });
  t.add("neg.f64", kD, [](f64 a) { return doubleOf(bitsOf(a) ^ u64{1} << 63); });
  t.add("abs.f64", kD, [](f64 a) { return doubleOf(bitsOf(a) & ~(u64{1} << 63)); });
  t.add("copysign.f64", kD, [](f64 a, f64 b) { return std::copysign(b, a); });
  t.add("testp.finite.f64", kD, [](f64 a) { return std::isfinite(a); });
  t.add("testp.infinite.f64", kD, [](f64 a) { return std::isinf(a); });
  t.add("testp.number.f64", kD, [](f64 a) { return a == a; });
  t.add("testp.notanumber.f64", kD, [](f64 a) { return a != a; });
  t.add("testp.normal.f64", kD, [](f64 a) { return a == 0 || std::isnormal(a); });
  t.add("testp.subnormal.f64", kD, [](f64 a) { return std::fpclassify(a) == FP_SUBNORMAL; });
}

}  // namespace emulator
