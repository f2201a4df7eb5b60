// Generic addresses: cvta, isspacep, and accesses through them; ldu.
#include "tests/harness.h"

namespace emulator::tests {
namespace {

const char* const kVariables =
    ".shared .align 8 .b8 s[64];\n.global .align 8 .u32 g[2] = {11, 12};\n.const .align 8 .u32 c[2] = {21, "
    "22};\n";

// One thread; the body stores at [%rd1], its parameter.
std::vector<u32> run(const std::string& body, size_t count) {
  Device device;
  const std::string head = ".local .align 8 .b8 l[16];\nld.param.u64 %rd1, [p0];\n";
  device.load(wrap(head + body, 1, kVariables).c_str());
  u64 out = device.upload(std::vector<u32>(count));
  expectResult(device.launch("test", 1, 1, {&out}), kSuccess, body + device.report());
  return device.download<u32>(out, count);
}

// "cvta converts a .const, .global, .local, .param or .shared address to a generic address, or vice versa."
EMULATOR_TEST(conversionsOfAddresses) {
  const struct { const char *space, *variable; } spaces[] = {{"shared", "s"}, {"local", "l"}};
  for (auto [space, variable] : spaces) {
    const std::string name = space;
    auto out = run(std::string("mov.u64 %rd2, ") + variable + ";\nadd.s64 %rd2, %rd2, 4;\ncvta." + name +
                       ".u64 %rd3, %rd2;\nst.u32 [%rd3], 7;\nld." + name +
                       ".u32 %r1, [%rd2];\nst.global.u32 [%rd1], %r1;\n"
                       "cvta.to." +
                       name + ".u64 %rd4, %rd3;\nst." + name +
                       ".u32 [%rd4], 9;\nld.u32 %r2, [%rd3];\n"
                       "st.global.u32 [%rd1+4], %r2;",
                   2);
    expect(out[0] == 7 && out[1] == 9, name);
  }
  const struct {
    const char *space, *variable;
    u32 value;
  } constants[] = {{"global", "g", 12}, {"const", "c", 22}};
  for (auto [space, variable, value] : constants) {
    const std::string name = space;
    auto out =
        run(std::string("mov.u64 %rd2, ") + variable + ";\ncvta." + name +
                ".u64 %rd3, %rd2;\nld.u32 %r1, [%rd3+4];\nst.global.u32 [%rd1], %r1;\ncvta.to." + name +
                ".u64 %rd4, %rd3;\nld." + name + ".u32 %r2, [%rd4+4];\nst.global.u32 [%rd1+4], %r2;",
            2);
    expect(out[0] == value && out[1] == value, name);
  }
  auto parameter =
      run("mov.u64 %rd2, p0;\ncvta.param.u64 %rd3, %rd2;\nld.u64 %rd4, [%rd3];\ncvta.to.param.u64 %rd5, "
          "%rd3;\nld.param.u64 %rd6, [%rd5];\nst.global.u32 [%rd4], 5;\nst.global.u32 [%rd6+4], 6;",
          2);
  expect(parameter[0] == 5 && parameter[1] == 6, "param");
}

EMULATOR_TEST(spacesOfAddresses) {
  std::string body;
  int at = 0;
  for (const char* variable : {"s", "l", "g"}) {
    const std::string own = variable[0] == 's' ? "shared" : variable[0] == 'l' ? "local" : "global";
    body += std::string("mov.u64 %rd2, ") + variable + ";\ncvta." + own + ".u64 %rd3, %rd2;\n";
    for (const char* space : {"shared", "local", "global"})
      body += std::string("isspacep.") + space +
              " %p1, %rd3;\nselp.u32 %r1, 1, 0, %p1;\nst.global.u32 [%rd1+" + std::to_string(4 * at++) +
              "], %r1;\n";
  }
  auto out = run(body, 9);
  expect(out == std::vector<u32>({1, 0, 0, 0, 1, 0, 0, 0, 1}), "each address lies in its own space only");
}

EMULATOR_TEST(uniformLoads) {
  auto out = run(
      "mov.u64 %rd2, g;\nldu.global.u32 %r1, [%rd2+4];\nst.global.u32 [%rd1], %r1;\nldu.global.v2.u32 {%r2, "
      "%r3}, [%rd2];\nadd.u32 %r4, %r2, %r3;\nst.global.u32 [%rd1+4], %r4;\nldu.u32 %r5, "
      "[%rd2];\nst.global.u32 [%rd1+8], %r5;",
      3);
  expect(out == std::vector<u32>({12, 23, 11}), "ldu");
}

}  // namespace
}  // namespace emulator::tests
