// Instructions across the lanes of a warp, divergence, barriers and calls.
#include "tests/harness.h"

namespace emulator::tests {
namespace {

// Every thread stores %r10 at p0[thread].
std::vector<u32> perThread(const std::string& body, u32 threads, CUresult wanted = kSuccess,
                           std::string* report = nullptr) {
  Device device;
  device.load(wrap("ld.param.u64 %rd1, [p0];\nmov.u32 %r1, %tid.x;\nmul.wide.u32 %rd2, %r1, 4;\nadd.s64 "
                   "%rd3, %rd1, %rd2;\nmov.u32 %r2, %laneid;\n" +
                       body + "\nst.global.u32 [%rd3], %r10;",
                   1)
                  .c_str());
  u64 out = device.allocate(threads * 4);
  expectResult(device.launch("test", 1, threads, {&out}), wanted, "launch " + device.report());
  if (report) *report = device.report();
  return wanted ? std::vector<u32>() : device.download<u32>(out, threads);
}

EMULATOR_TEST(shuffles) {
  auto up = perThread("shfl.sync.up.b32 %r10|%p1, %r2, 1, 0, -1;\n@!%p1 add.s32 %r10, %r10, 100;", 32);
  expect(up[0] == 100 && up[1] == 0 && up[31] == 30, "up: lane 0 is out of range and keeps its own");
  auto down = perThread("shfl.sync.down.b32 %r10|%p1, %r2, 3, 31, -1;\n@!%p1 add.s32 %r10, %r10, 100;", 32);
  expect(down[0] == 3 && down[28] == 31 && down[29] == 129, "down");
  auto segment = perThread("shfl.sync.down.b32 %r10, %r2, 1, 0x181f, -1;", 32);
  expect(segment[7] == 7 && segment[6] == 7 && segment[8] == 9, "down within segments of 8");
  auto fly = perThread("shfl.sync.bfly.b32 %r10, %r2, 5, 31, -1;", 32);
  expect(fly[0] == 5 && fly[31] == 26, "butterfly");
  auto index = perThread("shfl.sync.idx.b32 %r10, %r2, 35, 31, -1;", 32);
  expect(index[9] == 3, "index counts modulo 32");
}

EMULATOR_TEST(partialWarps) {
  auto ballot = perThread("setp.gt.u32 %p1, %r2, 3;\nvote.sync.ballot.b32 %r10, %p1, -1;", 45);
  expect(ballot[0] == 0xfffffff0 && ballot[44] == 0x1ff0, "ballot of 13 lanes");
  auto active = perThread("activemask.b32 %r10;", 35);
  expect(active[0] == 0xffffffff && active[34] == 7, "active mask");
  std::string report;
  perThread("shfl.sync.down.b32 %r10, %r2, 8, 31, -1;", 45, 719, &report);
  expect(report.find("lane that does not take part") != std::string::npos,
         "a shuffle from a lane that is not there: " + report);
}

EMULATOR_TEST(shufflesOutOfRange) {
  // A lane whose source is out of range keeps its own value, and its predicate is false.
  const std::string mark = "@!%p1 add.s32 %r10, %r10, 100;";
  auto far = perThread("shfl.sync.down.b32 %r10|%p1, %r2, 31, 31, -1;\n" + mark, 32);
  expect(far[0] == 31 && far[1] == 101 && far[31] == 131, "down by 31");
  auto modulo = perThread("shfl.sync.down.b32 %r10|%p1, %r2, 33, 31, -1;\n" + mark, 32);
  expect(modulo[0] == 1 && modulo[31] == 131, "only five bits of the distance count");
  auto up = perThread("shfl.sync.up.b32 %r10|%p1, %r2, 2, 0x1800, -1;\n" + mark, 32);
  expect(up[7] == 5 && up[8] == 108 && up[9] == 109 && up[10] == 8, "up within segments of 8");
  auto fly = perThread("shfl.sync.bfly.b32 %r10|%p1, %r2, 8, 0x181f, -1;\n" + mark, 32);
  expect(fly[0] == 100 && fly[8] == 0, "a butterfly reaches lower segments, not higher ones");
  auto clamped = perThread("shfl.sync.idx.b32 %r10|%p1, %r2, 20, 15, -1;\n" + mark, 32);
  expect(clamped[0] == 100 && clamped[31] == 131, "an index beyond the clamp");
  auto index = perThread("shfl.sync.idx.b32 %r10|%p1, %r2, 9, 0x181f, -1;\n" + mark, 32);
  expect(index[0] == 1 && index[31] == 25, "an index within segments of 8");
}

EMULATOR_TEST(partialWarpsTogether) {
  auto sum = perThread("bar.sync 0;\nactivemask.b32 %r3;\nredux.sync.add.u32 %r10, %r2, %r3;", 45);
  expect(sum[0] == 496 && sum[32] == 78 && sum[44] == 78, "a reduction of 13 lanes");
  auto match = perThread("and.b32 %r3, %r2, 7;\nmatch.any.sync.b32 %r10, %r3, -1;", 45);
  expect(match[32] == 0x101 && match[39] == 0x80, "match among 13 lanes");
  auto all =
      perThread("setp.lt.u32 %p1, %r2, 13;\nvote.sync.all.pred %p2, %p1, -1;\nselp.u32 %r10, 1, 0, %p2;", 45);
  expect(all[0] == 0 && all[44] == 1, "a vote of all that are there");
  auto count = perThread("setp.ne.u32 %p1, %r1, 44;\nbar.red.popc.u32 %r10, 0, %p1;", 45);
  expect(count[0] == 44, "a barrier counts threads, not lanes");
}

EMULATOR_TEST(indexedBranches) {
  const std::string body =
      "and.b32 %r3, %r2, 3;\nTARGETS: .branchtargets A, B, C, A;\nmov.u32 %r4, 9;\nsetp.lt.u32 %p1, %r2, "
      "30;\n"
      "@%p1 brx.idx %r3, TARGETS;\nbra END;\nA:\nmov.u32 %r4, 1;\nbra END;\nB:\nmov.u32 %r4, 2;\nbra END;\n"
      "C:\nmov.u32 %r4, 3;\nEND:\nactivemask.b32 %r5;\nnot.b32 %r5, %r5;\nadd.s32 %r10, %r4, %r5;";
  auto out = perThread(body, 32);
  expect(out[0] == 1 && out[1] == 2 && out[2] == 3 && out[3] == 1 && out[31] == 9,
         "each lane to its own target");
  std::string report;
  perThread("TARGETS: .branchtargets A;\nbrx.idx %r2, TARGETS;\nA:\nmov.u32 %r10, 0;", 32, 719, &report);
  expect(report.find("branch index beyond the list") != std::string::npos, report);
}

// Registers share places when they are not needed at the same time: not while another lane still needs one.
EMULATOR_TEST(registersThatShareAPlace) {
  auto out = perThread(
      "setp.lt.u32 %p1, %r2, 16;\nmov.u32 %r3, 7;\n@%p1 bra LOW;\nadd.s32 %r4, %r2, 1000;\nadd.s32 %r5, %r4, "
      "%r3;\nmov.u32 %r10, %r5;\nbra END;\nLOW:\nadd.s32 %r6, %r2, 2000;\nadd.s32 %r7, %r6, %r3;\nmov.u32 "
      "%r10, %r7;\nEND:\n@%p1 add.s32 %r10, %r10, 1;",
      32);
  expect(out[0] == 2008 && out[15] == 2023 && out[16] == 1023 && out[31] == 1038, "both sides of a branch");
  auto guarded = perThread(
      "mov.u32 %r3, 5;\nsetp.lt.u32 %p1, %r2, 16;\n@%p1 mov.u32 %r3, 6;\nmov.u32 %r4, 1;\nadd.s32 %r10, %r3, "
      "%r4;",
      32);
  expect(guarded[0] == 7 && guarded[31] == 6, "a guarded write leaves the other lanes");
  auto loop = perThread(
      "mov.u32 %r3, 3;\nmov.u32 %r4, 0;\nmov.u32 %r10, 0;\nLOOP:\nadd.s32 %r10, %r10, %r3;\nadd.s32 %r5, "
      "%r4, "
      "1;\nmov.u32 %r4, %r5;\nsetp.lt.u32 %p1, %r4, 4;\n@%p1 bra LOOP;",
      32);
  expect(loop[9] == 12, "what a loop needs again stays");
}

EMULATOR_TEST(votesMatchesReductions) {
  auto all = perThread(
      "setp.lt.u32 %p1, %r2, 32;\nvote.sync.all.pred %p2, %p1, -1;\nvote.sync.any.pred %p3, !%p1, "
      "-1;\nselp.u32 %r10, 1, 0, %p2;\n@%p3 mov.u32 %r10, 7;",
      32);
  expect(all[5] == 1, "all, and any of the negation");
  auto match = perThread("and.b32 %r3, %r2, 3;\nmatch.any.sync.b32 %r10, %r3, -1;", 32);
  expect(match[1] == 0x22222222, "match.any");
  auto wide =
      perThread("cvt.u64.u32 %rd5, %r2;\nshl.b64 %rd5, %rd5, 63;\nmatch.any.sync.b64 %r10, %rd5, -1;", 32);
  expect(wide[0] == 0x55555555 && wide[1] == 0xaaaaaaaa, "match.any of 64 bits");
  const struct { const char *type, *reg; } widths[] = {{"b32", "%r7"}, {"b64", "%rd7"}};
  for (auto [type, reg] : widths) {
    const std::string move = std::string("mov.") + type + " " + reg + ", ";
    const std::string same =
        std::string("match.all.sync.") + type + " %r10|%p1, " + reg + ", -1;\n@%p1 sub.u32 %r10, %r10, 1;";
    auto equal = perThread(move + "5;\n" + same, 32);
    expect(equal[0] == 0xfffffffe && equal[31] == 0xfffffffe, "match.all: all lanes, and the predicate");
    auto other = perThread(move + "5;\nsetp.eq.u32 %p2, %r2, 9;\n@%p2 " + move + "6;\n" + same, 32);
    expect(other[0] == 0 && other[9] == 0, "match.all: no lane, no predicate");
  }
  auto uniform = perThread(
      "setp.lt.u32 %p1, %r2, 32;\nvote.sync.uni.pred %p2, %p1, -1;\nvote.sync.uni.pred %p3, !%p1, "
      "-1;\nsetp.lt.u32 "
      "%p4, %r2, 9;\nvote.sync.uni.pred %p5, %p4, -1;\nselp.u32 %r10, 1, 0, %p2;\n@%p3 add.u32 %r10, %r10, "
      "2;\n@%p5 "
      "add.u32 %r10, %r10, 4;",
      32);
  expect(uniform[0] == 3 && uniform[31] == 3, "uni: all the same, whether true or false");
  auto sum = perThread("redux.sync.add.u32 %r10, %r2, -1;", 32);
  expect(sum[0] == 496, "redux.add");
  auto low = perThread("neg.s32 %r3, %r2;\nredux.sync.min.s32 %r10, %r3, -1;", 32);
  expect(low[0] == 0xffffffe1, "redux.min");
}

EMULATOR_TEST(divergenceMeetsAgain) {
  auto out = perThread(
      "and.b32 %r3, %r2, 1;\nsetp.eq.u32 %p1, %r3, 0;\nmov.u32 %r4, 0;\n@%p1 bra EVEN;\nmov.u32 %r4, 1;\nbra "
      "JOIN;\n"
      "EVEN:\nmov.u32 %r4, 2;\nJOIN:\nactivemask.b32 %r5;\nadd.s32 %r10, %r5, %r4;",
      32);
  expect(out[0] == 1 && out[1] == 0, "all lanes are active behind the branch");
  auto loop = perThread(
      "mov.u32 %r10, 0;\nLOOP:\nadd.s32 %r10, %r10, 1;\nsetp.lt.u32 %p1, %r10, %r2;\n@%p1 bra LOOP;", 32);
  expect(loop[0] == 1 && loop[31] == 31, "a loop of different lengths");
}

EMULATOR_TEST(barriersReduce) {
  auto count = perThread("setp.lt.u32 %p1, %r1, 50;\nbar.red.popc.u32 %r10, 0, %p1;", 64);
  expect(count[63] == 50, "popc over the block");
  auto any =
      perThread("setp.eq.u32 %p1, %r1, 50;\nbar.red.or.pred %p2, 0, %p1;\nselp.u32 %r10, 1, 0, %p2;", 64);
  expect(any[0] == 1, "or over the block");
}

EMULATOR_TEST(unknownThingsAreLoud) {
  struct {
    const char *body, *text;
  } const cases[] = {{"frobnicate.u32 %r1, %r2;", "unknown instruction"},
                     {"add.u33 %r1, %r2, %r3;", "unknown instruction"},
                     {"ld.global.zz.u32 %r1, [%rd1];", "unknown modifier .zz"},
                     {"mov.u32 %r1, nowhere;", "unknown symbol nowhere"},
                     {"add.s32 %r1, %r2, %rd3;", "must have 32 bits"},
                     {"mov.u32 %r1, %nosuch;", "unknown special register"},
                     {"bra NOWHERE;", "unknown label"},
                     {"add.s32 %r1, %r2, %r3 };", "expected"}};
  for (const auto& each : cases) {
    bool loud = false;
    try {
      Device device;
      device.load(wrap(each.body, 1).c_str());
    } catch (const std::exception&) {
      loud = true;
    }
    expect(loud, std::string("accepted: ") + each.body);
  }
}

}  // namespace
}  // namespace emulator::tests
