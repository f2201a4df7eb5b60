// Which operands each instruction takes: registers by their declared class, literals, names. What ptxas 13.0
// refuses must not load, its next of kin must.
#include "tests/refused.h"

namespace emulator::tests {
namespace {

const char* const kVariables =
    ".shared .align 16 .b8 s[64];\n.global .align 8 .b8 g[64];\n.const .align 8 .b8 c[64];\n";
// Registers of every class that wrap does not declare.
const std::string kRegisters =
    ".reg .u32 %u<4>; .reg .s32 %s<4>; .reg .u64 %ud<4>; .reg .u16 %us<4>; .reg .f16 %h<4>; .reg .f16x2 "
    "%hh<4>; "
    ".local .align 8 .b8 l[64]; ";

std::string load(const std::string& statement) {
  return messageOf(wrap(kRegisters + statement, 1, kVariables).c_str());
}
void allRefused(const std::vector<const char*>& statements) {
  for (const char* statement : statements) {
    std::string message = load(statement);
    expect(message.find("test/emulator/") != std::string::npos, std::string(statement) + ": " + message);
  }
}
void allLoad(const std::vector<const char*>& statements) {
  for (const char* statement : statements)
    expect(load(statement) == "it loaded", std::string(statement) + ": " + load(statement));
}

// .b takes every class, .u and .s no floats, .f no integers; .b registers fit everywhere.
EMULATOR_TEST(classesOfRegisters) {
  allRefused({"add.s32 %r1, %f1, %f2;",
              "add.s32 %f1, %r1, %r2;",
              "add.f32 %f1, %u1, %f2;",
              "fma.rn.f32 %u1, %f1, %f2, %f3;",
              "mov.u32 %r2, %f2;",
              "mov.u32 %f2, %r2;",
              "mov.f32 %f2, %u2;",
              "mov.f32 %f1, %hh1;",
              "mov.u16 %rs1, %h1;",
              "shl.b32 %r1, %f1, %f2;",
              "bfi.b32 %r1, %r2, %r3, %f1, 3;",
              "shf.l.wrap.b32 %r1, %r1, %r2, %f3;",
              "bmsk.clamp.b32 %f1, %r1, %r2;",
              "popc.b32 %f1, %r1;",
              "clz.b32 %f1, %r1;",
              "bfe.u32 %r1, %r2, %f1, 3;",
              "mul.wide.u32 %fd1, %r1, %r2;",
              "mad.wide.u32 %rd1, %r1, %r2, %fd1;",
              "setp.ne.s32 %p1, %f1, 0;",
              "setp.lt.f16 %p1, %us1, %rs2;",
              "set.eq.u32.f32 %f1, %f1, %f2;",
              "selp.u32 %f1, %f1, %f2, %p1;",
              "slct.s32.f32 %f1, %f2, %f3, %f4;",
              "slct.u32.f32 %r1, %r1, %r2, %u3;",
              "add.f16 %h1, %us1, %h2;",
              "add.f16x2 %f1, %r1, %hh2;",
              "fma.rn.bf16 %h1, %rs1, %rs2, %rs3;",
              "fma.rn.bf16x2 %hh1, %r1, %r2, %r3;",
              "cvt.rn.f32.s32 %f1, %f2;",
              "cvt.rzi.s32.f32 %f1, %f2;",
              "cvt.rn.bf16.f32 %h1, %f1;",
              "cvt.f32.f16 %f1, %us1;",
              "cvt.rn.f16x2.f32 %u1, %f1, %f2;",
              "cvt.rna.tf32.f32 %f1, %f2;"});
  allLoad({"add.s32 %u1, %s1, %r2;",
           "add.f32 %f1, %r1, %r2;",
           "and.b32 %r1, %f1, %u2;",
           "mov.b32 %s2, %f2;",
           "mov.f32 %f2, %r2;",
           "mov.s32 %u1, %s2;",
           "mov.b16 %rs1, %h1;",
           "shl.b32 %f1, %f2, %s1;",
           "shf.l.wrap.b32 %f1, %r1, %f2, %u3;",
           "popc.b32 %u1, %f1;",
           "setp.ne.b32 %p1, %f1, 0;",
           "set.eq.f32.s32 %r1, %r1, %u2;",
           "selp.b32 %r1, %f1, %f2, %p1;",
           "slct.b32.f32 %f1, %r1, %f2, %f3;",
           "slct.b64.s32 %fd1, %rd1, %rd2, %r3;",
           "add.f16 %h1, %rs1, %h2;",
           "add.f16x2 %hh1, %r1, %hh2;",
           "cvt.rn.f32.s32 %r1, %u2;",
           "cvt.rzi.s32.f32 %u1, %f2;",
           "cvt.f32.f16 %f1, %h1;",
           "cvt.rn.f16x2.f32 %hh1, %f1, %f2;"});
}

EMULATOR_TEST(classesOfRegistersInMemoryAndWarps) {
  allRefused(
      {"ld.global.u32 %f1, [%rd1];", "ld.global.f32 %u1, [%rd1];", "ld.global.u16 %h1, [%rd1];",
       "st.global.u32 [%rd1], %f1;", "st.local.u32 [l], %f1;", "atom.global.add.u32 %f1, [%rd1], %r1;",
       "atom.global.add.f32 %f1, [%rd1], %u1;", "redux.sync.and.b32 %r1, %f2, -1;",
       "match.any.sync.b32 %f1, %r2, -1;", "vote.sync.ballot.b32 %r1, %p1, %f2;", "bar.warp.sync %f1;",
       "bar.red.popc.u32 %f1, 0, %p1;", "nanosleep.u32 %f1;", "isspacep.shared %p1, %fd1;",
       "cvta.global.u64 %rd1, %fd1;", "cp.async.ca.shared.global [%r1], [%rd1], 16, %f1;",
       "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%f1,%f2,%f3,%f4}, {%f1,%f2,%f3,%f4}, {%r1,%r2}, "
       "{%f1,%f2,%f3,%f4};"});
  allLoad(
      {"ld.global.b32 %f1, [%rd1];", "ld.global.f32 %r1, [%rd1];", "ld.global.u32 %s1, [%rd1];",
       "ld.global.b16 %h1, [%rd1];", "st.global.f32 [%rd1], %r1;", "atom.global.exch.b32 %f1, [%rd1], %f2;",
       "shfl.sync.up.b32 %f1|%p1, %f2, %r1, %r2, %u3;", "vote.sync.ballot.b32 %f1, %p1, -1;",
       "match.any.sync.b32 %r1, %f2, -1;", "activemask.b32 %f1;",
       "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%f1}, [%r2];", "mov.b64 {%f1, %f2}, %fd1;",
       "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%r1,%r2,%r3,%f4}, {%u1,%r2,%r3,%r4}, {%r1,%r2}, "
       "{0f00000000,%f2,%f3,%f4};"});
}

EMULATOR_TEST(literalsOfAnotherKind) {
  allRefused({"add.s32 %r1, %r1, 0f3F800000;", "sub.s64 %rd2, 0d3FF0000000000000, %rd1;",
              "setp.ne.s32 %p1, 0f3F800000, 0;", "setp.ne.f32 %p1, %f1, 0;", "mov.u32 %r1, 0f3F800000;",
              "mov.f32 %f1, 1;", "selp.f32 %f1, 1, %f2, %p1;", "add.f16 %h1, %rs1, 1;",
              "add.bf16x2 %r1, %r2, 1;", "st.global.u32 [%rd1], 0f3F800000;",
              "atom.global.add.u32 %r1, [%rd1], 0f3F800000;", "lop3.b32 %r1, %r1, %r2, %r3, %r4;",
              "cp.async.ca.shared.global [%r1], [%rd1], 16, 17;",
              "cp.async.ca.shared.global [%r1], [%rd1], 16, -1;"});
  allLoad({"mov.b32 %r1, 0f3F800000;", "and.b32 %r1, %r2, 0f3F800000;", "mov.b32 %f1, 1;",
           "selp.b32 %r1, 0f3F800000, %r2, %p1;", "setp.ne.b32 %p1, %f1, 0f3F800000;",
           "st.global.b32 [%rd1], 0f3F800000;", "cp.async.ca.shared.global [%r1], [%rd1], 16, 16;"});
}

EMULATOR_TEST(namesWhereNoneCanBe) {
  allRefused({"add.f32 %f1, %f1, s;", "shl.b64 %rd1, s, 2;", "add.s64 %rd1, s, 1;", "mov.f32 %f1, s;",
              "mov.u32 %r1, g;", "mov.u32 %r1, c;", "st.global.u64 [%rd1], s;", "cvt.u64.u32 %rd1, s;",
              "isspacep.shared %p1, s;", "add.u32 %r1, %tid.x, 1;", "shl.b32 %r1, %r2, %tid.x;",
              "setp.eq.u32 %p1, %tid.x, 0;", "mov.f32 %f1, %tid.x;", "st.global.u32 [%rd1], %tid.x;",
              "shfl.sync.up.b32 %r1, %tid.x, 1, 0, -1;", "bar.warp.sync %tid.x;"});
  allLoad({"mov.u32 %r1, s+-4;", "mov.b64 %rd1, s;", "mov.u64 %rd1, g;", "cvta.global.u64 %rd1, g+4;",
           "mov.b32 %f1, %tid.x;", "cvt.u64.u32 %rd1, %tid.x;"});
}

EMULATOR_TEST(resultsThrownAway) {
  allRefused({"mul.f32 _, %f1, %f2;", "mov.u32 _, %r1;", "mov.pred _, %p2;", "setp.eq.u32 _|_, %r1, %r2;",
              "shfl.sync.up.b32 _, %r2, 1, 0, -1;", "shfl.sync.up.b32 _|%p1, %r2, 1, 0, -1;",
              "vote.sync.any.pred _, %p1, -1;", "match.any.sync.b32 _, %r2, -1;",
              "redux.sync.add.u32 _, %r2, -1;", "ld.shared.u32 _, [s];", "ld.global.v2.u32 {_, _}, [%rd1];",
              "st.global.v2.u32 [%rd1], {_, %r1};", "mov.b64 {_, _}, %rd1;",
              "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {_}, [%r2];", "activemask.b32 _;",
              "bar.red.popc.u32 _, 0, %p1;"});
  allLoad({"setp.eq.u32 _, %r1, %r2;", "setp.eq.u32 %p1|_, %r1, %r2;",
           "shfl.sync.up.b32 %r1|_, %r2, 1, 0, -1;", "match.all.sync.b32 _|%p1, %r2, -1;",
           "ld.global.v4.u32 {_, _, _, %r1}, [%rd1];", "atom.global.add.u32 _, [%rd1], 1;",
           "mov.b64 {%r1, _}, %rd1;"});
}

EMULATOR_TEST(operandsOfAddresses) {
  allRefused({"ld.global.u32 %r1, [%f1+16];", "ld.shared.u32 %r1, [%fd2];", "ld.global.u32 %r1, [%r2];",
              "ld.u32 %r1, [%u2];", "atom.global.add.u32 %r1, [%r1], 1;", "ld.shared.u32 %r1, [8];",
              "ld.global.u32 %r1, [0];", "ld.global.u32 %r1, [%rd1-4];", "ld.shared.u32 %r1, [s-4];",
              "mov.u32 %r1, s-4;"});
  allLoad({"ld.shared.u32 %r1, [%s2];", "ld.shared.u32 %r1, [%ud2];", "ld.global.u32 %r1, [%rd1+-4];",
           "ld.shared.u32 %r1, [s+4+4];", "ld.local.u32 %r1, [8];"});
}

EMULATOR_TEST(namesOfDeclarations) {
  allRefused({".reg .b32 .version;", ".reg .b32 a.b;", ".reg .b32 _;", ".reg .b32 %;", ".reg .b32 %a%b;",
              ".reg .b32 WARP_SZ;", ".reg .bf16 a;", ".shared .b8 .version[4];",
              ".shared .b8 ld.param.u64[4];", ".shared .b8 %tid.x[4];", ".shared .b8 z%[4];",
              ".shared .align 4294967296 .b8 z[4];"});
  allLoad({".reg .b32 a$b;", ".reg .b32 _a;", ".reg .b32 mov;", ".shared .b8 $z[4];", ".shared .b8 %z[4];",
           ".shared .align 256 .b8 z[4];"});
}

EMULATOR_TEST(targets) {
  auto module = [](const std::string& target) {
    return ".version 9.0\n.target " + target + "\n.address_size 64\n.visible .entry test()\n{\nret;\n}\n";
  };
  for (const char* target : {"sm_380", "sm_00", "sm_82", "sm_70", "sm_080", "80"})
    refused(module(target), {"PTX line 2", "unknown .target"});
  expect(messageOf(module("sm_75").c_str()) == "it loaded", "an older target");
}

// Its result is 1.0 for comparisons of every type but the 16-bit floats.
EMULATOR_TEST(comparisonsOfHalvesGiveIntegers) {
  allRefused({"set.eq.f32.f16 %f1, %rs1, %rs2;", "set.eq.f32.bf16 %f1, %rs1, %rs2;"});
  allLoad({"set.eq.u32.f16 %r1, %rs1, %rs2;", "set.eq.f32.u16 %f1, %rs1, %rs2;"});
}

}  // namespace
}  // namespace emulator::tests
