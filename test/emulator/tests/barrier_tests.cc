// Barriers of a part of a block: they let go just as many threads as they count to, and order just those.
#include "tests/planted.h"

namespace emulator::tests {
namespace {

// %r23 is the word of the thread's counterpart in the other warp of a pair, %r24 in the other pair; %p1 to
// %p4 are true for a warp each.
const std::string kParts =
    "xor.b32 %r23, %r22, 128;\nxor.b32 %r24, %r22, 256;\nshr.u32 %r10, %r1, 5;\nsetp.eq.u32 %p1, %r10, "
    "0;\nsetp.eq.u32 %p2, %r10, 1;\nsetp.eq.u32 %p3, %r10, 2;\nsetp.eq.u32 %p4, %r10, 3;\n";
const std::string kWrite = "st.shared.u32 [%r22], %r1;\n", kReadPair = "ld.shared.u32 %r5, [%r23];\n",
                  kWritePair = "st.shared.u32 [%r23], %r1;\n";

// Each warp is complete alone.
EMULATOR_TEST(barrierCountsOfOneWarp) {
  planted(719, "shared race: read after a write by thread 0 ",
          kParts + kWrite + "bar.sync 0, 32;\n@%p2 " + kReadPair);
  planted(719, "shared race: write after a write by thread 32 ",
          kParts + kWrite + "bar.sync 3, 32;\n" + kWritePair);
  clean(kParts + kWrite + "bar.sync 0, 32;\nld.shared.u32 %r5, [%r22];");
  clean(kParts + kWrite + "bar.sync 0, 64;\n" + kReadPair);
}

// Four warps at a barrier of two go on in pairs, in the order in which they came.
EMULATOR_TEST(barriersTakeThoseWhoCameFirst) {
  const std::vector<u32> words(128, 1);
  // Shared memory has 64 words: the upper pair has words of its own in global memory.
  const std::string own = "st.global.u32 [%rd3], %r1;\n", barrier = "bar.sync 0, 64;\n";
  const std::string read =
                        "xor.b64 %rd5, %rd2, 128;\nadd.s64 %rd6, %rd1, %rd5;\nld.global.u32 %r5, [%rd6];\n",
                    readFar =
                        "xor.b64 %rd5, %rd2, 256;\nadd.s64 %rd6, %rd1, %rd5;\nld.global.u32 %r5, [%rd6];\n";
  clean(own + barrier + read, 1, 128, words);
  planted(719, "global race: read after a write by thread 64 of this block", own + barrier + readFar, 1, 128,
          words);
  // Warp 2 waits while 0 and 1 meet; when they come again, it goes on with warp 0 and not 0 with 1.
  const std::string again =
      kParts + own + barrier + "@%p3 bra END;\n@%p2 st.global.u32 [%rd3], 5;\n" + barrier;
  planted(702, "deadlock: no warp can move on", again + "END:", 1, 96, words);
  planted(719, "global race: read after a write by thread 32 of this block",
          again + "@%p1 ld.global.u32 %r5, [%rd1+128];\nEND:", 1, 96, words);
}

EMULATOR_TEST(barriersThatDisagree) {
  const std::string parts = kParts + "@%p2 bra OTHER;\n", other = "bra END;\nOTHER:\n", end = "END:";
  planted(719, "a barrier with different counts of threads, 64 and 32",
          parts + "bar.sync 0, 64;\n" + other + "bar.sync 0, 32;\n" + end);
  planted(719, "a barrier with different counts of threads, 0 and 64",
          parts + "bar.sync 0;\n" + other + "bar.sync 0, 64;\n" + end);
  planted(719, "a reduction at a barrier where others do something else",
          parts + "bar.sync 0;\n" + other + "bar.red.popc.u32 %r5, 0, %p1;\n" + end);
  planted(719, "a reduction at a barrier where others do something else",
          parts + "bar.red.and.pred %p5, 0, %p1;\n" + other + "bar.red.or.pred %p5, 0, %p1;\n" + end);
  clean(parts + "bar.red.popc.u32 %r5, 0, %p1;\n" + other + "bar.red.popc.u32 %r6, 0, %p1;\n" + end);
  clean(parts + "bar.sync 0;\n" + other + "bar.sync 0;\n" + end);
  // Of a barrier that is not aligned, threads count, not warps.
  planted(719, "more threads at a barrier than the 32 that it expects",
          "setp.lt.u32 %p1, %r1, 16;\n@%p1 bra ON;\nsetp.lt.u32 %p1, %r1, 32;\n@%p1 bra END;\nON:\n"
          "barrier.sync 1, 32;\nEND:");
}

// Warp 0 produces and goes on, warp 1 waits for it.
EMULATOR_TEST(arrivalsAtBarriers) {
  const std::string consumes = "bra END;\nTAKE:\n", end = "END:";
  const std::string start = kParts + "@%p2 bra TAKE;\n";
  const std::string read = "bar.sync 1, 64;\n" + kReadPair;
  for (const char* arrive : {"bar.arrive 1, 64;\n", "bar.cta.arrive 1, 64;\n", "barrier.arrive 1, 64;\n",
                             "barrier.cta.arrive.aligned 1, 64;\n"}) {
    clean(start + kWrite + arrive + consumes + read + end);
  }
  const std::string arrive = "bar.arrive 1, 64;\n";
  // What it does after it has arrived is not ordered, nor what the other did.
  planted(719, "shared race: read after a write by thread 0 ",
          start + arrive + kWrite + consumes + read + end);
  planted(719, "shared race: read after a write by thread 0 ",
          start + kWrite + arrive + kWrite + consumes + read + end);
  planted(719, "shared race: write after a read by thread 0 ",
          kParts + kWrite + "bar.sync 0;\n@%p2 bra TAKE;\n" + arrive + kReadPair + consumes + kWrite +
              "bar.sync 1, 64;\n" + end);
  // Handing a buffer to and fro.
  clean(start + kWrite + arrive + "bar.sync 2, 64;\n" + kWrite + arrive + consumes + read +
        "bar.arrive 2, 64;\n" + read + end);
  planted(719, "shared race: write after a read by thread 32 ",
          start + kWrite + arrive + "bar.sync 2, 64;\n" + kWrite + arrive + consumes + "bar.sync 1, 64;\n" +
              "bar.arrive 2, 64;\n" + kReadPair + end);
  planted(719, "a second arrival", start + kWrite + arrive + arrive + consumes + read + end);
  planted(719, "a second arrival", start + arrive + "bar.sync 1, 64;\n" + consumes + read + end);
  planted(702, "deadlock", start + consumes + read + end);
  // Reads before and after the arrival: the first are ordered, the others not.
  const std::string fill = kParts + kWrite + "bar.sync 0;\n@%p2 bra TAKE;\n";
  const std::string overwrites = "bar.sync 1, 64;\n" + kWritePair;
  clean(fill + "ld.shared.u32 %r5, [%r22];\n" + arrive + consumes + kReadPair + overwrites + end);
  planted(719, "shared race: write after a read by thread 0 ",
          fill + "ld.shared.u32 %r5, [%r22];\n" + arrive + "ld.shared.u32 %r5, [%r22];\n" + consumes +
              overwrites + end);
}

EMULATOR_TEST(guardedArrivals) {
  planted(719, "divergent barrier", "setp.lt.u32 %p1, %r1, 40;\n@%p1 bar.arrive 1, 64;");
  planted(719, "divergent barrier", "setp.lt.u32 %p1, %r1, 40;\n@%p1 bra ON;\nbar.arrive 1, 64;\nON:");
}

}  // namespace
}  // namespace emulator::tests
