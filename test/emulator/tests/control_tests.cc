// Control flow, calls, and every form of a barrier, a fence and a reduction over a warp.
#include "tests/harness.h"

namespace emulator::tests {
namespace {

// Every thread stores %r10 at p0[thread].
std::vector<u32> perThread(const std::string& body, u32 threads, const std::string& globals = "",
                           CUresult wanted = kSuccess) {
  Device device;
  device.load(wrap("ld.param.u64 %rd1, [p0];\nmov.u32 %r1, %tid.x;\nmul.wide.u32 %rd2, %r1, 4;\nadd.s64 "
                   "%rd3, %rd1, %rd2;\nmov.u32 %r2, %laneid;\nmov.u32 %r10, 0;\n" +
                       body + "\nst.global.u32 [%rd3], %r10;",
                   1, globals)
                  .c_str());
  u64 out = device.upload(std::vector<u32>(threads, 77));
  expectResult(device.launch("test", 1, threads, {&out}), wanted, body + device.report());
  return wanted ? std::vector<u32>() : device.download<u32>(out, threads);
}

EMULATOR_TEST(formsOfBarriers) {
  const std::pair<std::string, std::string> forms[] = {
      {"bar", ""},     {"bar.cta", ""},    {"barrier", ".aligned"}, {"barrier.cta", ".aligned"},
      {"barrier", ""}, {"barrier.cta", ""}};
  for (const auto& [name, aligned] : forms) {
    const std::string red = name + ".red.", less = "setp.lt.u32 %p1, %r1, 50;\nsetp.lt.u32 %p2, %r1, 64;\n";
    auto sum = perThread(
        less + name + ".sync" + aligned + " 0;\n" + red + "popc" + aligned + ".u32 %r10, 0, %p1;", 64);
    expect(sum[0] == 50 && sum[63] == 50, name + aligned + ": popc");
    auto all = perThread(
        less + red + "and" + aligned + ".pred %p3, 0, %p1;\n" + red + "and" + aligned +
            ".pred %p4, 0, %p2;\n" + red + "or" + aligned + ".pred %p5, 0, %p1;\n" + red + "or" + aligned +
            ".pred %p6, 0, !%p2;\nselp.u32 %r10, 1, 0, %p3;\n@%p4 add.u32 %r10, %r10, 2;\n@%p5 "
            "add.u32 %r10, %r10, 4;\n@%p6 add.u32 %r10, %r10, 8;",
        64);
    expect(all[0] == 6 && all[63] == 6, name + aligned + ": and, or");
    auto handed = perThread(
        "mov.u32 %r4, s;\nshl.b32 %r5, %r2, 2;\nadd.u32 %r4, %r4, %r5;\nsetp.lt.u32 %p1, %r1, 32;\n@%p1 bra "
        "READ;\nst.shared.u32 [%r4], %r1;\n" +
            name + ".arrive" + aligned + " 1, 64;\nbra END;\nREAD:\n" + name + ".sync" + aligned +
            " 1, 64;\nld.shared.u32 %r10, [%r4];\nEND:",
        64, ".shared .align 4 .b8 s[128];\n");
    expect(handed[0] == 32 && handed[31] == 63, name + aligned + ": arrive");
  }
}

EMULATOR_TEST(formsOfFences) {
  for (const char* fence :
       {"membar.cta", "membar.gl", "membar.sys", "fence.sc.cta", "fence.sc.gpu", "fence.sc.sys",
        "fence.acq_rel.cta", "fence.acq_rel.gpu", "fence.acq_rel.sys", "nanosleep.u32 100"})
    expect(perThread(std::string("mov.u32 %r10, 3;\n") + fence + ";", 32)[31] == 3, fence);
}

EMULATOR_TEST(reductionsOfWarps) {
  auto reduce = [](const char* opcode, const char* value) {
    return perThread(std::string(value) + "\nredux.sync." + opcode + " %r10, %r3, -1;", 32)[7];
  };
  const char *lane = "mov.u32 %r3, %r2;", *minus = "sub.u32 %r3, 5, %r2;",
             *bit = "and.b32 %r4, %r2, 3;\nshl.b32 %r3, 1, %r4;";
  expect(reduce("add.u32", lane) == 496 && reduce("add.s32", minus) == 160u - 496u, "add");
  expect(reduce("min.u32", minus) == 0 && reduce("max.u32", minus) == 0xffffffff, "unsigned");
  expect(reduce("min.s32", minus) == 0xffffffe6 && reduce("max.s32", minus) == 5, "signed");
  expect(reduce("and.b32", bit) == 0 && reduce("or.b32", bit) == 15 && reduce("xor.b32", bit) == 0, "bits");
}

EMULATOR_TEST(callsAndReturns) {
  const std::string function =
      ".func (.param .b32 o) f(.param .b32 i)\n{\n.reg .b32 %a;\n.reg .pred %q;\nld.param.u32 %a, "
      "[i];\nadd.u32 %a, %a, "
      "5;\nst.param.b32 [o], %a;\nsetp.lt.u32 %q, %a, 20;\n@%q ret;\nadd.u32 %a, %a, 100;\nst.param.b32 [o], "
      "%a;\nret.uni;\n}\n";
  for (const std::string call : {"call", "call.uni"}) {
    auto out = perThread("{\n.param .b32 pi;\n.param .b32 po;\nst.param.b32 [pi], %r2;\n" + call +
                             " (po), f, (pi);\nld.param.b32 %r10, [po];\n}",
                         32, function);
    expect(out[0] == 5 && out[14] == 19 && out[15] == 120, call);
  }
  auto exits = perThread("setp.lt.u32 %p1, %r2, 9;\n@%p1 exit;\nmov.u32 %r10, 4;", 32);
  expect(exits[8] == 77 && exits[9] == 4, "exit of some lanes");
  perThread("setp.eq.u32 %p1, %r2, 9;\n@%p1 trap;", 32, "", 719);
}

EMULATOR_TEST(uniformBranches) {
  auto out = perThread("bra.uni X;\nmov.u32 %r10, 1;\nX:\nadd.u32 %r10, %r10, 2;", 32);
  expect(out[0] == 2, "bra.uni");
  auto indexed = perThread(
      "T: .branchtargets A, B;\nmov.u32 %r3, 1;\nbrx.idx.uni %r3, T;\nA:\nadd.u32 %r10, %r10, 1;\nB:\n"
      "add.u32 %r10, %r10, 2;",
      32);
  expect(indexed[31] == 2, "brx.idx.uni");
}

}  // namespace
}  // namespace emulator::tests
