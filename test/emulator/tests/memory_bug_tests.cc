// Planted bugs: the checker must find each, and name it.
#include <memory>

#include "tests/driver_functions.h"
#include "tests/planted.h"

namespace emulator::tests {
namespace {

EMULATOR_TEST(outOfBounds) {
  planted(700, "out of bounds", "st.global.u32 [%rd3+4], %r1;");
  planted(700, "out of bounds", "ld.global.u32 %r5, [%rd3+-4];");
  planted(700, "shared access out of bounds", "st.shared.u32 [%r22+4], %r1;");
  planted(700, "out of bounds", "mov.u64 %rd4, 0;\nld.global.u32 %r5, [%rd4];");
}

// An access that ends at address 0 or wraps around it, after a good one: what was found for that is
// remembered.
EMULATOR_TEST(outOfBoundsBelowZero) {
  const std::string good = "ld.global.u32 %r5, [%rd3];\nmov.u64 %rd4, 0;\n";
  for (const char* bad :
       {"ld.global.u32 %r6, [%rd4+-4];", "st.global.u32 [%rd4+-4], %r1;", "ld.global.u32 %r6, [%rd4+-8];",
        "ld.global.v4.u32 {%r6, %r7, %r8, %r9}, [%rd4+-16];",
        "cp.async.ca.shared.global [%r22], [%rd4+-4], 4;"}) {
    planted(700, "global access out of bounds", good + bad);
    planted(700, "global access out of bounds", good + "setp.eq.u32 %p1, %r1, 5;\n@%p1 " + bad);
  }
  planted(700, "shared access out of bounds", "mov.u32 %r6, 0;\nst.shared.u32 [%r6+-4], %r1;");
}

// nvcc adds a negative index to the address of an array, wherever that lies, and puts the rest into the
// offset.
EMULATOR_TEST(addressesOf32BitsWrap) {
  clean("st.shared.u32 [%r22], %r1;\nsub.s32 %r23, %r22, 1024;\nld.shared.u32 %r24, [%r23+1024];\n");
  clean(
      "sub.s32 %r23, %r22, 1024;\nst.shared.u32 [%r23+1024], %r1;\natom.shared.add.u32 %r24, [%r23+1024], "
      "1;\n");
  clean("sub.s32 %r23, %r20, 1024;\ncp.async.ca.shared.global [%r23+1024], [%rd1], 4;\ncp.async.wait_all;\n",
        1, 1);
  clean(
      ".local .align 4 .b8 l[8];\nmov.u32 %r23, l;\nsub.s32 %r23, %r23, 64;\nst.local.u32 [%r23+68], %r1;\n");
  planted(700, "out of bounds", "sub.s32 %r23, %r22, 1024;\nst.shared.u32 [%r23+1020], %r1;");
}

EMULATOR_TEST(outOfBoundsOfLocalMemory) {
  const std::string array =
      ".local .align 16 .b8 a[16];\nmov.u32 %r6, a;\nst.local.v4.u32 [%r6], {%r1, %r1, %r1, %r1};\n"
      "ld.local.u32 %r7, [%r6+12];\n";
  clean(array);
  for (const char* offset : {"-4", "-8", "-16", "16", "20", "0x7ffffffc"}) {
    const std::string at = std::string("[%r6+") + offset + "]";
    planted(700, "bad local address", array + "st.local.u32 " + at + ", 7;");
    planted(700, "bad local address", array + "ld.local.u32 %r7, " + at + ";");
  }
}

EMULATOR_TEST(outOfBoundsOfParameters) {
  clean("ld.param.u32 %r5, [p0+4];");
  for (const char* offset : {"-8", "-4", "8", "-16"})
    planted(700, "bad parameter address", std::string("ld.param.u32 %r5, [p0+") + offset + "];");
}

// Two static arrays and dynamic shared memory, one after the other on a GPU: not even thread 63, the last,
// may touch the end of one where the next could begin.
EMULATOR_TEST(overlappingCopies) {
  const auto copy = [](size_t to, size_t from, size_t bytes) {
    Device device;
    const u64 buffer = device.upload(std::vector<u32>(16));
    expectResult(cuMemcpyDtoDAsync_v2(buffer + to, buffer + from, bytes, nullptr), kSuccess, "copy");
    const CUresult result = cuCtxSynchronize();
    const bool named =
        device.report().find("which overlap: offset " + std::to_string(to)) != std::string::npos;
    expect(named == (result != kSuccess), device.report());
    return result;
  };
  expectResult(copy(4, 0, 32), 719, "a part forward");
  expectResult(copy(0, 31, 32), 719, "one byte backward");
  expectResult(copy(8, 8, 8), 719, "onto itself");
  expectResult(copy(32, 0, 32), kSuccess, "what follows");
  expectResult(copy(0, 32, 32), kSuccess, "what comes before");
  expectResult(copy(8, 8, 0), kSuccess, "nothing");
}

EMULATOR_TEST(sharedArraysDoNotTouch) {
  const char* const arrays =
      ".shared .align 4 .b8 s[256];\n.shared .align 4 .b8 t[256];\n.extern .shared .align 16 .b8 d[];\n";
  const auto launch = [&](const std::string& body) {
    auto device = std::make_unique<Device>();
    u64 buffer = device->upload(std::vector<u32>(64, 1));
    device->load(wrap(kStart + body, 1, arrays).c_str());
    const CUresult result = device->launch("test", 1, 64, {&buffer}, 256);
    return std::to_string(result) + " " + device->report();
  };
  const std::string t = "mov.u32 %r20, t;\nadd.s32 %r23, %r20, %r21;\n",
                    d = "mov.u32 %r20, d;\nadd.s32 %r24, %r20, %r21;\n";
  const std::string clean =
      launch(t + d + "st.shared.u32 [%r22], %r1;\nst.shared.u32 [%r23], %r1;\nst.shared.u32 [%r24], %r1;");
  expect(clean == "0 ", clean);
  for (const auto& [body, name] : {std::pair{std::string("st.shared.u32 [%r22+4], %r1;"),
                                             "0 bytes behind the end of shared array s (256 bytes)"},
                                   {std::string("ld.shared.u32 %r5, [%r22+260];"),
                                    "4 bytes behind the end of shared array s (256 bytes)"},
                                   {t + "atom.shared.add.u32 %r5, [%r23+256], %r1;",
                                    "0 bytes behind the end of shared array t (256 bytes)"}}) {
    const std::string report = launch(body);
    expect(report.rfind("700 ", 0) == 0 && report.find("shared access out of bounds") != std::string::npos &&
               report.find(name) != std::string::npos,
           report);
  }
}

EMULATOR_TEST(misaligned) {
  planted(716, "misaligned", "ld.global.u32 %r5, [%rd3+2];", 1, 32);
  planted(716, "misaligned", "ld.global.v2.u32 {%r5, %r6}, [%rd3];", 1, 2);
  planted(716, "misaligned", "st.shared.u64 [%r22], %rd1;", 1, 2);
}

EMULATOR_TEST(useAfterFree) {
  Device device;
  u64 buffer = device.upload(std::vector<u32>(64, 1));
  expectResult(cuMemFree_v2(buffer), kSuccess, "free");
  expectFault(device, 700, "use after free", "ld.global.u32 %r5, [%rd3];", buffer, 1, 64);
}

EMULATOR_TEST(neverWritten) {
  {
    Device device;
    u64 buffer = device.allocate(256);
    expectFault(device, 719, "global memory that nobody wrote", "ld.global.u32 %r5, [%rd3];", buffer, 1, 64);
  }
  planted(719, "shared memory that nobody wrote", "ld.shared.u32 %r5, [%r22];");
  // One byte of the word is missing.
  planted(719, "shared memory that nobody wrote",
          "mov.u16 %rs1, 0;\nst.shared.u8 [%r22], %rs1;\nst.shared.u16 [%r22+2], %rs1;\nld.shared.u32 %r5, "
          "[%r22];");
}

EMULATOR_TEST(sharedRaces) {
  const std::string neighbour = "xor.b32 %r23, %r22, 128;\n";  // a thread of the other warp
  planted(719, "shared race: read after a write",
          neighbour +
              "setp.lt.u32 %p1, %r1, 32;\n@%p1 st.shared.u32 [%r22], %r1;\n@!%p1 ld.shared.u32 %r5, [%r23];");
  planted(719, "shared race: write after a read",
          neighbour +
              "st.shared.u32 [%r22], %r1;\nbar.sync 0;\nsetp.lt.u32 %p1, %r1, 32;\n@%p1 ld.shared.u32 %r5, "
              "[%r23];\n@!%p1 st.shared.u32 [%r22], %r1;");
  planted(719, "shared race: write after a write",
          "st.shared.u32 [%r22], %r1;\n" + neighbour + "st.shared.u32 [%r23], %r1;");
  clean(neighbour +
        "st.shared.u32 [%r22], %r1;\nbar.sync 0;\nld.shared.u32 %r5, [%r23];\nbar.sync 0;\nst.shared.u32 "
        "[%r22], %r5;");
  // Within a warp a barrier of the warp is enough, and needed.
  planted(719, "shared race",
          "xor.b32 %r23, %r22, 4;\nst.shared.u32 [%r22], %r1;\nld.shared.u32 %r5, [%r23];", 1, 32);
  clean("xor.b32 %r23, %r22, 4;\nst.shared.u32 [%r22], %r1;\nbar.warp.sync -1;\nld.shared.u32 %r5, [%r23];",
        1, 32);
}

// All lanes read one word, which a lane of their own warp writes before or after.
EMULATOR_TEST(sharedBroadcastRaces) {
  for (const char* writer : {"0", "9", "31"}) {
    const std::string write = std::string("setp.eq.u32 %p1, %r1, ") + writer +
                              ";\n@%p1 st.shared.u32 [%r20], %r1;\n",
                      read = "ld.shared.u32 %r5, [%r20];\n", sync = "bar.warp.sync -1;\n";
    planted(719, "shared race: read after a write", write + read, 1, 32);
    planted(719, "shared race: write after a read", write + sync + read + write, 1, 32);
    clean(write + sync + read + sync + write, 1, 32);
  }
}

EMULATOR_TEST(globalRaces) {
  planted(719, "global race: write after a write", "st.global.u32 [%rd3], %r1;", 4);
  planted(719, "global race", "ld.global.u32 %r5, [%rd3];\nadd.s32 %r5, %r5, 1;\nst.global.u32 [%rd3], %r5;",
          4);
  clean("red.global.add.u32 [%rd3], 1;", 4);
  planted(719, "global race",
          "setp.eq.u32 %p1, %r2, 0;\n@%p1 red.global.add.u32 [%rd3], 1;\n@!%p1 st.global.u32 [%rd3], 1;", 4);
  // The last block reads what the others published.
  clean(
      "setp.ne.u32 %p1, %r1, 0;\n@%p1 bra END;\nmul.wide.u32 %rd4, %r2, 4;\nadd.s64 %rd5, %rd1, "
      "%rd4;\nst.global.u32 [%rd5], %r2;\nmembar.gl;\n"
      "atom.global.inc.u32 %r5, [%rd1+128], 1000;\nsetp.ne.u32 %p2, %r5, 4;\n@%p2 bra "
      "END;\nmembar.gl;\nld.global.u32 %r6, [%rd1];\nld.global.u32 %r7, [%rd1+4];\nEND:",
      4);
}

EMULATOR_TEST(barriersThatDiverge) {
  planted(719, "divergent barrier",
          "setp.lt.u32 %p1, %r1, 40;\n@%p1 bra SKIP;\nbar.sync 0;\nSKIP:\nbar.sync 0;");
  planted(702, "deadlock", "bar.sync 1, 96;");
  clean("setp.ge.u32 %p1, %r1, 32;\n@%p1 bra END;\nbar.sync 0;\nEND:");  // the other warp has exited
}

// With line info a report names the line, and where the function that holds it was inlined.
EMULATOR_TEST(reportsNameSourceLines) {
  planted(719, "kernel test, bug.cu:42, st.global.u32",
          ".loc 1 41 3\nadd.u32 %r9, %r1, 1;\n.loc 1 42 7\nst.global.u32 [%rd1], %r1;");
  planted(719, "kernel test, helper.cuh:7 (inlined at bug.cu:50), st.global.u32",
          ".loc 2 7 3, function_name $L__info, inlined_at 1 50 3\nst.global.u32 [%rd1], %r1;");
}

EMULATOR_TEST(errorsStay) {
  Device device;
  u64 buffer = device.upload(std::vector<u32>(64, 1));
  expectFault(device, 700, "out of bounds", "st.global.u32 [%rd3+4], %r1;", buffer, 1, 64);
  CUdeviceptr more = 0;
  expectResult(cuMemAlloc_v2(&more, 4), 700, "an allocation after a fault");
  expectResult(cuCtxSynchronize(), 700, "a second wait");
}

}  // namespace
}  // namespace emulator::tests
