// Every field of a report, of every kind of finding.
#include <regex>

#include "exec/memory_access.h"
#include "tests/driver_functions.h"
#include "tests/planted.h"

namespace emulator::tests {
namespace {

const char* const kVariables =
    ".file 1 \"folder/bug.cu\"\n.shared .align 16 .b8 s[256];\n.shared .align 16 .b8 t[512];\n.extern "
    ".shared "
    ".align 16 .b8 d[];\n";
const std::string kLine = ".loc 1 42 7\n";  // of the instruction behind it
// Lane 5 of warp 1.
const std::string kOne = "setp.eq.u32 %p1, %r1, 37;\n" + kLine + "@%p1 ";

struct Wanted {
  CUresult code;
  std::string what, opcode, thread, where;
};

// Two blocks of 8 x 8 threads, of which `in` fails; %r1 is the number of the thread. The buffer has 512
// bytes.
void expectReport(const std::string& body, const Wanted& wanted, bool inBlock1 = false) {
  Device device;
  u64 buffer = device.upload(std::vector<u32>(128, 1)), offset = 0;
  const std::string start =
      "mov.u32 %r40, %tid.y;\nshl.b32 %r40, %r40, 3;\nmov.u32 %r41, %tid.x;\nadd.s32 %r1, %r40, %r41;\n"
      "mov.u32 %r2, %ctaid.y;\nld.param.u64 %rd1, [p0];\nmul.wide.u32 %rd2, %r1, 4;\nadd.s64 %rd3, %rd1, "
      "%rd2;\n"
      "mul.wide.u32 %rd9, %r2, 256;\nadd.s64 %rd3, %rd3, %rd9;\nshl.b32 %r21, %r1, 2;\nmov.u32 %r20, s;\n"
      "add.s32 %r22, %r20, %r21;\nmov.u32 %r25, t;\nadd.s32 %r26, %r25, %r21;\nmov.u32 %r27, d;\n";
  const std::string skip = inBlock1 ? "setp.eq.u32 %p9, %r2, 0;\n@%p9 bra END;\n" : "";
  device.load(wrap(start + skip + body + "\nEND:", 2, kVariables).c_str());
  void* params[] = {&buffer, &offset};
  expectResult(cuLaunchKernel(device.function("test"), 1, 2, 1, 8, 8, 1, 128, nullptr, params, nullptr),
               kSuccess, "launch");
  expectResult(cuCtxSynchronize(), wanted.code, wanted.what + " " + device.report());
  // The number of the buffer depends on what ran before.
  const std::string report = std::regex_replace(device.report(), std::regex("#[0-9]+"), "#N");
  const size_t at = wanted.where.find("BUFFER+");
  std::string where = wanted.where;
  if (at != std::string::npos) {
    const u64 from = std::stoull(where.substr(at + 7));
    where.replace(at, where.find(':', at) - at, hex(buffer + from));
  }
  expect(report == "adastep emulator: " + wanted.what + ": kernel test, bug.cu:42, " + wanted.opcode +
                       ", block (0," + (inBlock1 ? "1" : "0") + ",0), thread " + wanted.thread + where + "\n",
         "wanted " + wanted.what + ", " + where + ", got " + report);
}

EMULATOR_TEST(reportsOfGlobalMemory) {
  expectReport(kOne + "ld.global.u32 %r5, [%rd3+508];",
               {700, "global access out of bounds", "ld.global.u32", "(5,4,0)",
                ", address BUFFER+656: 144 bytes behind the end of device allocation #N (512 bytes)"});
  expectReport(kOne + "st.global.u32 [%rd3+508], 0;",
               {700, "global access out of bounds", "st.global.u32", "(5,4,0)",
                ", address BUFFER+912: 400 bytes behind the end of device allocation #N (512 bytes)"},
               true);
  expectReport(kOne + "ld.global.u32 %r5, [%rd3+2];",
               {716, "misaligned global access of 4 bytes", "ld.global.u32", "(5,4,0)",
                ", address BUFFER+150: offset 150 of device allocation #N (512 bytes)"});
  expectReport(
      "st.global.u32 [%rd3], 0;\n" + kOne + "ld.global.u32 %r5, [%rd1];",
      {719, "global race: read after a write by thread 0 of this block with no barrier between",
       "ld.global.u32", "(5,4,0)", ", address BUFFER+0: offset 0 of device allocation #N (512 bytes)"});
  expectReport("mov.u64 %rd5, 0;\n" + kOne + "ld.global.u32 %r5, [%rd5+-4];",
               {700, "global access out of bounds", "ld.global.u32", "(5,4,0)",
                ", address 0xfffffffffffffffc: no allocation is near"});
}

EMULATOR_TEST(reportsOfSharedMemory) {
  const std::string neighbour = "xor.b32 %r28, %r26, 128;\nst.shared.u32 [%r26], 0;\n";
  expectReport(neighbour + kOne + "ld.shared.u32 %r5, [%r28];",
               {719, "shared race: read after a write by thread 5 with no barrier between", "ld.shared.u32",
                "(5,4,0)", ", address 0x514: offset 20 of shared array t (512 bytes)"});
  expectReport(neighbour + kOne + "st.shared.u32 [%r28], %r5;",
               {719, "shared race: write after a write by thread 5 with no barrier between", "st.shared.u32",
                "(5,4,0)", ", address 0x514: offset 20 of shared array t (512 bytes)"},
               true);
  expectReport(kOne + "ld.shared.u32 %r5, [%r22];",
               {719, "read of shared memory that nobody wrote", "ld.shared.u32", "(5,4,0)",
                ", address 0x94: offset 148 of shared array s (256 bytes)"});
  expectReport(kOne + "st.shared.u32 [%r22+128], 0;",
               {700, "shared access out of bounds", "st.shared.u32", "(5,4,0)",
                ", address 0x114: 20 bytes behind the end of shared array s (256 bytes)"});
  expectReport(kOne + "st.shared.u32 [%r27+128], 0;",
               {700, "shared access out of bounds", "st.shared.u32", "(5,4,0)",
                ", address 0xb80: 0 bytes behind the end of dynamic shared array d (128 bytes)"});
  expectReport(kOne + "st.shared.u32 [%r22+2], 0;",
               {716, "misaligned shared access of 4 bytes", "st.shared.u32", "(5,4,0)",
                ", address 0x96: offset 150 of shared array s (256 bytes)"});
  const std::string copy = "cp.async.ca.shared.global [%r26], [%rd3], 4;\n";
  expectReport(copy + kOne + "ld.shared.u32 %r5, [%r26];",
               {719, "read of shared memory that an asynchronous copy still fills", "ld.shared.u32",
                "(5,4,0)", ", address 0x594: offset 148 of shared array t (512 bytes)"});
  expectReport(copy + kOne + "st.shared.u32 [%r26], 0;",
               {719, "write to shared memory that an asynchronous copy still fills", "st.shared.u32",
                "(5,4,0)", ", address 0x594: offset 148 of shared array t (512 bytes)"});
  expectReport(copy + kOne + "st.global.u32 [%rd3], 0;",
               {719, "write to global memory that an asynchronous copy still reads", "st.global.u32",
                "(5,4,0)", ", address BUFFER+148: offset 148 of device allocation #N (512 bytes)"});
}

EMULATOR_TEST(reportsOfLocalMemoryAndParameters) {
  const std::string array = ".local .align 16 .b8 a[16];\nmov.u32 %r6, a;\n";
  expectReport(array + kOne + "st.local.u32 [%r6+20], 7;",
               {700, "bad local address", "st.local.u32", "(5,4,0)",
                ", address 0x14: 4 bytes behind the end of local array a (16 bytes)"});
  expectReport(
      array + kOne + "st.local.u32 [%r6+-4], 7;",
      {700, "bad local address", "st.local.u32", "(5,4,0)", ", address 0xfffffffc: no local array is near"});
  expectReport(array + kOne + "ld.local.u32 %r5, [%r6+4];",
               {719, "read of local memory that nobody wrote", "ld.local.u32", "(5,4,0)",
                ", address 0x4: offset 4 of local array a (16 bytes)"});
  expectReport(kOne + "ld.param.u32 %r5, [p0+16];",
               {700, "bad parameter address", "ld.param.u32", "(5,4,0)",
                ", address 0x10: 0 bytes behind the end of parameter p1 (8 bytes)"});
}

EMULATOR_TEST(reportsOfWhatHasNoAddress) {
  expectReport(kOne + "bar.sync 0;",
               {719, "divergent barrier: its guard parts the warp", "bar.sync", "(5,4,0)", ""});
  expectReport("setp.lt.u32 %p1, %r1, 32;\n@%p1 bra END;\n" + kLine + "bar.sync 0, 64;",
               {702, "deadlock: no warp can move on", "bar.sync", "(0,4,0)", ""}, true);
  expectReport(kLine + "bar.sync 1, 96;",
               {702, "deadlock: no warp can move on", "bar.sync", "(0,0,0)",
                "; warp 1, lanes 0xffffffff, waits at kernel test, bug.cu:42, bar.sync"});
  expectReport(
      "setp.lt.u32 %p1, %r1, 36;\n@%p1 bra ON;\n" + kLine + "bar.sync 0;\nON:\nbar.sync 1;",
      {719, "divergent barrier: only lanes 0xfffffff0 of 0xffffffff reach it", "bar.sync", "(4,4,0)", ""});
  expectReport(
      "setp.lt.u32 %p1, %r1, 32;\n@%p1 bra ON;\n" + kLine + "bar.sync 0, 32;\nbra END;\nON:\nbar.sync 0;",
      {719, "a barrier with different counts of threads, 0 and 32", "bar.sync", "(0,4,0)", ""});
  expectReport(kOne + "trap;", {719, "trap", "trap", "(5,4,0)", ""}, true);
  expectReport(kOne + "shfl.sync.bfly.b32 %r5, %r1, 1, 31, -1;",
               {719, "members of the mask do not execute this instruction, lanes 0xffffffdf",
                "shfl.sync.bfly.b32", "(5,4,0)", ""});
}

}  // namespace
}  // namespace emulator::tests
