#include "exec/op_table.h"

#include <sstream>
#include <stdexcept>

namespace emulator {

OpTable::OpTable() {
  for (auto add :
       {addIntegerOps, addBitOps, addFloatOps, addDoubleOps, addHalfOps, addCompareOps, addConvertOps,
        addMoveOps, addMemoryOps, addAtomicOps, addWarpOps, addControlOps, addAsyncOps, addMatrixOps}) {
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
    if (!simple_.emplace(name, op).second) throw std::logic_error("instruction added twice: " + name);
  }
}

void OpTable::special(const std::string& name, Class kind, SpecialDecode decode) {
  if (!special_.emplace(name, SpecialOp{decode, kind}).second)
    throw std::logic_error("instruction added twice: " + name);
}

const SimpleOp* OpTable::simple(const std::string& opcode) const {
  auto found = simple_.find(opcode);
  return found == simple_.end() ? nullptr : &found->second;
}

// The full opcode first, then its name alone ("ld"): such a decoder takes the modifiers apart itself.
const SpecialOp* OpTable::specialOp(const std::string& opcode) const {
  auto found = special_.find(opcode);
  if (found == special_.end()) found = special_.find(opcode.substr(0, opcode.find('.')));
  return found == special_.end() ? nullptr : &found->second;
}

const char* className(Class c) {
  static const char* const names[kClasses] = {"integer", "float", "double", "convert", "move",
                                              "load",    "store", "atomic", "warp",    "barrier",
                                              "branch",  "other", "mma"};
  return names[static_cast<int>(c)];
}

}  // namespace emulator
