// Text that ptxas 13.0 refuses must not load, whatever the emulator could make of it; what ptxas takes, of
// the same kinds, must.
#include "tests/refused.h"

namespace emulator::tests {
namespace {

// Every statement fails alone, with a message that names it.
void allRefused(const std::vector<const char*>& statements) {
  for (const std::string statement : statements)
    bodyRefused(statement,
                {"'" + statement.substr(0, statement.find_first_of(" ;")) + "'", "test/emulator/"});
}

void allLoad(const std::vector<const char*>& statements) {
  for (const std::string statement : statements) {
    std::string message = messageOf(wrap(statement, 1, ".shared .align 16 .b8 s[64];\n").c_str());
    expect(message == "it loaded", statement + ": " + message);
  }
}

EMULATOR_TEST(modifiersOfLoads) {
  allRefused({"ld.global %r1, [%rd1];",
              "ld.global.f16 %rs1, [%rd1];",
              "ld.global.u32.u32 %r1, [%rd1];",
              "ld.global.global.u32 %r1, [%rd1];",
              "ld.shared.global.u32 %r1, [%rd1];",
              "ld.relaxed.global.u32 %r1, [%rd1];",
              "ld.gpu.global.u32 %r1, [%rd1];",
              "ld.weak.gpu.global.u32 %r1, [%rd1];",
              "ld.volatile.gpu.global.u32 %r1, [%rd1];",
              "ld.release.gpu.global.u32 %r1, [%rd1];",
              "ld.relaxed.acquire.gpu.global.u32 %r1, [%rd1];",
              "ld.relaxed.cta.gpu.global.u32 %r1, [%rd1];",
              "ld.weak.volatile.global.u32 %r1, [%rd1];",
              "ld.volatile.local.u32 %r1, [%r1];",
              "ld.volatile.param.u32 %r1, [p0];",
              "ld.acquire.gpu.const.u32 %r1, [%rd1];",
              "ld.global.wb.u32 %r1, [%rd1];",
              "ld.global.ca.cg.u32 %r1, [%rd1];",
              "ld.volatile.ca.global.u32 %r1, [%rd1];",
              "ld.acquire.gpu.global.ca.u32 %r1, [%rd1];",
              "ld.global.ca.L1::no_allocate.u32 %r1, [%rd1];",
              "ld.volatile.global.L1::evict_first.u32 %r1, [%rd1];",
              "ld.global.L1::no_allocate.L1::evict_first.u32 %r1, [%rd1];",
              "ld.global.L2::64B.L2::128B.u32 %r1, [%rd1];",
              "ld.shared.L1::evict_first.u32 %r1, [%r1];",
              "ld.param.L2::64B.u32 %r1, [p0];",
              "ld.nc.u32 %r1, [%rd1];",
              "ld.shared.nc.u32 %r1, [%r1];",
              "ld.global.nc.nc.u32 %r1, [%rd1];",
              "ld.weak.global.nc.u32 %r1, [%rd1];",
              "ld.volatile.global.nc.u32 %r1, [%rd1];",
              "ld.global.cv.nc.u32 %r1, [%rd1];",
              "ld.global.v2.v4.u32 {%r1, %r2, %r3, %r4}, [%rd1];",
              "ldu.shared.u32 %r1, [%r1];",
              "ldu.global.ca.u32 %r1, [%rd1];",
              "ldu.global.nc.u32 %r1, [%rd1];",
              "ldu.volatile.global.u32 %r1, [%rd1];"});
  allLoad({"ld.u32 %r1, [%rd1];", "ld.weak.global.ca.u32 %r1, [%rd1];", "ld.global.nc.cs.u32 %r1, [%rd1];",
           "ld.global.nc.L1::no_allocate.L2::128B.v4.f32 {%f1, %f2, %f3, %f4}, [%rd1];",
           "ld.global.relaxed.gpu.u32 %r1, [%rd1];", "ld.acquire.sys.global.L1::evict_last.u32 %r1, [%rd1];",
           "ld.volatile.global.L2::128B.u32 %r1, [%rd1];", "ld.volatile.shared.u32 %r1, [s];",
           "ld.param.ca.u64 %rd1, [p0];", "ldu.global.v2.u32 {%r1, %r2}, [%rd1];", "ldu.u32 %r1, [%rd1];"});
}

EMULATOR_TEST(modifiersOfStores) {
  allRefused({"st.global.nc.u32 [%rd1], %r1;", "st.global.ca.u32 [%rd1], %r1;",
              "st.global.wb.wt.u32 [%rd1], %r1;", "st.global.L2::128B.u32 [%rd1], %r1;",
              "st.global.wb.L1::evict_first.u32 [%rd1], %r1;", "st.shared.L1::evict_first.u32 [%r1], %r1;",
              "st.relaxed.shared.u32 [%r1], %r1;", "st.acquire.gpu.global.u32 [%rd1], %r1;",
              "st.volatile.global.wb.u32 [%rd1], %r1;", "st.volatile.local.u32 [%r1], %r1;",
              "st.release.gpu.local.u32 [%r1], %r1;", "st.const.u32 [%rd1], %r1;", "st.param.u64 [p0], %rd1;",
              "st.global.bf16 [%rd1], %rs1;"});
  allLoad({"st.global.wt.u32 [%rd1], %r1;", "st.release.gpu.global.L1::evict_first.u32 [%rd1], %r1;",
           "st.relaxed.cta.shared.u32 [s], %r1;", "st.weak.global.cs.v2.u32 [%rd1], {%r1, %r2};",
           "st.volatile.u32 [%rd1], %r1;"});
}

EMULATOR_TEST(modifiersOfAtomics) {
  allRefused({"atom.global.inc.u64 %rd2, [%rd1], %rd3;",
              "atom.global.dec.u64 %rd2, [%rd1], %rd3;",
              "atom.global.add.s64 %rd2, [%rd1], %rd3;",
              "atom.global.add.b32 %r1, [%rd1], %r2;",
              "atom.global.exch.u32 %r1, [%rd1], %r2;",
              "atom.global.min.f32 %f1, [%rd1], %f2;",
              "atom.global.add.add.u32 %r1, [%rd1], %r2;",
              "atom.global.add.min.u32 %r1, [%rd1], %r2;",
              "atom.global.shared.add.u32 %r1, [%rd1], %r2;",
              "atom.local.add.u32 %r1, [%r1], %r2;",
              "atom.relaxed.relaxed.gpu.global.add.u32 %r1, [%rd1], %r2;",
              "atom.relaxed.acquire.gpu.global.add.u32 %r1, [%rd1], %r2;",
              "atom.relaxed.cta.gpu.global.add.u32 %r1, [%rd1], %r2;",
              "atom.volatile.global.add.u32 %r1, [%rd1], %r2;",
              "atom.global.ca.add.u32 %r1, [%rd1], %r2;",
              "red.acquire.gpu.global.add.u32 [%rd1], %r1;",
              "red.acq_rel.gpu.global.add.u32 [%rd1], %r1;",
              "red.acquire.acquire.cta.gpu.global.add.u32 [%rd1], %r1;",
              "red.relaxed.release.gpu.global.add.u32 [%rd1], %r1;",
              "red.global.exch.b32 [%rd1], %r1;",
              "red.global.cas.b32 [%rd1], %r1, %r2;",
              "red.global.inc.u64 [%rd1], %rd2;",
              "red.global.add.s64 [%rd1], %rd2;"});
  allLoad({"atom.add.u32 %r1, [%rd1], %r2;", "atom.acquire.global.add.u32 %r1, [%rd1], %r2;",
           "atom.global.gpu.add.u32 %r1, [%rd1], %r2;",
           "atom.acq_rel.sys.global.cas.b64 %rd2, [%rd1], %rd3, %rd4;",
           "red.release.gpu.global.add.f32 [%rd1], %f1;", "red.shared::cta.inc.u32 [s], %r1;",
           "atom.global.add.u32 _, [%rd1], %r2;"});
}

EMULATOR_TEST(modifiersOfConversions) {
  allRefused(
      {"cvt.rna.f32.s32 %f1, %r1;",      "cvt.rna.f16.f32 %rs1, %f1;",  "cvt.rna.f32.f64 %f1, %fd1;",
       "cvt.rn.rz.f32.s32 %f1, %r1;",    "cvt.rn.rn.f32.s32 %f1, %r1;", "cvt.f64.s32 %fd1, %r1;",
       "cvt.rn.s32.s32 %r1, %r2;",       "cvt.rn.f32.f32 %f1, %f2;",    "cvt.rn.s32.f32 %r1, %f2;",
       "cvt.ftz.ftz.f32.f32 %f1, %f2;",  "cvt.ftz.s32.s32 %r1, %r2;",   "cvt.rn.ftz.f16.s32 %rs1, %r2;",
       "cvt.rzi.ftz.s32.f64 %r1, %fd2;", "cvt.ftz.f16.f16 %rs1, %rs2;", "cvt.ftz.f32.bf16 %f1, %rs2;",
       "cvt.rn.sat.bf16.f32 %rs1, %f2;", "cvt.sat.f32.bf16 %f1, %rs2;", "cvt.sat.u32.u32 %r1, %r2;",
       "cvt.sat.s64.s32 %rd1, %r2;",     "cvt.sat.s64.u32 %rd1, %r2;",  "cvt.rn.bf16.s32 %rs1, %r2;",
       "cvt.rzi.s32.bf16 %r1, %rs2;",    "cvt.f64.bf16 %fd1, %rs2;",    "cvt.u32.b32 %r1, %r2;",
       "cvt.rn.ca.f32.s32 %f1, %r1;"});
  allLoad({"cvt.rn.ftz.f32.s32 %f1, %r1;", "cvt.rzi.ftz.sat.s32.f32 %r1, %f1;",
           "cvt.rz.ftz.bf16.f32 %rs1, %f1;", "cvt.ftz.f64.f32 %fd1, %f1;", "cvt.rni.f16.f16 %rs1, %rs2;",
           "cvt.sat.u32.s32 %r1, %r2;", "cvt.sat.s32.u32 %r1, %r2;", "cvt.sat.u8.u16 %rs1, %rs2;",
           "cvt.rn.sat.f16.f32 %rs1, %f1;"});
}

EMULATOR_TEST(modifiersOfOthers) {
  allRefused({"bra.foo X; X:", "ret.foo;", "exit.foo;", "trap.foo;", "call.foo f;",
              "cp.async.ca.ca.shared.global [%r1], [%rd1], 16;",
              "cp.async.ca.global.shared [%r1], [%rd1], 16;",
              "cp.async.ca.shared.global.L2::128B.L2::64B [%r1], [%rd1], 16;",
              "cp.async.cg.shared.global [%r1], [%rd1], 8;", "cp.async.wait_all.foo;",
              "ldmatrix.sync.aligned.m8n8.x1.x2.shared.b16 {%r1}, [%r2];",
              "ldmatrix.sync.aligned.m8n8.x1.shared.shared::cta.b16 {%r1}, [%r2];",
              "ldmatrix.sync.aligned.m8n8.x1.trans.trans.shared.b16 {%r1}, [%r2];",
              "ldmatrix.aligned.m8n8.x1.shared.b16 {%r1}, [%r2];"});
}

EMULATOR_TEST(predicatesAreNoElements) {
  allRefused({"ld.global.u32 %p1, [%rd1];", "ld.global.u8 %p1, [%rd1];",
              "ld.global.v2.u32 {%p1, %r1}, [%rd1];", "ld.param.u64 %p1, [p0];", "st.global.u32 [%rd1], %p1;",
              "st.global.v2.u32 [%rd1], {%r1, %p1};"});
}

EMULATOR_TEST(operandsOfTheWrongShape) {
  allRefused({"setp.lt.u32 (%p1, %p2), %r1, %r2;",
              "setp.lt.u32 (%p1, %p2, %p3), %r1, %r2;",
              "setp.lt.u32 {%p1, %p2}, %r1, %r2;",
              "setp.lt.u32 %p1|%p2|%p3, %r1, %r2;",
              "shfl.sync.up.b32 (%r1, %p1), %r2, 1, 0, -1;",
              "match.all.sync.b32 (%r1, %p1), %r2, -1;",
              "match.any.sync.b32 %r1|%p1, %r2, -1;",
              "add.u32 %r5, %r1, %r1,;",
              "add.u32 ,%r5, %r1, %r1;",
              "add.u32 %r5,, %r1, %r1;",
              "ret ,;",
              "bar.sync 0,;",
              "bar.sync 0 1;",
              "st.global.v2.u32 [%rd1], {%r1, %r1,};",
              "st.global.v2.u32 [%rd1], {, %r1, %r1};",
              "st.global.u32 [%rd1], {};",
              "ld.param.u32 %r1, [p0+];",
              "ld.param.u32 %r1, [];",
              "ld.param.u32 %r1, [p0,4];",
              "mov.u32 %r1, -%r2;"});
  allLoad({"setp.lt.u32 %p1|%p2, %r1, %r2;", "setp.lt.u32 _|%p2, %r1, %r2;",
           "shfl.sync.up.b32 %r1|%p1, %r2, 1, 0, -1;", "match.all.sync.b32 %r1|%p1, %r2, -1;"});
}

EMULATOR_TEST(numbersBeyondTheirWidth) {
  allRefused({"mov.u64 %rd1, 99999999999999999999;", "mov.u32 %r1, 09;", "mov.u32 %r1, 0x;",
              "mov.u32 %r1, 7UU;", "mov.u32 %r1, 0b102;", "mov.u32 %r1, 1u;"});
  allLoad({"mov.u64 %rd1, 18446744073709551615;", "mov.u64 %rd1, 0xffffffffffffffff;",
           "mov.u64 %rd1, -9223372036854775808;", "mov.u32 %r1, 0b101;", "mov.u32 %r1, 0U;",
           "mov.u32 %r1, 017;"});
}

EMULATOR_TEST(directivesOfBodies) {
  for (const char* body :
       {".pragma 7;", ".pragma nounroll;", ".pragma \"nounroll\",;", ".reg .u32 %a,;", ".reg .u32 %r1;",
        ".reg .b32 %a<3>; .reg .b32 %a<2>;", "T: .branchtargets ;", "T: .branchtargets A,; A:"})
    bodyRefused(body, {"test/emulator/ptx/body_parser.cc"});
  allLoad({".pragma \"nounroll\";", ".pragma \"nounroll\", \"used_bytes_mask 7\";", "{ .reg .u32 %r1; }"});
}

EMULATOR_TEST(directivesOfModules) {
  const std::string head = ".version 9.0\n.target sm_80\n.address_size 64\n";
  for (const std::string text : {".section .foo { .b8 ;,(,] }",
                                 ".section .foo { ; ; }",
                                 ".section .debug_str { .b8 1,2, }",
                                 ".section .debug_str { .b8 }",
                                 ".section .debug_str { .b8 1 2 }",
                                 ".section foo { .b8 1 }",
                                 ".section .debug_str { .b8 \"a\" }",
                                 ".section .debug_str { .f32 1 }",
                                 ".global .align 4 .u32 a[2]={1,2,};",
                                 ".global .align 4 .u32 a[2]={1,,2};",
                                 ".global .align 4 .u32 a[1]={1,2,3};",
                                 ".global .align 3 .u32 a;",
                                 ".shared .u32 a={1};",
                                 ".const .u32 a[];",
                                 ".file 1 \"x\",1;",
                                 ".file 1 \"x\",1,;",
                                 ".file 1 x",
                                 ".visible .visible .global .u32 a;",
                                 ".visible .extern .global .u32 a;",
                                 ".func f(.param .u32 x,) { ret; }",
                                 ".func f(.param .u32 x .param .u32 y) { ret; }",
                                 ".entry e() .maxntid 1,2,3,4 { ret; }",
                                 ".entry e() .maxntid 1, { ret; }",
                                 ".entry e(.param .u64 .ptr .global .shared .align 4 x) { ret; }"})
    refused(head + text + "\n", {"PTX line 4", "test/emulator/ptx/"});
  for (const std::string text :
       {".section .debug_str { L: .b8 1,-2,3\n.b32 L\n.b32 .debug_abbrev+4\n.b64 L-L }",
        ".global .align 4 .u32 a[2]={1};", ".global .align 4 .u32 a[2][2]={{1},{2,3}};",
        ".global .u32 a[2]={};", ".file 1 \"x\",1,2", ".file 1 \"x\"", ".entry e() .maxntid 1,2,3 { ret; }",
        ".entry e(.param .u64 .ptr .global .align 4 x) { ret; }", ".func f() { ret; }"}) {
    std::string message = messageOf((head + text + "\n").c_str());
    expect(message == "it loaded", text + ": " + message);
  }
}

}  // namespace
}  // namespace emulator::tests
