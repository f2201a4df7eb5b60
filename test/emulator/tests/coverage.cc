#include "tests/coverage.h"

#include <cstring>
#include <regex>
#include <set>

#include "exec/decoder.h"
#include "exec/op_table.h"

namespace emulator::tests {
namespace {

std::set<std::string>& executed() {
  static std::set<std::string> opcodes;
  return opcodes;
}

// Without what comes in every combination.
std::string kindOf(const std::string& opcode) {
  static const std::set<std::string> dropped = {"rn", "rz", "rm", "rp", "ftz", "sat"};
  std::string kind;
  for (const std::string& part : splitModifiers(opcode)) {
    if (!dropped.count(part)) kind += (kind.empty() ? "" : ".") + part;
  }
  return kind;
}

}  // namespace

void noteInstructions(const char* image) {
  if (std::strncmp(image, ".version", 8) != 0) return;
  static const std::regex statement("(?:^|[;{}:\\n])\\s*(?:@!?%\\w+\\s+)?([a-z][\\w.:]*)");
  const std::string text = image;
  for (std::sregex_iterator at(text.begin(), text.end(), statement), end; at != end; ++at)
    executed().insert((*at)[1]);
}

std::vector<std::string> untestedInstructions() {
  std::set<std::string> kinds, missing;
  for (const std::string& opcode : executed()) {
    kinds.insert(kindOf(opcode));
    kinds.insert(opcode.substr(0, opcode.find('.')));  // of a family
  }
  for (const std::string& name : OpTable::instance().names()) {
    if (!kinds.count(kindOf(name))) missing.insert(kindOf(name));
  }
  return std::vector<std::string>(missing.begin(), missing.end());
}

}  // namespace emulator::tests
