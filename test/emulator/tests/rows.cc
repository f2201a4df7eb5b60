#include "tests/rows.h"

namespace emulator::tests {
namespace {

// The register that holds an operand of this type: its class and the suffix to load it with.
struct Kind {
  std::string reg, type;
};

Kind kindOf(char c) {
  switch (c) {
    case 'h':
      return {"%rs", "u16"};
    case 'w':
      return {"%r", "u32"};
    case 'd':
      return {"%rd", "u64"};
    case 'f':
      return {"%f", "f32"};
    default:
      return {"%fd", "f64"};
  }
}

// Loads the operands, executes, stores.
u64 execute(const std::string& opcode, const std::string& kinds, const std::vector<u64>& in) {
  Device device;
  std::string body = "ld.param.u64 %rd40, [p0];\nld.param.u64 %rd41, [p1];\n", operands;
  for (size_t k = 0; k < in.size(); ++k) {
    char letter = kinds[k + 1];
    bool predicate = letter == 'p' || letter == 'n';
    Kind kind = kindOf(predicate ? 'w' : letter);
    std::string number = std::to_string(k + 1), reg = kind.reg + number;
    body += "ld.global." + kind.type + " " + reg + ", [%rd40+" + std::to_string(8 * k) + "];\n";
    if (predicate) body += "setp.ne.u32 %p" + number + ", " + reg + ", 0;\n";
    operands += ", " + (predicate ? (letter == 'n' ? "!%p" : "%p") + number : reg);
  }
  bool predicate = kinds[0] == 'p';
  Kind target = kindOf(predicate ? 'w' : kinds[0]);
  body += opcode + " " + (predicate ? "%p10" : target.reg + "10") + operands + ";\n";
  if (predicate) body += "selp.u32 %r10, 1, 0, %p10;\n";
  body += "st.global." + target.type + " [%rd41], " + target.reg + "10;\n";
  device.load(wrap(body, 2).c_str());
  u64 source = device.upload(in), result = device.upload(std::vector<u64>{0});
  expectResult(device.launch("test", 1, 1, {&source, &result}), kSuccess, opcode + " " + device.report());
  return device.download<u64>(result, 1)[0];
}

}  // namespace

void check(const std::string& kinds, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    u64 got = execute(row.opcode, kinds, row.in);
    char text[200];
    std::snprintf(text, sizeof text, "%s: got %llx, wanted %llx", row.opcode,
                  static_cast<unsigned long long>(got), static_cast<unsigned long long>(row.out));
    expect(got == row.out, text);
  }
}

}  // namespace emulator::tests
