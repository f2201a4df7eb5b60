// Turns the statements of a kernel, and of the functions it calls, into a Program. The files of instructions
// use the public part to decode their operands.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "exec/instruction.h"
#include "exec/operand_kinds.h"
#include "exec/registers.h"

namespace emulator {

using AddressOf = std::function<u64(const Variable&)>;  // of global and constant variables

// Throws PtxError for whatever the emulator does not know.
std::unique_ptr<Program> decodeKernel(const Module& module, const Function& kernel,
                                      const AddressOf& addressOf);

// Where each parameter of a kernel lies; returns the size of all.
u32 layOutParams(const Function& kernel, std::map<const Variable*, u64>* at);

using RegisterUses = std::map<const Function*, std::vector<RegisterUse>>;

class Decoder {
 public:
  // Without `uses` it gives no places to registers: such a run finds out what the statements read and write.
  Decoder(const Module& module, const Function& kernel, const AddressOf& addressOf,
          const RegisterUses* uses = nullptr);
  const RegisterUses& uses() const { return recorded_; }
  std::unique_ptr<Program> run();

  template <class T>
  T& makeForm(Instruction& i) {
    auto form = std::make_shared<T>();
    i.form = form.get();
    program_->forms.push_back(form);
    return *form;
  }
  void expectOperands(size_t count) const;
  Slot source(const OperandText& operand, u8 bits, Takes takes = kTakesInteger);
  Slot destination(const OperandText& operand, u8 bits, Takes takes = kTakesInteger);
  void demandSomeResult(const OperandText& vector) const;     // not '_' everywhere
  Slot predicate(const OperandText& operand, bool& negated);  // as a source
  Slot literal(u64 value, u8 bits);
  u8 bitsOf(const OperandText& operand) const;  // of a register; 0 for anything else
  Slot readRegister(const OperandText& operand);
  void address(const OperandText& operand, MemoryForm& form);  // fills space-relative base and offset
  u64 placeOf(const Variable& variable) const;                 // its address in its own space
  bool isKernelParam(const Variable& variable) const { return kernelParams_.count(&variable) != 0; }
  u32 labelTarget(const std::string& label);
  const Function& calledFunction(const std::string& name);
  u32 entryOf(const Function& function) const { return entries_.at(&function); }
  const Function& function() const { return *function_; }
  void noteNarrowAccess(Space space, u32 bytes);
  [[noreturn]] void fail(const std::string& message) const;

 private:
  void collect(const Function& function, std::vector<const Function*>& active);
  void layOut();
  void decode(const Statement& statement, Instruction& instruction);
  Slot special(const std::string& name);
  Slot placeOf(u32 reg) const;
  void demandClass(const OperandText& reg, Takes takes) const;
  RegisterUse& use() { return recorded_.at(function_).back(); }

  const Module& module_;
  const Function& kernel_;
  const AddressOf& addressOf_;
  std::unique_ptr<Program> program_;
  std::vector<const Function*> functions_;  // kernel first
  const Function* function_ = nullptr;
  const Statement* statement_ = nullptr;
  std::map<const Function*, u32> entries_;
  const RegisterUses* uses_;
  RegisterUses recorded_;
  std::map<const Function*, std::vector<u32>> registerAt_;
  std::map<const Variable*, u64> placed_, kernelParams_;
  std::map<std::pair<u64, u8>, u32> literals_;
  std::map<std::string, u32> specials_;
};

std::vector<std::string> splitModifiers(const std::string& opcode);  // "ld.global.f32" -> ld, global, f32

}  // namespace emulator
