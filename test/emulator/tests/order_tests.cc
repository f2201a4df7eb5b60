// What orders accesses and what does not: planted races on global memory, within a block and between blocks,
// and their correct counterparts.
#include "tests/planted.h"

namespace emulator::tests {
namespace {

// Of the kernels here: %rd3 is the thread's own word of p0, %rd5 its neighbour's in the other warp, %rd6 its
// neighbour's in its own.
const std::string kNeighbours =
    "xor.b64 %rd4, %rd2, 128;\nadd.s64 %rd5, %rd1, %rd4;\nxor.b64 %rd4, %rd2, 4;\nadd.s64 %rd6, %rd1, "
    "%rd4;\n";
const std::string kWrite = "st.global.u32 [%rd3], %r1;\n", kRead = "ld.global.u32 %r5, [%rd3];\n",
                  kWriteFar = "st.global.u32 [%rd5], %r1;\n", kReadFar = "ld.global.u32 %r5, [%rd5];\n",
                  kWriteNear = "st.global.u32 [%rd6], %r1;\n", kReadNear = "ld.global.u32 %r5, [%rd6];\n",
                  kBarrier = "bar.sync 0;\n", kWarpBarrier = "bar.warp.sync -1;\n";

EMULATOR_TEST(globalRacesOfTwoWarps) {
  planted(719, "global race: write after a write by thread 0 of this block",
          kNeighbours + kWrite + kWriteFar);
  planted(719, "global race: read after a write by thread 0 of this block",
          kNeighbours + "setp.lt.u32 %p1, %r1, 32;\n@%p1 " + kWrite + "@!%p1 " + kReadFar);
  planted(719, "global race: write after a read by thread 0 of this block",
          kNeighbours + "setp.lt.u32 %p1, %r1, 32;\n@%p1 " + kRead + "@!%p1 " + kWriteFar);
  clean(kNeighbours + kWrite + kBarrier + kWriteFar + kBarrier + kReadFar + kBarrier + kWrite);
  // A barrier of the warp is not enough.
  planted(719, "global race", kNeighbours + kWrite + kWarpBarrier + kReadFar);
  // The same in several blocks, each with words of its own.
  const std::string apart =
      "shl.b32 %r30, %r2, 8;\ncvt.u64.u32 %rd30, %r30;\nadd.s64 %rd1, %rd1, "
      "%rd30;\nadd.s64 %rd3, %rd3, %rd30;\n";
  const std::vector<u32> words(128, 1);
  planted(719, "of this block", apart + kNeighbours + kWrite + kReadFar, 2, 64, words);
  clean(apart + kNeighbours + kWrite + kBarrier + kReadFar, 2, 64, words);
}

EMULATOR_TEST(globalRacesOfTwoLanes) {
  planted(719, "global race: write after a write", kNeighbours + kWrite + kWriteNear, 1, 32);
  planted(719, "global race: read after a write by thread 1 of this block", kNeighbours + kWrite + kReadNear,
          1, 32);
  planted(719, "global race: write after a read by thread 1 of this block", kNeighbours + kRead + kWriteNear,
          1, 32);
  clean(kNeighbours + kWrite + kWarpBarrier + kReadNear + kWarpBarrier + kWriteNear, 1, 32);
  // Within one instruction; and a thread on its own.
  planted(719, "another thread of its warp at once", "st.global.u32 [%rd1], %r1;", 1, 2);
  planted(719, "global race: write after a write",
          "and.b32 %r6, %r1, 1;\nmul.wide.u32 %rd4, %r6, 4;\nadd.s64 %rd5, "
          "%rd1, %rd4;\nst.global.u32 [%rd5], %r1;",
          1, 4);
  clean(kWrite + kRead + kWrite, 1, 32);
}

// All read one word and then one thread, whichever, writes it.
EMULATOR_TEST(globalBroadcastRaces) {
  for (const char* writer : {"0", "9", "31", "40", "63"}) {
    const std::string write = std::string("setp.eq.u32 %p1, %r1, ") + writer +
                              ";\n@%p1 st.global.u32 [%rd1], %r1;\n",
                      read = "ld.global.u32 %r5, [%rd1];\n";
    planted(719, "global race: write after a read", read + write);
    planted(719, "global race", write + read);  // a warp runs as a whole, so the other may read first
    clean(read + kBarrier + write + kBarrier + read);
  }
}

// The reader of what it wrote itself, but together with the other lanes.
EMULATOR_TEST(globalBroadcastOfOnesOwn) {
  const std::string write = "setp.eq.u32 %p1, %r1, 0;\n@%p1 st.global.u32 [%rd1], %r1;\n";
  planted(719, "global race: read after a write by thread 0", write + "ld.global.u32 %r5, [%rd1];\n", 1, 32);
}

// Vectors: lanes lie otherwise along a line than those of scalars.
EMULATOR_TEST(globalRacesOfVectors) {
  const std::string wide = "shl.b64 %rd7, %rd2, 2;\nadd.s64 %rd8, %rd1, %rd7;\n";
  const std::string writeWide = "st.global.v4.u32 [%rd8], {%r1, %r1, %r1, %r1};\n";
  const std::string readWide = "ld.global.v4.u32 {%r5, %r6, %r7, %r8}, [%rd8];\n";
  planted(719, "global race: read after a write by thread 1 of this block", wide + kWrite + readWide, 1, 16);
  planted(719, "global race: write after a write", wide + writeWide + kWrite, 1, 16);
  planted(719, "global race: write after a read", wide + readWide + kWrite, 1, 16);
  clean(wide + writeWide + readWide + kWarpBarrier + kWrite + kWarpBarrier + readWide, 1, 16);
  // Thread 0 alone touches word 0 in both shapes.
  clean(wide + readWide + "setp.ne.u32 %p1, %r1, 0;\n@%p1 bra END;\nst.global.u32 [%rd3], %r1;\nEND:", 1, 16);
}

EMULATOR_TEST(globalAtomicsInABlock) {
  clean("red.global.add.u32 [%rd1], 1;");
  clean("red.global.add.u32 [%rd1], 1;\nbar.sync 0;\nld.global.u32 %r5, [%rd1];");
  planted(719, "global race: read after a write by an atomic of thread",
          "red.global.add.u32 [%rd1], 1;\nld.global.u32 %r5, [%rd1];");
}

// Every reader of shared memory counts, not only the first and the last.
EMULATOR_TEST(sharedReadersBetween) {
  const std::string fill = "st.shared.u32 [%r22], %r1;\nbar.sync 0;\n", read = "ld.shared.u32 %r5, [%r20];\n";
  auto by = [](const std::string& thread, const std::string& what) {
    return "setp.eq.u32 %p1, %r1, " + thread + ";\n@%p1 " + what;
  };
  const std::string write = "st.shared.u32 [%r20], %r1;\n";
  // Lanes 0, 5, 0 read, and lane 0 writes.
  planted(719, "shared race: write after a read by warp 0",
          fill + by("0", read) + by("5", read) + by("0", read) + by("0", write), 1, 32);
  clean(fill + by("0", read) + by("0", read) + by("0", write), 1, 32);
  // Warps 0, 1, 2 read; a barrier orders 0 and 2 only; then 0 writes.
  const std::string warp = "shr.u32 %r10, %r1, 5;\nsetp.eq.u32 %p2, %r10, 1;\n";
  const std::string part = "@%p2 bra ON;\nbar.sync 1, 64;\nON:\n";
  const std::string small = "setp.lt.u32 %p3, %r1, 64;\n@%p3 st.shared.u32 [%r22], %r1;\nbar.sync 0;\n";
  planted(719, "shared race: write after a read by warp 1", small + warp + read + part + by("0", write), 1,
          96);
  // Only 0 and 2 read: ordered.
  clean(small + warp + "@!%p2 " + read + part + by("0", write), 1, 96);
  // 1 reads before that barrier, 0 and 2 after it: the granule has times of its own for each warp.
  planted(719, "shared race: write after a read by thread 32",
          small + warp + by("32", read) + part + "@!%p2 " + read +
              "@%p2 bra LATE;\nbar.sync 2, 64;\nLATE:\n" + by("0", write),
          1, 96);
  clean(small + warp + "@!%p2 " + read + part + "@!%p2 " + read + "@%p2 bra LATE;\nbar.sync 2, 64;\nLATE:\n" +
            by("0", write),
        1, 96);
}

// Blocks. Thread 0 of each writes the word of its block; later it reads the word of block 0 of 2.
const std::string kFirst = "setp.ne.u32 %p1, %r1, 0;\n@%p1 bra END;\n";
const std::string kMine = "mul.wide.u32 %rd4, %r2, 4;\nadd.s64 %rd5, %rd1, %rd4;\n";
const std::string kPublish = "st.global.u32 [%rd5], %r2;\nmembar.gl;\n";
const std::string kLast = "setp.ne.u32 %p2, %r5, 1;\n@%p2 bra END;\n";
const std::string kCount = "atom.global.inc.u32 %r5, [%rd1+128], 1000;\n" + kLast;
const std::string kReadAll = "ld.global.u32 %r6, [%rd1];\nld.global.u32 %r7, [%rd1+4];\n";
const std::string kFence = "membar.gl;\n", kEnd = "END:";

// p0 + 128 counts from 0.
void ofBlocks(bool good, const std::string& body, u32 grid = 2, u32 block = 64) {
  std::vector<u32> words(64, 0);
  if (good) {
    clean(body, grid, block, words);
  } else {
    planted(719, "global race", body, grid, block, words);
  }
}

EMULATOR_TEST(blocksAreOrderedPerAddress) {
  ofBlocks(true, kFirst + kMine + kPublish + kCount + kFence + kReadAll + kEnd);
  // Each fences and counts, but at an address of its own: p0 + 128 and p0 + 132.
  const std::string apart = "add.s64 %rd9, %rd5, 128;\natom.global.inc.u32 %r5, [%rd9], 1000;\n";
  ofBlocks(false, kFirst + kMine + kPublish + apart + kFence + kReadAll + kEnd);
  // No fence before, or none after.
  ofBlocks(false, kFirst + kMine + "st.global.u32 [%rd5], %r2;\n" + kCount + kFence + kReadAll + kEnd);
  ofBlocks(false, kFirst + kMine + kPublish + kCount + kReadAll + kEnd);
  // Orders in the atomic itself.
  ofBlocks(true, kFirst + kMine +
                     "st.global.u32 [%rd5], %r2;\natom.acq_rel.gpu.global.inc.u32 %r5, [%rd1+128], 1000;\n" +
                     kLast + kReadAll + kEnd);
  ofBlocks(false, kFirst + kMine +
                      "st.global.u32 [%rd5], %r2;\natom.relaxed.gpu.global.inc.u32 %r5, [%rd1+128], 1000;\n" +
                      kLast + kReadAll + kEnd);
  ofBlocks(false, kFirst + kMine +
                      "st.global.u32 [%rd5], %r2;\natom.acq_rel.cta.global.inc.u32 %r5, [%rd1+128], 1000;\n" +
                      kLast + kReadAll + kEnd);
}

// The first 16 threads of block b write the words from 16 b on.
const std::string kWords =
    "shl.b32 %r30, %r2, 6;\nadd.s32 %r31, %r30, %r1;\nand.b32 %r31, %r31, 31;\n"
    "mul.wide.u32 %rd4, %r31, 4;\nadd.s64 %rd5, %rd1, %rd4;\nsetp.ge.u32 %p5, %r1, 16;\n"
    "shl.b32 %r32, %r2, 4;\nadd.s32 %r32, %r32, %r1;\nmul.wide.u32 %rd4, %r32, 4;\n"
    "add.s64 %rd5, %rd1, %rd4;\n@!%p5 st.global.u32 [%rd5], %r1;\n";

// Every thread writes, one counts for its block: a barrier has to stand between.
EMULATOR_TEST(blocksPublishWhatTheirThreadsWrote) {
  const std::string count = kFirst + kFence + kCount + kFence +
                            "ld.global.u32 %r6, [%rd1+16];\nld.global.u32 %r7, [%rd1+96];\n" + kEnd;
  ofBlocks(true, kWords + kBarrier + count);
  ofBlocks(false, kWords + count);
  // All fence, then meet, then one counts: as good.
  ofBlocks(true,
           kWords + kFence + kBarrier + kFirst + kCount + kFence + "ld.global.u32 %r6, [%rd1+16];\n" + kEnd);
}

// Every thread fences, one counts, and every thread fences again: of fence.sc one is always first, whoever
// counted.
EMULATOR_TEST(fencesOfOtherThreads) {
  const std::string all = "membar.gl;\n", others = "setp.ne.u32 %p4, %r1, 0;\n@%p4 fence.sc.gpu;\n",
                    light = "fence.acq_rel.gpu;\n";
  auto body = [](const std::string& before, const std::string& barrier, const std::string& after) {
    return kWords + before + barrier +
           "setp.eq.u32 %p3, %r1, 0;\n@%p3 atom.global.inc.u32 %r5, [%rd1+128], 1000;\n@%p3 st.shared.u32 "
           "[%r20], "
           "%r5;\n" +
           kBarrier + after + "ld.shared.u32 %r5, [%r20];\n" + kLast + "ld.global.u32 %r6, [%rd1+16];\n" +
           kEnd;
  };
  for (const std::string& before : {all, others}) {
    for (const std::string& after : {all, others + "@!%p4 bra END;\n"})
      ofBlocks(true, body(before, kBarrier, after));
    ofBlocks(false, body(before, kBarrier, light));
    ofBlocks(false, body(before, kBarrier, ""));
  }
  ofBlocks(false, body(others, "", all));
  ofBlocks(false, body(light, kBarrier, all));
  ofBlocks(false, body(light, kBarrier, light));
  ofBlocks(false, body("", kBarrier, all));
  // A light fence behind the other does not undo it; a barrier behind it carries what thread 0 acquired.
  ofBlocks(true, body(all + light, kBarrier, light + kBarrier + all));
  ofBlocks(true, body(light, kBarrier, light + kBarrier));
}

// A flag: a volatile store releases, a volatile load acquires. Block 0 runs before block 1 here: one thread
// of the host runs launches this small.
EMULATOR_TEST(blocksAreOrderedByFlags) {
  const std::string producer =
      kFirst + "setp.ne.u32 %p2, %r2, 0;\n@%p2 bra TAKE;\nst.global.u32 [%rd1], 7;\n";
  const std::string consumer =
      "bra END;\nTAKE:\nld.volatile.global.u32 %r5, [%rd1+128];\nsetp.ne.u32 %p3, %r5, 1;\n@%p3 bra "
      "END;\n";
  const std::string flag = "st.volatile.global.u32 [%rd1+128], 1;\n", take = "ld.global.u32 %r6, [%rd1];\n";
  ofBlocks(true, producer + kFence + flag + consumer + kFence + take + kEnd);
  ofBlocks(false, producer + flag + consumer + kFence + take + kEnd);
  ofBlocks(false, producer + kFence + flag + consumer + take + kEnd);
  // Through a third block.
  const std::string chain =
      kFirst +
      "setp.eq.u32 %p2, %r2, 1;\n@%p2 bra PASS;\nsetp.eq.u32 %p2, %r2, 2;\n@%p2 bra TAKE;\n"
      "st.global.u32 [%rd1], 7;\nmembar.gl;\nst.volatile.global.u32 [%rd1+128], 1;\nbra END;\n"
      "PASS:\nld.volatile.global.u32 %r5, [%rd1+128];\n";
  const std::string end =
      "st.volatile.global.u32 [%rd1+132], 1;\nbra END;\nTAKE:\nld.volatile.global.u32 %r5, "
      "[%rd1+132];\nmembar.gl;\n" +
      take + kEnd;
  ofBlocks(true, chain + kFence + end, 3);
  ofBlocks(false, chain + end, 3);
}

}  // namespace
}  // namespace emulator::tests
