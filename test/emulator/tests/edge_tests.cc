// The edges of single instructions, from the text of the PTX manual.
#include "tests/rows.h"

namespace emulator::tests {
namespace {

constexpr u64 kLargestDenormal = 0x007fffff, kSmallestNormal = 0x00800000, kQuietPayload = 0x7fc12345,
              kSignalling = 0x7f812345;

// "add, sub, mul, fma: subnormal numbers are supported"; .ftz "flushes subnormal inputs and results to
// sign-preserving zero".
EMULATOR_TEST(denormals) {
  check("fff", {{"add.f32", {kLargestDenormal, kDenormal}, kSmallestNormal},
                {"sub.f32", {kSmallestNormal, kDenormal}, kLargestDenormal},
                {"sub.ftz.f32", {kSmallestNormal + 1, kSmallestNormal}, 0},  // the result is subnormal
                {"mul.f32", {f(0x1p-100f), f(0x1p-49f)}, kDenormal},
                {"mul.f32", {f(0x1p-100f), f(0x1p-50f)}, 0},  // a tie, to even
                {"mul.f32", {f(0x1.8p-100f), f(0x1p-50f)}, kDenormal},
                {"mul.ftz.f32", {kDenormal, f(0x1p100f)}, 0},
                {"mul.ftz.f32", {kDenormal | kMinusZero, f(0x1p100f)}, kMinusZero},
                {"div.rn.f32", {kDenormal, f(2.f)}, 0},
                {"div.rn.f32", {3, f(2.f)}, 2},
                {"max.ftz.f32", {kDenormal, kMinusZero}, 0},
                {"min.f32", {kDenormal, 0}, 0},
                {"max.f32", {kDenormal, 0}, kDenormal}});
  check("ffff", {{"fma.rn.f32", {f(0x1p-100f), f(0x1p-49f), kDenormal}, 2},
                 {"fma.rn.f32", {kDenormal, f(1.f), kMinusZero}, kDenormal},
                 {"fma.rn.ftz.f32", {f(1.f), f(1.f), kDenormal}, f(1.f)}});
  check("ff", {{"sqrt.rn.f32", {kDenormal}, f(0x1.6a09e6p-75f)},
               {"neg.ftz.f32", {kDenormal}, kMinusZero},
               {"abs.ftz.f32", {kDenormal | kMinusZero}, 0},
               {"rcp.rn.f32", {kDenormal}, kInf},
               {"cvt.ftz.f32.f32", {kDenormal}, 0}});
  check("pff", {{"setp.gt.f32", {kDenormal, 0}, 1}, {"setp.gt.ftz.f32", {kDenormal, 0}, 0}});
  check("eee", {{"add.f64", {1, 1}, 2}, {"mul.f64", {1, d(.5)}, 0}, {"mul.f64", {3, d(.5)}, 2}});
}

// "NaN payloads": single-precision instructions that compute give the canonical NaN, 0x7fffffff; moves and
// selections keep every bit.
EMULATOR_TEST(nanPayloads) {
  for (u64 nan : {kQuietPayload, kSignalling, u64{0xffc12345}}) {
    check("fff", {{"add.f32", {nan, f(1.f)}, kNan},
                  {"sub.f32", {f(1.f), nan}, kNan},
                  {"mul.f32", {nan, 0}, kNan},
                  {"div.rn.f32", {nan, f(2.f)}, kNan},
                  {"min.f32", {nan, f(2.f)}, f(2.f)},
                  {"max.f32", {f(2.f), nan}, f(2.f)},
                  {"max.f32", {nan, nan}, kNan},
                  {"min.NaN.f32", {f(2.f), nan}, kNan}});
    check("ffff", {{"fma.rn.f32", {nan, f(1.f), f(1.f)}, kNan}, {"fma.rn.f32", {f(1.f), f(1.f), nan}, kNan}});
    check("ff", {{"sqrt.rn.f32", {nan}, kNan}, {"rcp.rn.f32", {nan}, kNan}, {"mov.f32", {nan}, nan}});
    check("pff", {{"setp.eq.f32", {nan, nan}, 0},
                  {"setp.ne.f32", {nan, f(1.f)}, 0},
                  {"setp.neu.f32", {nan, f(1.f)}, 1},
                  {"setp.leu.f32", {nan, f(1.f)}, 1},
                  {"setp.num.f32", {nan, f(1.f)}, 0},
                  {"setp.nan.f32", {f(1.f), nan}, 1}});
  }
  check("fff", {{"mul.f32", {kInf, 0}, kNan},
                {"sub.f32", {kInf, kInf}, kNan},
                {"div.rn.f32", {0, kMinusZero}, kNan},
                {"mul.sat.f32", {kInf, 0}, 0}});
  check("ffff", {{"fma.rn.f32", {kInf, 0, f(1.f)}, kNan}, {"fma.rn.f32", {kInf, f(1.f), 0xff800000}, kNan}});
  check("hf", {{"cvt.rn.f16.f32", {kSignalling}, 0x7fff}});
}

// "Shift amounts greater than the register width N are clamped to N"; the amount is always 32 bits.
EMULATOR_TEST(shiftCounts) {
  for (u64 count : {u64{32}, u64{33}, u64{64}, u64{0x80000000}, u64{0xffffffff}}) {
    check("www", {{"shl.b32", {0xffffffff, count}, 0},
                  {"shr.u32", {0xffffffff, count}, 0},
                  {"shr.s32", {0x7fffffff, count}, 0},
                  {"shr.s32", {0x80000001, count}, 0xffffffff}});
  }
  check("hhw", {{"shl.b16", {0xffff, 15}, 0x8000},
                {"shl.b16", {0xffff, 16}, 0},
                {"shr.u16", {0xffff, 16}, 0},
                {"shr.s16", {0x8000, 17}, 0xffff},
                {"shr.s16", {0x4000, 31}, 0}});
  check("ddw", {{"shl.b64", {~u64{0}, 63}, u64{1} << 63},
                {"shr.u64", {~u64{0}, 64}, 0},
                {"shr.s64", {u64{1} << 62, 65}, 0},
                {"shr.s64", {u64{1} << 63, 0xffffffff}, ~u64{0}}});
}

EMULATOR_TEST(integerOverflow) {
  check("wwww", {{"mad.hi.s32", {0x80000000, 0x80000000, 0x40000000}, 0x80000000},  // wraps
                 {"mad.hi.sat.s32", {0x80000000, 0x80000000, 0x40000000}, 0x7fffffff},
                 {"mad.hi.sat.s32", {0x80000000, 0x7fffffff, 0x80000000}, 0x80000000},
                 {"mad.hi.u32", {0xffffffff, 0xffffffff, 0xffffffff}, 0xfffffffd},
                 {"mad.hi.s32", {0xffffffff, 1, 0}, 0xffffffff},
                 {"mad.lo.s32", {0x80000000, 2, 7}, 7},
                 {"mad.lo.u32", {0x10000, 0x10000, 0xffffffff}, 0xffffffff}});
  check("www", {{"sub.sat.s32", {0x80000000, 1}, 0x80000000},
                {"mul.hi.s32", {0x80000000, 0x80000000}, 0x40000000},
                {"mul.hi.u32", {0x80000000, 2}, 1},
                {"rem.s32", {0x80000000, 0xffffffff}, 0},
                {"add.u32", {0xffffffff, 1}, 0}});
  check("dddd", {{"mad.hi.u64", {~u64{0}, ~u64{0}, 3}, 1}, {"mad.lo.s64", {u64{1} << 63, 2, 9}, 9}});
  check("dwwd", {{"mad.wide.u32", {0xffffffff, 0xffffffff, ~u64{0}}, 0xfffffffe00000000},
                 {"mad.wide.s32", {0x80000000, 0x80000000, u64{1} << 63}, 0xc000000000000000}});
  check("whh",
        {{"mul.wide.s16", {0x8000, 0x8000}, 0x40000000}, {"mul.wide.u16", {0xffff, 0xffff}, 0xfffe0001}});
}

// "As a special case, positive and negative zero are considered normal numbers."
EMULATOR_TEST(propertiesOfNumbers) {
  check("pf", {{"testp.normal.f32", {0}, 1},
               {"testp.normal.f32", {kMinusZero}, 1},
               {"testp.normal.f32", {kSmallestNormal}, 1},
               {"testp.normal.f32", {kLargestDenormal}, 0},
               {"testp.normal.f32", {kInf}, 0},
               {"testp.normal.f32", {kNan}, 0},
               {"testp.subnormal.f32", {kLargestDenormal}, 1},
               {"testp.subnormal.f32", {0}, 0},
               {"testp.subnormal.f32", {kSmallestNormal}, 0},
               {"testp.finite.f32", {kDenormal}, 1},
               {"testp.finite.f32", {0xff800000}, 0},
               {"testp.finite.f32", {kNan}, 0},
               {"testp.infinite.f32", {0xff800000}, 1},
               {"testp.infinite.f32", {kNan}, 0},
               {"testp.number.f32", {kInf}, 1},
               {"testp.number.f32", {kSignalling}, 0},
               {"testp.notanumber.f32", {kSignalling}, 1},
               {"testp.notanumber.f32", {0}, 0}});
  check("pe", {{"testp.normal.f64", {0}, 1},
               {"testp.normal.f64", {u64{1} << 63}, 1},
               {"testp.normal.f64", {1}, 0},
               {"testp.normal.f64", {d(0x1p-1022)}, 1},
               {"testp.subnormal.f64", {1}, 1},
               {"testp.subnormal.f64", {0}, 0},
               {"testp.finite.f64", {d(1e300)}, 1},
               {"testp.finite.f64", {d(HUGE_VAL)}, 0},
               {"testp.infinite.f64", {d(-HUGE_VAL)}, 1},
               {"testp.number.f64", {0x7ff0000000000001}, 0},
               {"testp.notanumber.f64", {0x7ff0000000000001}, 1}});
}

// A 16-bit register compares by its value in its format.
EMULATOR_TEST(narrowComparisons) {
  check("phh", {{"setp.lt.f16", {0xbc00, 0x3c00}, 1},  // -1 < 1
                {"setp.eq.f16", {0x8000, 0x0000}, 1},  // -0 == +0
                {"setp.gt.f16", {0x0001, 0x0000}, 1},  // subnormal
                {"setp.lt.f16", {0x7bff, 0x7c00}, 1},  // 65504 < infinity
                {"setp.ge.f16", {0x7e00, 0x3c00}, 0},  // NaN
                {"setp.geu.f16", {0x7e00, 0x3c00}, 1},
                {"setp.nan.f16", {0x7e00, 0x3c00}, 1},
                {"setp.num.f16", {0x7c00, 0x3c00}, 1},
                {"setp.lt.bf16", {0xbf80, 0x3f80}, 1},
                {"setp.gt.bf16", {0x3f81, 0x3f80}, 1},
                {"setp.eq.bf16", {0x8000, 0x0000}, 1},
                {"setp.ltu.bf16", {0x7fc0, 0x3f80}, 1},
                {"setp.ne.bf16", {0x7fc0, 0x3f80}, 0}});
}

}  // namespace
}  // namespace emulator::tests
