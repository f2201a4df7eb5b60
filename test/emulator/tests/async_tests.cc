// cp.async: what arrives, when, and the bugs that the checker must find.
#include "tests/harness.h"

namespace emulator::tests {
namespace {

const char* const kShared = ".shared .align 16 .b8 s[2048];\n";

// %rd3 and %r22: the 16 bytes of this thread in the source and in shared memory, %rd6: its word of the
// result.
const char* const kStart =
    "ld.param.u64 %rd1, [p0];\nld.param.u64 %rd4, [p1];\nmov.u32 %r1, %tid.x;\nmul.wide.u32 %rd2, %r1, "
    "16;\nadd.s64 %rd3, %rd1, %rd2;\nmul.wide.u32 %rd5, %r1, 4;\nadd.s64 %rd6, %rd4, %rd5;\nmov.u32 %r20, "
    "s;\nshl.b32 %r21, %r1, 4;\nadd.s32 %r22, %r20, %r21;\n";
const std::string kCopy = "cp.async.cg.shared.global [%r22], [%rd3], 16;\n";
const std::string kStore = "st.global.u32 [%rd6], %r5;";

// The source holds 1, 2, 3, ...; every thread stores one word.
std::vector<u32> run(const std::string& body, CUresult wanted = kSuccess, const std::string& words = "",
                     u32 threads = 64) {
  Device device;
  std::vector<u32> numbers(4 * 64);
  for (size_t k = 0; k < numbers.size(); ++k) numbers[k] = static_cast<u32>(k) + 1;
  u64 in = device.upload(numbers), out = device.allocate(4 * 64);
  device.load(wrap(kStart + body, 2, kShared).c_str());
  expectResult(device.launch("test", 1, threads, {&in, &out}), wanted, words + " " + device.report());
  expect(device.report().find(words) != std::string::npos, device.report());
  return wanted ? std::vector<u32>() : device.download<u32>(out, threads);
}

EMULATOR_TEST(asyncCopyArrives) {
  auto all =
      run(kCopy + "cp.async.commit_group;\ncp.async.wait_group 0;\nld.shared.u32 %r5, [%r22+4];\n" + kStore);
  expect(all[0] == 2 && all[63] == 254, "16 bytes");
  auto without = run(kCopy + "cp.async.wait_all;\nld.shared.u32 %r5, [%r22+12];\n" + kStore);
  expect(without[1] == 8, "wait_all needs no group");
  auto small =
      run("cp.async.ca.shared.global.L2::128B [%r22], [%rd3+8], 4;\ncp.async.wait_all;\nld.shared.u32 "
          "%r5, [%r22];\n" +
          kStore);
  expect(small[2] == 11, "4 bytes");
  auto others = run(kCopy +
                    "cp.async.wait_all;\nbar.sync 0;\nxor.b32 %r23, %r22, 512;\nld.shared.u32 %r5, "
                    "[%r23];\n" +
                    kStore);
  expect(others[0] == 129, "another thread reads it behind a barrier");
}

EMULATOR_TEST(asyncCopyFillsWithZeros) {
  const std::string rest =
      "cp.async.wait_all;\nld.shared.v4.u32 {%r5, %r6, %r7, %r8}, [%r22];\nadd.s32 %r5, %r5, "
      "%r6;\nadd.s32 %r5, %r5, %r7;\nadd.s32 %r5, %r5, %r8;\n" +
      kStore;
  expect(run("cp.async.cg.shared.global [%r22], [%rd3], 16, 12;\n" + rest)[0] == 1 + 2 + 3, "12 of 16 bytes");
  // Nothing is read beyond the source size: here not even the last allocation's end.
  auto last =
      run("setp.lt.u32 %p1, %r1, 63;\nselp.b32 %r9, 16, 0, %p1;\ncp.async.cg.shared.global [%r22], "
          "[%rd3+16], 16, %r9;\n" +
          rest);
  expect(last[0] == 5 + 6 + 7 + 8 && last[63] == 0, "a size of 0 reads nothing");
  auto ignored = run("setp.eq.u32 %p1, %r1, 1;\ncp.async.cg.shared.global [%r22], [%rd3], 16, %p1;\n" + rest);
  expect(ignored[0] == 10 && ignored[1] == 0, "an ignored source");
}

EMULATOR_TEST(asyncGroups) {
  const std::string two =
      "cp.async.ca.shared.global [%r22], [%rd3], 8;\ncp.async.commit_group;\n"
      "cp.async.ca.shared.global [%r22+8], [%rd3+8], 8;\ncp.async.commit_group;\n";
  expect(run(two + "cp.async.wait_group 1;\nld.shared.u32 %r5, [%r22];\n" + kStore)[0] == 1,
         "the older group");
  run(two + "cp.async.wait_group 1;\nld.shared.u32 %r5, [%r22+8];\n" + kStore, 719,
      "asynchronous copy still fills");
  run(two + "cp.async.wait_group 2;\nld.shared.u32 %r5, [%r22];\n" + kStore, 719,
      "asynchronous copy still fills");
  run(kCopy + "cp.async.wait_group 0;\nld.shared.u32 %r5, [%r22];\n" + kStore, 719,
      "asynchronous copy still fills");
  // An empty group counts.
  expect(run(kCopy +
             "cp.async.commit_group;\ncp.async.commit_group;\ncp.async.wait_group 1;\nld.shared.u32 %r5, "
             "[%r22];\n" +
             kStore)[0] == 1,
         "an empty group");
}

EMULATOR_TEST(asyncRaces) {
  run(kCopy + "bar.sync 0;\nld.shared.u32 %r5, [%r22];\n" + kStore, 719, "asynchronous copy still fills");
  // The wait is the thread's own: others need a barrier behind it.
  run(kCopy +
          "bar.sync 0;\ncp.async.wait_all;\nxor.b32 %r23, %r22, 512;\nsetp.ge.u32 %p1, %r1, 32;\nmov.u32 "
          "%r5, 0;\n@%p1 ld.shared.u32 %r5, [%r23];\n" +
          kStore,
      719, "shared race: read after a write");
  // Warp 1 begins to overwrite what warp 0 has read since the barrier.
  run(kCopy +
          "cp.async.wait_all;\nbar.sync 0;\nsetp.ge.u32 %p1, %r1, 32;\nxor.b32 %r23, %r22, 512;\nmov.u32 "
          "%r5, "
          "0;\n@!%p1 ld.shared.u32 %r5, [%r23];\n@%p1 " +
          kCopy + kStore,
      719, "shared race: write after a read");
  run("cp.async.cg.shared.global [%r22], [%rd3+16], 16;\n", 700, "out of bounds");
  run("cp.async.cg.shared.global [%r22], [%rd3+8], 16;\n", 716, "misaligned", 32);
}

// Between its start and the wait, whether by the thread itself or, with barriers around, by another.
EMULATOR_TEST(asyncDestinationsInFlight) {
  const std::string fills = "write to shared memory that an asynchronous copy still fills";
  const std::string wait = "cp.async.wait_all;\n", barrier = "bar.sync 0;\n",
                    other = "xor.b32 %r23, %r22, 512;\n", store = "mov.u32 %r5, 0;\n" + kStore;
  run(kCopy + "st.shared.u32 [%r22+12], %r1;\n" + wait + store, 719, fills);
  run(kCopy + "atom.shared.add.u32 %r6, [%r22], 1;\n" + wait + store, 719, fills);
  run(kCopy + barrier + other + "st.shared.u32 [%r23], %r1;\n" + barrier + wait + store, 719, fills);
  run(kCopy + "cp.async.cg.shared.global [%r22], [%rd1], 16;\n" + wait + store, 719, fills);
  run(kCopy + "cp.async.commit_group;\ncp.async.ca.shared.global [%r22+8], [%rd1], 4;\n" + wait + store, 719,
      fills);
  // One lane of many, and a group that is not waited for yet.
  run(kCopy + "setp.eq.u32 %p1, %r1, 40;\n@%p1 st.shared.u32 [%r22], %r1;\n" + wait + store, 719, fills);
  run(kCopy + "cp.async.commit_group;\ncp.async.wait_group 1;\nst.shared.u32 [%r22], %r1;\n" + store, 719,
      fills);
  run(kCopy + wait + "st.shared.u32 [%r22], %r1;\n" + store);
  run(kCopy + "st.shared.u32 [%r22+1024], %r1;\n" + wait + kCopy + wait + store);
  run(kCopy + wait + barrier + other + "st.shared.u32 [%r23], %r1;\n" + barrier + kCopy + wait + store);
}

EMULATOR_TEST(asyncSourcesBeingRead) {
  const std::string reads = "write to global memory that an asynchronous copy still reads";
  const std::string wait = "cp.async.wait_all;\n", barrier = "bar.sync 0;\n",
                    store = "mov.u32 %r5, 0;\n" + kStore;
  const std::string write = "st.global.u32 [%rd3+12], %r1;\n";
  const std::string other = "xor.b64 %rd7, %rd2, 512;\nadd.s64 %rd8, %rd1, %rd7;\n";
  run(kCopy + write + wait + store, 719, reads);
  run(kCopy + "red.global.add.u32 [%rd3], 1;\n" + wait + store, 719, reads);
  run(kCopy + barrier + other + "st.global.u32 [%rd8], %r1;\n" + barrier + wait + store, 719, reads);
  run(kCopy + wait + write + store);
  // Only 8 of the 16 bytes are read.
  const std::string half = "cp.async.cg.shared.global [%r22], [%rd3], 16, 8;\n";
  run(half + write + wait + store);
  run(half + "st.global.u32 [%rd3+4], %r1;\n" + wait + store, 719, reads);
}

}  // namespace
}  // namespace emulator::tests
