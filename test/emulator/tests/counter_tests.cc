// What a launch counts: every figure as a field of its own, with values that follow from the kernel's text.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/harness.h"

namespace emulator::tests {
namespace {

std::string count(const std::string& body, u32 grid, u32 block, bool lines = false) {
  const std::string file =
      (std::filesystem::temp_directory_path() / ("emulator-counters-" + std::to_string(getpid()))).string();
  Device device;
  u64 buffer = device.upload(std::vector<u32>(256, 1));
  device.load(wrap("ld.param.u64 %rd1, [p0];\nmov.u32 %r1, %tid.x;\nmov.u32 %r20, s;\n" + body, 1,
                   ".file 1 \"folder/bug.cu\"\n.shared .align 16 .b8 s[4096];\n")
                  .c_str());
  setenv("ADASTEP_EMULATOR_COUNTERS", file.c_str(), 1);
  if (lines) setenv("ADASTEP_EMULATOR_LINES", "1", 1);
  CUresult result = device.launch("test", grid, block, {&buffer});
  unsetenv("ADASTEP_EMULATOR_COUNTERS");
  unsetenv("ADASTEP_EMULATOR_LINES");
  std::ifstream in(file);
  std::string text(std::istreambuf_iterator<char>(in), {});
  std::filesystem::remove(file);
  expectResult(result, kSuccess, device.report());
  return text;
}

void expectFields(const std::string& json, const std::vector<std::string>& fields) {
  for (const std::string& field : fields) {
    size_t at = json.find(field);
    bool whole =
        at != std::string::npos && !std::isdigit(static_cast<unsigned char>(json[at + field.size()]));
    expect(whole, "wanted " + field + " in " + json);
  }
}

EMULATOR_TEST(countersOfGlobalMemory) {
  // One warp: 32 words in a row are 4 sectors; 32 words 32 bytes apart 32, where 4 would hold as many bytes.
  expectFields(count("mul.wide.u32 %rd2, %r1, 4;\nadd.s64 %rd3, %rd1, %rd2;\nld.global.u32 %r5, [%rd3];\n"
                     "st.global.u32 [%rd3], %r5;\n",
                     1, 32),
               {"\"globalLoadSectors\":4", "\"globalLoadSectorsIdeal\":4", "\"globalStoreSectors\":4",
                "\"bytesLoaded\":128", "\"bytesStored\":128"});
  expectFields(
      count("mul.wide.u32 %rd2, %r1, 32;\nadd.s64 %rd3, %rd1, %rd2;\nld.global.u32 %r5, [%rd3];\n", 1, 32),
      {"\"globalLoadSectors\":32", "\"globalLoadSectorsIdeal\":4", "\"bytesLoaded\":128"});
}

// 8 words, each of 4 lanes, 128 bytes apart: 8 sectors, of 32 bytes in all, which one sector would hold.
EMULATOR_TEST(countersOfWhatLanesShare) {
  const std::string words =
      "and.b32 %r2, %r1, 7;\nmul.wide.u32 %rd2, %r2, 128;\nadd.s64 %rd3, %rd1, %rd2;\nld.global.u32 %r5, "
      "[%rd3];\n";
  expectFields(count(words, 1, 32),
               {"\"globalLoadSectors\":8", "\"globalLoadSectorsIdeal\":1", "\"bytesLoaded\":128"});
  // 9 words are more than a sector.
  expectFields(
      count("rem.u32 %r2, %r1, 9;\nshl.b32 %r2, %r2, 5;\ncvt.u64.u32 %rd2, %r2;\nadd.s64 %rd3, %rd1, "
            "%rd2;\nld.global.u32 %r5, [%rd3];\n",
            1, 32),
      {"\"globalLoadSectors\":9", "\"globalLoadSectorsIdeal\":2"});
  // Lanes 0-15 read 16 vectors of 2 words, lanes 16-31 the same again: 128 bytes, 4 sectors.
  expectFields(count("and.b32 %r2, %r1, 15;\nmul.wide.u32 %rd2, %r2, 8;\nadd.s64 %rd3, %rd1, %rd2;\n"
                     "ld.global.v2.u32 {%r5, %r6}, [%rd3];\n",
                     1, 32),
               {"\"globalLoadSectors\":4", "\"globalLoadSectorsIdeal\":4", "\"bytesLoaded\":256"});
  // Neighbours in pairs read the same.
  expectFields(count("shr.u32 %r2, %r1, 1;\nmul.wide.u32 %rd2, %r2, 8;\nadd.s64 %rd3, %rd1, %rd2;\n"
                     "ld.global.v2.u32 {%r5, %r6}, [%rd3];\n",
                     1, 32),
               {"\"globalLoadSectors\":4", "\"globalLoadSectorsIdeal\":4"});
}

EMULATOR_TEST(countersOfSharedMemory) {
  // Words 2 apart: two wavefronts of 16 banks each where one would do.
  expectFields(
      count("shl.b32 %r2, %r1, 3;\nadd.s32 %r3, %r20, %r2;\nst.shared.u32 [%r3], %r1;\nbar.sync 0;\n", 1, 64),
      {"\"sharedWavefronts\":4", "\"sharedWavefrontsIdeal\":2", "\"sharedBankConflicts\":2",
       "\"barriers\":2"});
}

EMULATOR_TEST(countersOfInstructions) {
  expectFields(
      count("red.global.add.u32 [%rd1], 1;\nsetp.lt.u32 %p1, %r1, 7;\n@%p1 bra END;\nadd.u32 %r2, %r1, "
            "1;\nEND:\n",
            1, 64),
      {"\"atomics\":2", "\"divergentBranches\":1", "\"tensorCoreOperations\":0", "\"integer\":4"});
  expectFields(
      count("mov.f32 %f1, 0f00000000;\nmov.u32 %r2, 0;\nmma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
            "{%f2, %f3, %f4, %f5}, {%r2, %r2, %r2, %r2}, {%r2, %r2}, {%f1, %f1, %f1, %f1};\n",
            1, 32),
      {"\"tensorCoreOperations\":1"});
}

EMULATOR_TEST(countersOfLines) {
  const std::string body =
      ".loc 1 40 3\nadd.u32 %r2, %r1, 1;\nadd.u32 %r3, %r1, 1;\n.loc 1 41 3\nsetp.lt.u32 %p1, %r1, "
      "8;\n@%p1 add.u32 %r4, %r1, 1;\n";
  expectFields(count(body, 1, 32, true), {"\"bug.cu:40\":[2,64]", "\"bug.cu:41\":[3,72]"});
  expect(count(body, 1, 32).find("bug.cu") == std::string::npos, "lines that nobody asked for");
}

}  // namespace
}  // namespace emulator::tests
