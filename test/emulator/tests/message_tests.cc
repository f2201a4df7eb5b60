// What the emulator does not know fails to load, with a message that names it, its kernel, its line and the
// file of the emulator where it would go.
#include <zstd.h>

#include <cstring>

#include "tests/driver_functions.h"
#include "tests/refused.h"

namespace emulator::tests {
namespace {

EMULATOR_TEST(unknownInstructions) {
  bodyRefused("frobnicate.u32 %r1, %r2;",
              {"kernel test", "'frobnicate.u32'", "unknown instruction", "exec/*_ops.cc"});
  bodyRefused("add.sat.u32 %r1, %r2, %r3;",
              {"'add.sat.u32'", "unknown instruction", "test/emulator/exec/integer_ops.cc"});
  bodyRefused("fma.rn.bogus.f32 %f1, %f2, %f3, %f4;", {"'fma.rn.bogus.f32'", "exec/float_ops.cc"});
  bodyRefused("wgmma.fence.sync.aligned;", {"'wgmma.fence.sync.aligned'", "unknown instruction"});
}

EMULATOR_TEST(unknownModifiers) {
  bodyRefused("ld.global.odd.u32 %r1, [%rd1];",
              {"'ld.global.odd.u32'", ".odd", "test/emulator/exec/memory_ops.cc"});
  bodyRefused("ld.global.b128 %r1, [%rd1];", {"'ld.global.b128'", "test/emulator/exec/memory_ops.cc"});
  bodyRefused("atom.global.odd.add.u32 %r1, [%rd1], %r2;", {".odd", "test/emulator/exec/atomic_ops.cc"});
  bodyRefused("cp.async.bulk.shared.global [%r1], [%rd1], 16;",
              {"'cp.async.bulk", "test/emulator/exec/async_ops.cc"});
  bodyRefused("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%fd1}, {%fd2}, {%fd3}, {%fd4};",
              {"'mma.sync", "test/emulator/exec/matrix_ops.cc"});
  bodyRefused("add.u32 %r1, %r2;", {"'add.u32'", "expected 3 operands", "test/emulator/exec/integer_ops.cc"});
}

EMULATOR_TEST(barriersThatCannotBe) {
  bodyRefused("bar.sync 0, 40;", {"'bar.sync'", "a multiple of the warp size"});
  bodyRefused("bar.arrive 1;", {"'bar.arrive'", "needs a count", "test/emulator/exec/control_ops.cc"});
  bodyRefused("bar.sync 16;", {"'bar.sync'", "literals in range"});
}

EMULATOR_TEST(unknownDirectives) {
  bodyRefused(".texref tex;", {"unknown directive", "'.texref'", "test/emulator/ptx/body_parser.cc"});
  bodyRefused("add.u32 %r1, %r2, %r3 $;", {"'add.u32'", "'$'", "test/emulator/ptx/body_parser.cc"});
  refused(".version 9.0\n.target sm_80\n.address_size 64\n.alias a, b;\n",
          {"PTX line 4", "unknown module-level directive", "'.alias'", "test/emulator/ptx/parser.cc"});
  refused(
      ".version 9.0\n.target sm_80\n.address_size 64\n.visible .entry odd()\n.explicitcluster\n{\nret;\n}\n",
      {" odd, ", "PTX line 5", "'.explicitcluster'", "test/emulator/ptx/parser.cc"});
}

EMULATOR_TEST(unknownSymbols) {
  bodyRefused("mov.u32 %r1, %clusterid.x;",
              {"'mov.u32'", "special register %clusterid.x", "test/emulator/exec/specials.cc"});
  bodyRefused("mov.u64 %rd1, nowhere;", {"'mov.u64'", "unknown symbol nowhere", "test/emulator/exec/"});
  bodyRefused("bra NOWHERE;", {"'bra'", "unknown label NOWHERE", "test/emulator/exec/control_ops.cc"});
}

EMULATOR_TEST(arraysThatDoNotFit) {
  const auto shared = [](const std::string& size) { return ".shared .align 4 .b8 s[" + size + "];\n"; };
  expect(messageOf(wrap("", 0, shared("49152")).c_str()) == "it loaded", "48 KB fit");
  for (const char* size : {"49153", "4294967296", "18446744073709551615"})
    refused(wrap("", 0, shared(size)), {"kernel test", "s does not fit: at most 49152 bytes", "decoder.cc"});
  refused(wrap(".shared .align 4 .b8 t[49152];", 0, shared("4")), {"t does not fit"});
  expect(messageOf(wrap(".local .align 4 .b8 l[524288];", 0).c_str()) == "it loaded", "512 KB fit");
  refused(wrap(".local .align 4 .b8 l[4294967296];", 0), {"l does not fit: at most 524288 bytes"});
}

EMULATOR_TEST(modulesThatDoNotLoadKeepNoMemory) {
  Device device;
  const auto leftBy = [](const std::string& ptx) {
    size_t before = 0, after = 0, total = 0;
    void* module = nullptr;
    expectResult(cuMemGetInfo_v2(&before, &total), kSuccess, "free memory");
    expectResult(cuModuleLoadData(&module, ptx.c_str()), kInvalidPtx, "load");
    expectResult(cuMemGetInfo_v2(&after, &total), kSuccess, "free memory");
    return before - after;
  };
  const std::string variables = ".global .align 4 .b8 g[65536];\n.const .align 4 .b8 c[1024];\n";
  expect(leftBy(wrap("frobnicate.u32 %r1, %r2;", 0, variables)) == 0, "an unknown instruction");
  expect(leftBy(wrap("", 0, variables + ".global .align 8 .u64 q[1] = {nowhere};\n")) == 0,
         "an unknown symbol");
  const std::string huge = ".global .align 4 .b8 h[1099511627776];\n";
  expect(leftBy(wrap("", 0, variables + huge)) == 0, "a variable that does not fit");
}

EMULATOR_TEST(unknownVersions) {
  refused(".version 9.3\n.target sm_80\n.address_size 64\n",
          {"PTX line 1", "unknown .version", "'.3'", "parser.cc"});
  refused(".version 10.0\n.target sm_80\n.address_size 64\n", {"PTX line 1", "unknown .version", "'10'"});
  refused(".version 9.0\n.target sm_90a\n.address_size 64\n",
          {"PTX line 2", "unknown .target", "'sm_90a'", "parser.cc"});
  refused(".version 9.0\n.target sm_90\n.address_size 64\n", {"PTX for sm_90", "compute capability 8.0"});
}

// A container with one PTX entry, as fatbin.cc describes it.
std::string container(u16 version, u16 kind, u64 flags, const std::string& text, u64 uncompressed = 0) {
  std::string bytes(16 + 64, '\0');
  auto put = [&](size_t at, auto value) { std::memcpy(&bytes[at], &value, sizeof value); };
  put(0, u32{0xBA55ED50u});
  put(4, version);
  put(6, u16{16});
  put(8, u64{64 + text.size()});
  put(16, kind);
  put(18, u16{0x0101});
  put(20, u32{64});
  put(24, u64{text.size()});
  put(32, static_cast<u32>(text.size()));
  put(44, u32{75});
  put(56, flags);
  put(72, uncompressed ? uncompressed : u64{text.size()});
  return bytes + text;
}

EMULATOR_TEST(unknownContainers) {
  const std::string ptx = wrap("", 0);
  auto wanted = [](const std::string& image, const std::string& words) {
    std::string message = messageOf(image.data());
    expect(message.find(words) != std::string::npos, "wanted " + words + ", got: " + message);
    expect(words == "it loaded" || message.find("test/emulator/fatbin.cc") != std::string::npos, message);
  };
  wanted(container(1, 1, 0x11, ptx), "it loaded");
  wanted(container(2, 1, 0x11, ptx), "unknown container, version 2");
  wanted(container(1, 7, 0x11, ptx), "unknown entry, kind 7");
  wanted(container(1, 1, 0x2011, ptx), "a codec other than zstd");
  wanted(container(1, 1, 0x8011, ptx), "does not decompress");
  wanted(container(1, 1, 0x10011, "\x01\x02garbled"), "an unknown compression");
  wanted(container(1, 2, 0x11, ptx), "no PTX entry for compute capability 80");
  wanted(std::string(64, 'x'), "neither a fatbin nor PTX text");
}

EMULATOR_TEST(damagedContainers) {
  Device device;
  const std::string ptx = wrap("", 0);
  std::string frame(ZSTD_compressBound(ptx.size()), '\0');
  frame.resize(ZSTD_compress(&frame[0], frame.size(), ptx.data(), ptx.size(), 3));
  const auto load = [](const std::string& image) {
    void* module = nullptr;
    return cuModuleLoadData(&module, image.data());
  };
  expectResult(load(container(1, 1, 0x8011, frame, ptx.size())), kSuccess, "as it was");
  for (int bit = 0; bit < 64; ++bit)
    expectResult(load(container(1, 1, 0x8011, frame, ptx.size() ^ u64{1} << bit)), kInvalidPtx,
                 "bit " + std::to_string(bit) + " of the size");
  for (size_t byte = 0; byte < frame.size(); ++byte) {
    std::string damaged = frame;
    damaged[byte] = static_cast<char>(damaged[byte] ^ 0x10);
    const CUresult got = load(container(1, 1, 0x8011, damaged, ptx.size()));
    expect(got == kInvalidPtx || got == kSuccess, "byte " + std::to_string(byte) + " of the text");
  }
}

}  // namespace
}  // namespace emulator::tests
