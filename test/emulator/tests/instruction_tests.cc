// Single instructions, against values worked out from the text of the PTX manual.
#include <cmath>

#include "tests/rows.h"

namespace emulator::tests {
namespace {

EMULATOR_TEST(integerArithmetic) {
  check("www", {{"add.s32", {0x7fffffff, 1}, 0x80000000},
                {"sub.u32", {0, 1}, 0xffffffff},
                {"mul.lo.s32", {0x10001, 0x10001}, 0x20001},
                {"mul.hi.s32", {0x80000000, 2}, 0xffffffff},
                {"mul.hi.u32", {0xffffffff, 0xffffffff}, 0xfffffffe},
                {"div.s32", {0xfffffff9, 2}, 0xfffffffd},
                {"rem.s32", {0xfffffff9, 2}, 0xffffffff},
                {"div.u32", {7, 0}, 0xffffffff},
                {"min.s32", {0xffffffff, 1}, 0xffffffff},
                {"min.u32", {0xffffffff, 1}, 1},
                {"add.sat.s32", {0x7fffffff, 1}, 0x7fffffff},
                {"mul24.lo.s32", {0x00ffffff, 3}, 0xfffffffd},
                {"mul24.hi.u32", {0xffffff, 0xffffff}, 0xfffffe00}});
  check("ww", {{"abs.s32", {0x80000000}, 0x80000000}, {"neg.s32", {5}, 0xfffffffb}});
  check("dww", {{"mul.wide.s32", {0xffffffff, 2}, 0xfffffffffffffffe},
                {"mul.wide.u32", {0xffffffff, 2}, 0x1fffffffe}});
  check("ddd", {{"mul.hi.u64", {~u64{0}, ~u64{0}}, 0xfffffffffffffffe},
                {"mul.hi.s64", {u64{1} << 63, 2}, ~u64{0}},
                {"div.s64", {u64{1} << 63, ~u64{0}}, u64{1} << 63}});
}

EMULATOR_TEST(multiplyAdd) {
  check("wwww", {{"mad.lo.s32", {3, 4, 5}, 17},
                 {"mad.hi.s32", {0x7fffffff, 0x7fffffff, 0x7fffffff}, 0xbffffffe},  // overflow wraps
                 {"mad.hi.sat.s32", {0x7fffffff, 0x7fffffff, 0x7fffffff}, 0x7fffffff},
                 {"mad.hi.u32", {0xffffffff, 0xffffffff, 3}, 1},
                 {"mad24.lo.u32", {0xff000003, 4, 5}, 17},
                 {"mad24.lo.u32", {0xffffff, 0xffffff, 1}, 0xfe000002},
                 {"mad24.lo.s32", {0x00ffffff, 3, 5}, 2},
                 {"mad24.lo.s32", {0x00800000, 0x00800000, 7}, 7},
                 {"sad.u32", {3, 5, 7}, 9},
                 {"sad.s32", {0x80000000, 0x7fffffff, 0}, 0xffffffff}});
  check("dwwd", {{"mad.wide.s32", {0xffffffff, 5, 3}, 0xfffffffffffffffe}});
}

EMULATOR_TEST(shiftsBeyondTheWidth) {
  check("www", {{"shl.b32", {1, 31}, 0x80000000},
                {"shl.b32", {1, 32}, 0},
                {"shl.b32", {1, 0xffffffff}, 0},
                {"shr.u32", {0x80000000, 32}, 0},
                {"shr.s32", {0x80000000, 32}, 0xffffffff},
                {"shr.s32", {0x40000000, 200}, 0}});
  check("ddw", {{"shl.b64", {1, 64}, 0},
                {"shr.s64", {u64{1} << 63, 64}, ~u64{0}},
                {"shr.u64", {u64{1} << 63, 63}, 1}});
  check("wwww", {{"shf.l.wrap.b32", {0x80000000, 1, 33}, 3},
                 {"shf.l.clamp.b32", {0x12345678, 1, 40}, 0x12345678},
                 {"shf.r.clamp.b32", {1, 0x12345678, 40}, 0x12345678},
                 {"shf.r.wrap.b32", {2, 1, 1}, 0x80000001}});
}

EMULATOR_TEST(bitFields) {
  check("wwww", {{"bfe.u32", {0xdeadbeef, 8, 8}, 0xbe},
                 {"bfe.s32", {0xdeadbeef, 8, 8}, 0xffffffbe},
                 {"bfe.s32", {0x80000000, 28, 8}, 0xfffffff8},
                 {"bfe.u32", {0xdeadbeef, 40, 8}, 0},
                 {"bfe.s32", {0x80000000, 40, 8}, 0xffffffff},
                 {"bfe.u32", {5, 0, 0}, 0},
                 {"prmt.b32", {0x33221100, 0x77665544, 0x7531}, 0x77553311},
                 {"prmt.b32", {0x80, 0, 0x0008}, 0x808080ff}});
  check("wwwww", {{"bfi.b32", {0xff, 0, 4, 8}, 0xff0},
                  {"bfi.b32", {0xff, 7, 32, 8}, 7},
                  {"bfi.b32", {0xff, 0, 28, 8}, 0xf0000000}});
  check("ww", {{"popc.b32", {0xf0f0}, 8},
               {"clz.b32", {0}, 32},
               {"clz.b32", {1}, 31},
               {"brev.b32", {1}, 0x80000000},
               {"bfind.u32", {0}, 0xffffffff},
               {"bfind.s32", {0xffffffff}, 0xffffffff},
               {"bfind.s32", {0xfffffffe}, 0},
               {"bfind.shiftamt.u32", {1}, 31}});
  check("wd", {{"popc.b64", {~u64{0}}, 64}, {"clz.b64", {1}, 63}, {"clz.b64", {0}, 64}});
  check("dd", {{"brev.b64", {1}, u64{1} << 63}, {"cnot.b64", {0}, 1}, {"cnot.b64", {u64{1} << 40}, 0}});
  check("ww", {{"cnot.b32", {0}, 1}, {"cnot.b32", {0x80000000}, 0}});
  check("hh", {{"cnot.b16", {0}, 1}, {"cnot.b16", {2}, 0}});
  check("wd",
        {{"bfind.u64", {0}, 0xffffffff}, {"bfind.u64", {u64{1} << 40}, 40}, {"bfind.s64", {~u64{1}}, 0}});
  check("ddww", {{"bfe.u64", {0xdeadbeef00000000, 40, 16}, 0xadbe},
                 {"bfe.s64", {0xdeadbeef00000000, 40, 16}, 0xffffffffffffadbe},
                 {"bfe.s64", {0xdeadbeef00000000, 56, 16}, 0xffffffffffffffde},
                 {"bfe.s64", {0x7eadbeef00000000, 56, 16}, 0x7e},
                 {"bfe.s64", {u64{1} << 63, 100, 8}, ~u64{0}},
                 {"bfe.s64", {u64{1} << 63, 3, 0}, 0},
                 {"bfe.s64", {5, 0, 64}, 5}});
  check("dddww", {{"bfi.b64", {0xff, 0, 40, 8}, 0xff0000000000},
                  {"bfi.b64", {0, ~u64{0}, 40, 8}, 0xffff00ffffffffff},
                  {"bfi.b64", {0xff, 0, 60, 8}, u64{15} << 60},
                  {"bfi.b64", {0xff, 7, 64, 8}, 7},
                  {"bfi.b64", {0xff, 7, 3, 0}, 7},
                  {"bfi.b64", {~u64{0}, 0, 0, 64}, ~u64{0}}});
  check("www", {{"bmsk.clamp.b32", {4, 8}, 0xff0},
                {"bmsk.clamp.b32", {28, 8}, 0xf0000000},
                {"bmsk.clamp.b32", {4, 0}, 0},
                {"bmsk.clamp.b32", {32, 4}, 0},
                {"bmsk.clamp.b32", {4, 40}, 0xfffffff0},
                {"bmsk.wrap.b32", {36, 8}, 0xff0},
                {"bmsk.wrap.b32", {4, 40}, 0xff0},
                {"bmsk.wrap.b32", {4, 32}, 0},
                {"bmsk.wrap.b32", {28, 8}, 0xf0000000}});
}

EMULATOR_TEST(singlePrecision) {
  check("fff", {{"add.f32", {kDenormal, kDenormal}, 2},
                {"add.ftz.f32", {kDenormal, kDenormal}, 0},
                {"add.ftz.f32", {kDenormal | kMinusZero, kMinusZero}, kMinusZero},
                {"add.rn.f32", {kInf, 0xff800000}, kNan},
                {"add.sat.f32", {f(.75f), f(.75f)}, f(1.f)},
                {"add.sat.f32", {0x7fc12345, f(1.f)}, 0},
                {"mul.f32", {0x7fc12345, f(1.f)}, kNan},
                {"add.rz.f32", {f(1.f), f(0x1p-24f * 1.5f)}, f(1.f)},
                {"add.rp.f32", {f(1.f), f(0x1p-30f)}, f(1.f + 0x1p-23f)},
                {"div.rn.f32", {f(1.f), f(3.f)}, f(1.f / 3.f)},
                {"div.rn.f32", {f(1.f), kMinusZero}, 0xff800000},
                {"min.f32", {0x7fc00000, f(1.f)}, f(1.f)},
                {"min.f32", {0, kMinusZero}, kMinusZero},
                {"max.f32", {kMinusZero, 0}, 0},
                {"max.f32", {0x7fc00000, 0xffc00000}, kNan},
                {"max.NaN.f32", {0x7fc00000, f(1.f)}, kNan},
                {"copysign.f32", {kMinusZero, f(2.f)}, f(-2.f)}});
  check("ffff", {{"fma.rn.f32", {f(1.f + 0x1p-12f), f(1.f + 0x1p-12f), f(-1.f - 0x1p-11f)}, f(0x1p-24f)},
                 {"fma.rm.f32", {f(1.f), f(1.f), f(-0x1p-30f)}, f(1.f - 0x1p-24f)},
                 {"fma.rn.ftz.f32", {kDenormal, f(1.f), 0}, 0}});
  check("ff", {{"sqrt.rn.f32", {f(2.f)}, f(std::sqrt(2.f))},
               {"sqrt.rn.f32", {f(-1.f)}, kNan},
               {"rcp.rn.f32", {f(3.f)}, f(1.f / 3.f)},
               {"neg.f32", {0x7fc00001}, 0xffc00001},
               {"abs.f32", {0xffc00001}, 0x7fc00001},
               {"ex2.approx.f32", {f(3.f)}, f(8.f)},
               {"lg2.approx.f32", {f(8.f)}, f(3.f)},
               {"rsqrt.approx.f32", {f(4.f)}, f(.5f)}});
}

EMULATOR_TEST(predicates) {
  check("pp", {{"mov.pred", {1}, 1}, {"mov.pred", {0}, 0}, {"not.pred", {1}, 0}, {"not.pred", {0}, 1}});
  check("pn", {{"mov.pred", {1}, 0}, {"mov.pred", {0}, 1}});
  check("ppp", {{"and.pred", {1, 0}, 0}, {"or.pred", {1, 0}, 1}, {"xor.pred", {1, 1}, 0}});
  check("pwwp", {{"setp.lt.and.u32", {1, 2, 1}, 1}, {"setp.lt.and.u32", {1, 2, 0}, 0}});
  check("pwwn", {{"setp.lt.and.u32", {1, 2, 1}, 0}, {"setp.lt.or.u32", {2, 1, 0}, 1}});
}

EMULATOR_TEST(doublePrecision) {
  check("eee", {{"add.f64", {d(1), d(0x1p-53)}, d(1)},
                {"add.rp.f64", {d(1), d(0x1p-60)}, d(1 + 0x1p-52)},
                {"div.rn.f64", {d(1), d(3)}, d(1. / 3)},
                {"mul.rz.f64", {d(-1), d(3)}, d(-3)}});
  check("eeee", {{"fma.rn.f64", {d(1 + 0x1p-27), d(1 + 0x1p-27), d(-1 - 0x1p-26)}, d(0x1p-54)}});
  check("ee", {{"sqrt.rn.f64", {d(2)}, d(std::sqrt(2.))},
               {"rcp.approx.ftz.f64", {d(4)}, d(.25)},
               {"rcp.approx.ftz.f64", {0x7ff8000012345678}, 0x7fffffff00000000},
               {"rcp.approx.ftz.f64", {u64{1} << 63 | 1}, d(-HUGE_VAL)},
               {"rsqrt.approx.ftz.f64", {d(4)}, d(.5)},
               {"rsqrt.approx.ftz.f64", {d(-1)}, 0x7fffffff00000000},
               {"rsqrt.approx.ftz.f64", {1}, d(HUGE_VAL)}});
}

EMULATOR_TEST(conversions) {
  check("wf", {{"cvt.rni.s32.f32", {f(2.5f)}, 2},
               {"cvt.rni.s32.f32", {f(3.5f)}, 4},
               {"cvt.rzi.s32.f32", {f(-2.9f)}, 0xfffffffe},
               {"cvt.rmi.s32.f32", {f(-2.1f)}, 0xfffffffd},
               {"cvt.rzi.s32.f32", {f(3e9f)}, 0x7fffffff},
               {"cvt.rzi.u32.f32", {f(-1.f)}, 0},
               {"cvt.rzi.s32.f32", {kNan}, 0}});
  check("df", {{"cvt.rzi.s64.f32", {kNan}, u64{1} << 63}, {"cvt.rzi.u64.f32", {f(0x1p63f)}, u64{1} << 63}});
  check("fw", {{"cvt.rn.f32.s32", {0x7fffffff}, f(0x1p31f)},
               {"cvt.rz.f32.s32", {0x7fffffff}, f(2147483520.f)},
               {"cvt.rn.f32.u32", {0xffffffff}, f(0x1p32f)}});
  check("ff", {{"cvt.rni.f32.f32", {f(2.5f)}, f(2.f)},
               {"cvt.rpi.f32.f32", {f(2.1f)}, f(3.f)},
               {"cvt.sat.f32.f32", {f(-1.f)}, 0}});
  check("ww", {{"cvt.s32.s8", {0x80}, 0xffffff80},
               {"cvt.u32.u8", {0x180}, 0x80},
               {"cvt.sat.s8.s32", {200}, 127},
               {"cvt.sat.u8.s32", {0xffffffff}, 0}});
  check("dw", {{"cvt.s64.s32", {0x80000000}, 0xffffffff80000000}, {"cvt.u64.u32", {0x80000000}, 0x80000000}});
  check("fe", {{"cvt.rn.f32.f64", {d(1 + 0x1p-24)}, f(1.f)},
               {"cvt.rp.f32.f64", {d(1 + 0x1p-30)}, f(1.f + 0x1p-23f)}});
  check("he", {{"cvt.rzi.s8.f64", {d(NAN)}, 0xff80},
               {"cvt.rni.sat.s8.f64", {d(NAN)}, 0xff80},
               {"cvt.rzi.u8.f64", {d(NAN)}, 0x80},
               {"cvt.rzi.s16.f64", {d(NAN)}, 0x8000}});
  check("we", {{"cvt.rzi.s8.f64", {d(NAN)}, 0xffffff80},
               {"cvt.rzi.s16.f64", {d(NAN)}, 0xffff8000},
               {"cvt.rzi.u16.f64", {d(NAN)}, 0x8000}});
  check("hf", {{"cvt.rzi.s8.f32", {kNan}, 0}});
}

EMULATOR_TEST(narrowFloats) {
  check("hf", {{"cvt.rn.f16.f32", {f(65520.f)}, 0x7c00},
               {"cvt.rn.f16.f32", {f(65519.f)}, 0x7bff},
               {"cvt.rn.f16.f32", {f(0x1p-25f)}, 0},
               {"cvt.rn.f16.f32", {f(0x1.8p-25f)}, 1},
               {"cvt.rn.bf16.f32", {0x3f808000}, 0x3f80},
               {"cvt.rn.bf16.f32", {0x3f818000}, 0x3f82},
               {"cvt.rn.bf16.f32", {0x7fc12345}, 0x7fff},
               {"cvt.rn.bf16.f32", {0x7f7fffff}, 0x7f80}});
  check("fh", {{"cvt.f32.f16", {1}, f(0x1p-24f)}, {"cvt.f32.bf16", {0x3f80}, f(1.f)}});
  check("wff", {{"cvt.rn.bf16x2.f32", {f(2.f), f(1.f)}, 0x40003f80}});
  check("wf", {{"cvt.rna.tf32.f32", {0x3f801000}, 0x3f802000}});
  check("hhh", {{"sub.f16", {0x3c00, 0x3c01}, 0x9400},
                {"sub.f16", {0x0001, 0x0002}, 0x8001},
                {"sub.rn.f16", {0x7c00, 0x7c00}, 0x7fff},
                {"add.f16", {0x7bff, 0x7bff}, 0x7c00},
                {"add.rn.f16", {0x6800, 0x3c00}, 0x6800},  // 2048 + 1: a tie, to even
                {"mul.f16", {0x0001, 0x3800}, 0},
                {"mul.rn.f16", {0x0003, 0x3800}, 2},
                {"min.f16", {0x8000, 0}, 0x8000},
                {"max.f16", {0x7e00, 0x3c00}, 0x3c00},
                {"sub.bf16", {0x3f80, 0x3f81}, 0xbc00},
                {"add.bf16", {0x4380, 0x3f80}, 0x4380},
                {"mul.bf16", {0x3f81, 0x3f81}, 0x3f82},
                {"min.bf16", {0x8000, 0}, 0x8000},
                {"min.bf16", {0x7fc0, 0x3f80}, 0x3f80},
                {"min.bf16", {0x7fc0, 0x7fc0}, 0x7fff},
                {"max.bf16", {0x8000, 0}, 0},
                {"max.bf16", {0xbf80, 0x3f80}, 0x3f80}});
  check("www", {{"add.f16x2", {0x3c004000, 0x40003c00}, 0x42004200},
                {"sub.f16x2", {0x3c004000, 0x40003c00}, 0xbc003c00},
                {"mul.f16x2", {0x40004200, 0x40003c00}, 0x44004200},
                {"min.f16x2", {0x3c004000, 0x40003c00}, 0x3c003c00},
                {"max.f16x2", {0x3c004000, 0x40003c00}, 0x40004000},
                {"add.bf16x2", {0x3f804000, 0x40003f80}, 0x40404040},
                {"sub.bf16x2", {0x3f804000, 0x40003f80}, 0xbf803f80},
                {"mul.bf16x2", {0x40004040, 0x40003f80}, 0x40804040},
                {"min.bf16x2", {0x3f804000, 0x40003f80}, 0x3f803f80},
                {"max.bf16x2", {0x3f804000, 0x40003f80}, 0x40004000}});
  check("wwww", {{"fma.rn.f16x2", {0x40004200, 0x40003c00, 0x3c003c00}, 0x45004400},
                 {"fma.rn.bf16x2", {0x40004040, 0x40003f80, 0x3f803f80}, 0x40a04080}});
  check("ww", {{"neg.f16x2", {0x3c00fe00}, 0xbc007e00},
               {"abs.f16x2", {0xbc00fe00}, 0x3c007e00},
               {"neg.bf16x2", {0x3f80ffc0}, 0xbf807fc0},
               {"abs.bf16x2", {0xbf80ffc0}, 0x3f807fc0}});
  check("hh", {{"neg.f16", {0x7e00}, 0xfe00},
               {"abs.f16", {0xbc00}, 0x3c00},
               {"neg.bf16", {0x3f80}, 0xbf80},
               {"abs.bf16", {0xffc0}, 0x7fc0}});
  check("hhhh", {{"fma.rn.f16", {0x3c01, 0x3c01, 0xbc02}, 0x0010},
                 {"fma.rn.bf16", {0x3f80, 0x3f80, 0x3f80}, 0x4000}});
}

EMULATOR_TEST(lop3) {
  // a & b | c by its table, with the table as a literal.
  Device device;
  device.load(wrap("ld.param.u64 %rd1, [p0];\nmov.u32 %r1, 12;\nmov.u32 %r2, 10;\nmov.u32 %r3, 1;\nlop3.b32 "
                   "%r4, %r1, %r2, %r3, 0xea;\nst.global.u32 [%rd1], %r4;",
                   1)
                  .c_str());
  u64 out = device.allocate(4);
  expectResult(device.launch("test", 1, 1, {&out}), kSuccess, "launch");
  expect(device.download<u32>(out, 1)[0] == ((12 & 10) | 1), "lop3");
}

}  // namespace
}  // namespace emulator::tests
