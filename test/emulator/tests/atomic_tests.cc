// Single atomics, against the text of the PTX manual, on every space that they know.
#include "tests/rows.h"

namespace emulator::tests {
namespace {

// One thread does `opcode [place], operands` to a word of `bits` with this value. Returns what it found and
// what it left; of red, what it found is 0.
struct Outcome {
  u64 found, left;
};

enum class Where { kGlobal, kShared, kGenericGlobal, kGenericShared };

Outcome execute(const std::string& operation, Where where, u64 before, const std::vector<u64>& operands,
                bool returns = true) {
  Device device;
  bool wide = operation.size() > 2 && operation.substr(operation.size() - 2) == "64";
  const std::string type = wide ? ".b64" : ".b32", reg = wide ? "%rd" : "%r";
  bool shared = where == Where::kShared || where == Where::kGenericShared;
  bool generic = where == Where::kGenericGlobal || where == Where::kGenericShared;
  std::string body = "ld.param.u64 %rd20, [p0];\nld.param.u64 %rd21, [p1];\n", list;
  for (size_t o = 0; o < operands.size(); ++o) {
    const std::string name = reg + std::to_string(o + 1);
    body += "ld.global" + type + " " + name + ", [%rd21+" + std::to_string(8 * o) + "];\n";
    list += ", " + name;
  }
  std::string place = "%rd20";
  if (shared) {
    body += "ld.global" + type + " " + reg + "9, [%rd20];\nst.shared" + type + " [word], " + reg + "9;\n";
    body += generic ? "mov.u64 %rd22, word;\ncvta.shared.u64 %rd23, %rd22;\n" : "mov.u64 %rd23, word;\n";
    place = "%rd23";
  }
  const std::string space = generic ? "." : shared ? ".shared." : ".global.";
  body += (returns ? "atom" + space + operation + " " + reg + "10, [" + place + "]"
                   : "red" + space + operation + " [" + place + "]") +
          list + ";\n";
  if (!returns) body += "mov.b" + type.substr(2) + " " + reg + "10, 0;\n";
  if (shared)
    body += "ld.shared" + type + " " + reg + "11, [word];\nst.global" + type + " [%rd20], " + reg + "11;\n";
  body += "st.global" + type + " [%rd20+8], " + reg + "10;\n";
  device.load(wrap(body, 2, ".shared .align 8 .b8 word[8];\n").c_str());
  u64 words = device.upload(std::vector<u64>{before, 0}), sources = device.upload(operands);
  expectResult(device.launch("test", 1, 1, {&words, &sources}), kSuccess, operation + device.report());
  std::vector<u64> after = device.download<u64>(words, 2);
  return {after[1], after[0]};
}

void expectOutcome(const std::string& operation, Where where, u64 before, const std::vector<u64>& operands,
                   u64 left) {
  for (bool returns : {true, false}) {
    if (!returns && (operation.substr(0, 4) == "exch" || operation.substr(0, 3) == "cas")) continue;
    Outcome got = execute(operation, where, before, operands, returns);
    char text[160];
    std::snprintf(text, sizeof text, "%s %s, space %d: found %llx, left %llx, wanted %llx",
                  returns ? "atom" : "red", operation.c_str(), static_cast<int>(where),
                  static_cast<unsigned long long>(got.found), static_cast<unsigned long long>(got.left),
                  static_cast<unsigned long long>(left));
    expect(got.left == left && got.found == (returns ? before : 0), text);
  }
}

// "atom.add.f32 on global memory flushes subnormal inputs and results to sign-preserving zero; whereas on
// shared memory it supports subnormal inputs and results."
EMULATOR_TEST(atomicSubnormals) {
  constexpr u64 kSmall = 0x00800000;  // the smallest normal number
  for (Where where : {Where::kGlobal, Where::kGenericGlobal}) {
    expectOutcome("add.f32", where, kDenormal, {kDenormal}, 0);
    expectOutcome("add.f32", where, kDenormal | kMinusZero, {kMinusZero}, kMinusZero);
    expectOutcome("add.f32", where, kSmall + 1, {kSmall | kMinusZero}, 0);
    expectOutcome("add.f32", where, f(1.f), {f(2.f)}, f(3.f));
    expectOutcome("add.f32", where, kInf, {0xff800000}, kNan);
  }
  for (Where where : {Where::kShared, Where::kGenericShared}) {
    expectOutcome("add.f32", where, kDenormal, {kDenormal}, 2);
    expectOutcome("add.f32", where, kSmall + 1, {kSmall | kMinusZero}, 1);
    expectOutcome("add.f32", where, kInf, {0xff800000}, kNan);
  }
  expectOutcome("add.f64", Where::kGlobal, 1, {1}, 2);
}

// "inc: d = (a >= b) ? 0 : a + 1; dec: d = (a == 0 || a > b) ? b : a - 1".
EMULATOR_TEST(atomicOperations) {
  for (Where where : {Where::kGlobal, Where::kShared, Where::kGenericGlobal, Where::kGenericShared}) {
    expectOutcome("inc.u32", where, 4, {5}, 5);
    expectOutcome("inc.u32", where, 5, {5}, 0);
    expectOutcome("inc.u32", where, 6, {5}, 0);
    expectOutcome("dec.u32", where, 5, {5}, 4);
    expectOutcome("dec.u32", where, 0, {5}, 5);
    expectOutcome("dec.u32", where, 6, {5}, 5);
    expectOutcome("exch.b32", where, 7, {9}, 9);
    expectOutcome("exch.b64", where, u64{7} << 40, {u64{9} << 40}, u64{9} << 40);
    expectOutcome("cas.b32", where, 7, {7, 9}, 9);
    expectOutcome("cas.b32", where, 8, {7, 9}, 8);
    expectOutcome("cas.b64", where, u64{7} << 40, {u64{7} << 40, 9}, 9);
    expectOutcome("add.u32", where, 0xffffffff, {2}, 1);
    expectOutcome("add.u64", where, ~u64{0}, {2}, 1);
    expectOutcome("min.s32", where, 1, {0xffffffff}, 0xffffffff);
    expectOutcome("min.u32", where, 1, {0xffffffff}, 1);
    expectOutcome("max.s64", where, 1, {~u64{0}}, 1);
    expectOutcome("max.u64", where, 1, {~u64{0}}, ~u64{0});
    expectOutcome("and.b32", where, 12, {10}, 8);
    expectOutcome("or.b32", where, 12, {10}, 14);
    expectOutcome("xor.b64", where, 12, {10}, 6);
  }
}

}  // namespace
}  // namespace emulator::tests
