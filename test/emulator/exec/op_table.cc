#include "exec/op_table.h"

#include <set>
#include <sstream>
#include <stdexcept>

namespace emulator {

namespace {

// Of two types in an opcode the first is that of the destination, the second of the sources.
void takeByTypes(const std::string& opcode, std::vector<Takes>& takes) {
  std::istringstream words(opcode);
  Takes first = 0, last = 0;
  for (std::string word; std::getline(words, word, '.');) {
    Takes type = takesOf(word);
    if (!first) first = type;
    if (type) last = type;
  }
  for (size_t o = 0; o < takes.size(); ++o) {
    if (!takes[o]) takes[o] = o ? last : first;
  }
}

}  // namespace

OpTable::OpTable() {
  static const std::pair<const char*, void (*)(OpTable&)> files[] = {
      {"integer_ops.cc", addIntegerOps}, {"bit_ops.cc", addBitOps},      {"float_ops.cc", addFloatOps},
      {"double_ops.cc", addDoubleOps},   {"half_ops.cc", addHalfOps},    {"compare_ops.cc", addCompareOps},
      {"convert_ops.cc", addConvertOps}, {"move_ops.cc", addMoveOps},    {"memory_ops.cc", addMemoryOps},
      {"atomic_ops.cc", addAtomicOps},   {"warp_ops.cc", addWarpOps},    {"control_ops.cc", addControlOps},
      {"async_ops.cc", addAsyncOps},     {"matrix_ops.cc", addMatrixOps}};
  for (const auto& [file, add] : files) {
    file_ = file;
    add(*this);
  }
}

const OpTable& OpTable::instance() {
  static const OpTable table;
  return table;
}

void OpTable::insert(const std::string& names, const SimpleOp& op) {
  std::istringstream words(names);
  for (std::string name; words >> name;) {
    SimpleOp made = op;
    takeByTypes(name, made.takes);
    if (!simple_.emplace(name, made).second) throw std::logic_error("instruction added twice: " + name);
  }
}

void OpTable::special(const std::string& name, Class kind, SpecialDecode decode) {
  if (!special_.emplace(name, SpecialOp{decode, kind, file_}).second)
    throw std::logic_error("instruction added twice: " + name);
}

void OpTable::family(const std::string& name, Class kind, SpecialDecode decode) {
  families_.emplace(name, SpecialOp{decode, kind, file_});
}

const SimpleOp* OpTable::simple(const std::string& opcode) const {
  auto found = simple_.find(opcode);
  return found == simple_.end() ? nullptr : &found->second;
}

// The full opcode first, then its family: such a decoder takes the modifiers apart itself.
const SpecialOp* OpTable::specialOp(const std::string& opcode) const {
  auto found = special_.find(opcode);
  if (found != special_.end()) return &found->second;
  found = families_.find(opcode.substr(0, opcode.find('.')));
  return found == families_.end() ? nullptr : &found->second;
}

std::vector<std::string> OpTable::names() const {
  std::set<std::string> all;
  for (const auto& op : simple_) all.insert(op.first);
  for (const auto& op : special_) all.insert(op.first);
  for (const auto& op : families_) all.insert(op.first);
  return std::vector<std::string>(all.begin(), all.end());
}

std::string OpTable::fileOf(const std::string& opcode) const {
  const std::string folder = "test/emulator/exec/";
  if (const SimpleOp* op = simple(opcode)) return folder + op->file;
  if (const SpecialOp* op = specialOp(opcode)) return folder + op->file;
  // As many first words in common as can be, and best the type too: "fma.f16" and "fma.f32" differ in their
  // files.
  auto lastWord = [](const std::string& name) { return name.substr(name.rfind('.') + 1); };
  for (size_t end = opcode.rfind('.'); end != std::string::npos && end > 0;
       end = opcode.rfind('.', end - 1)) {
    const std::string words = opcode.substr(0, end + 1);
    std::string near;
    auto look = [&](const auto& ops) {
      for (const auto& [name, op] : ops) {
        if ((name + ".").compare(0, words.size(), words) != 0) continue;
        if (near.empty() || lastWord(name) == lastWord(opcode)) near = op.file;
      }
    };
    look(simple_);
    look(special_);
    if (!near.empty()) return folder + near;
  }
  return folder + "*_ops.cc";
}

const char* className(Class c) {
  static const char* const names[kClasses] = {"integer", "float", "double", "convert", "move",
                                              "load",    "store", "atomic", "warp",    "barrier",
                                              "branch",  "other", "mma"};
  return names[static_cast<int>(c)];
}

}  // namespace emulator
