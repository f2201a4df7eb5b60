#include "tests/planted.h"

#include <regex>

namespace emulator::tests {

const char* const kStart =
    "ld.param.u64 %rd1, [p0];\nmov.u32 %r1, %tid.x;\nmov.u32 %r2, %ctaid.x;\nmul.wide.u32 %rd2, %r1, "
    "4;\nadd.s64 %rd3, %rd1, %rd2;\n"
    "mov.u32 %r20, s;\nshl.b32 %r21, %r1, 2;\nadd.s32 %r22, %r20, %r21;\n";

namespace {

const char* const kShared =
    ".file 1 \"folder/bug.cu\"\n.file 2 \"folder/helper.cuh\"\n.shared .align 4 .b8 s[256];\n";

bool namesItsPlace(const std::string& report) {
  static const std::regex form(
      "adastep emulator: [^\\n]+: kernel test, (PTX line \\d+|\\w+\\.cuh?:\\d+( \\(inlined at "
      "\\w+\\.cu:\\d+\\))?), [a-z0-9_.:]+, block \\(\\d+,\\d+,\\d+\\), thread \\(\\d+,\\d+,\\d+\\)"
      "(, address 0x[0-9a-f]+: (offset \\d+ of|\\d+ bytes behind the end of|no) [^\\n]+)?"
      "(; warp [^\\n]+)?\\n");
  return std::regex_match(report, form);
}

}  // namespace

void expectFault(Device& device, CUresult code, const std::string& words, const std::string& body, u64 buffer,
                 u32 grid, u32 block) {
  device.load(wrap(kStart + body, 1, kShared).c_str());
  expectResult(device.launch("test", grid, block, {&buffer}), code,
               words + " " + device.report() + " in:\n" + body);
  std::string report = device.report();
  expect(report.find(words) != std::string::npos, "wanted " + words + ", the report: " + report);
  expect(namesItsPlace(report), "no complete report: " + report);
}

void planted(CUresult code, const std::string& words, const std::string& body, u32 grid, u32 block,
             const std::vector<u32>& data) {
  Device device;
  u64 buffer = device.upload(data);
  expectFault(device, code, words, body, buffer, grid, block);
}

void clean(const std::string& body, u32 grid, u32 block, const std::vector<u32>& data) {
  Device device;
  u64 buffer = device.upload(data);
  device.load(wrap(kStart + body, 1, kShared).c_str());
  expectResult(device.launch("test", grid, block, {&buffer}), kSuccess,
               "a correct kernel " + device.report() + " in:\n" + body);
}

}  // namespace emulator::tests
