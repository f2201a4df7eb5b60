// The table of instructions. An opcode is looked up with all its modifiers: what is not in the table does not
// exist.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "exec/lanewise.h"
#include "exec/operand_kinds.h"

namespace emulator {

class Decoder;

// What an operand of this type takes; 0: the type in the opcode says it.
template <class T>
struct TakesByType {
  static constexpr Takes value = std::is_floating_point<T>::value ? kTakesFloat
                                 : std::is_signed<T>::value       ? kTakesInteger
                                                                  : Takes{0};
};
template <class T, Takes What>
struct TakesByType<Operand<T, What>> {
  static constexpr Takes value = What;
};

// An instruction whose operands are registers or literals of fixed widths: destination first.
struct SimpleOp {
  Handler run = nullptr;
  Class kind = Class::kInteger;
  std::vector<u8> bits;
  std::vector<Takes> takes;
  const char* file = "";  // that holds it
};

// An instruction with operands of its own kind: vectors, addresses, labels, pairs.
using SpecialDecode = void (*)(Decoder&, const Statement&, Instruction&);
struct SpecialOp {
  SpecialDecode decode = nullptr;
  Class kind = Class::kOther;
  const char* file = "";
};

class OpTable {
 public:
  static const OpTable& instance();

  // `names`: several opcodes, separated by blanks.
  template <class F>
  void add(const std::string& names, Class kind, F) {
    addTyped<F>(names, kind, &F::operator());
  }
  void special(const std::string& name, Class kind, SpecialDecode decode);
  // All that begin with this name and are not in the table with all their modifiers.
  void family(const std::string& name, Class kind, SpecialDecode decode);

  const SimpleOp* simple(const std::string& opcode) const;
  const SpecialOp* specialOp(const std::string& opcode) const;
  std::vector<std::string> names() const;  // of all, sorted; of a family only what it begins with
  // The file that holds it or, of an unknown one, its nearest kin; for messages.
  std::string fileOf(const std::string& opcode) const;

 private:
  OpTable();
  template <class F, class R, class... A>
  void addTyped(const std::string& names, Class kind, R (F::*)(A...) const) {
    SimpleOp op{runLanes<F, R, A...>,
                kind,
                {registerBits<R>(), registerBits<A>()...},
                {TakesByType<R>::value, TakesByType<A>::value...},
                file_};
    insert(names, op);
  }
  void insert(const std::string& names, const SimpleOp& op);

  const char* file_ = "";  // whose instructions are being added
  std::unordered_map<std::string, SimpleOp> simple_;
  std::unordered_map<std::string, SpecialOp> special_, families_;
};

// One function per file of instructions.
void addIntegerOps(OpTable& table);
void addBitOps(OpTable& table);
void addFloatOps(OpTable& table);
void addDoubleOps(OpTable& table);
void addHalfOps(OpTable& table);
void addCompareOps(OpTable& table);
void addConvertOps(OpTable& table);
void addMoveOps(OpTable& table);
void addMemoryOps(OpTable& table);
void addAtomicOps(OpTable& table);
void addWarpOps(OpTable& table);
void addControlOps(OpTable& table);
void addAsyncOps(OpTable& table);
void addMatrixOps(OpTable& table);

}  // namespace emulator
