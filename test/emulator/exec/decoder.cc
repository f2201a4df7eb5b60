#include "exec/decoder.h"

#include <algorithm>

#include "exec/memory_access.h"
#include "exec/op_table.h"
#include "exec/specials.h"
#include "ptx/error.h"

namespace emulator {
namespace {

u64 alignUp(u64 value, u64 align) { return (value + align - 1) / align * align; }
u32 registerBytes(u8 bits) { return bits == 1 ? 4 : bits / 8 * kWarpSize; }

}  // namespace

std::unique_ptr<Program> decodeKernel(const Module& module, const Function& kernel,
                                      const AddressOf& addressOf) {
  return Decoder(module, kernel, addressOf).run();
}

u32 layOutParams(const Function& kernel, std::map<const Variable*, u64>* at) {
  u64 size = 0;
  for (const Variable* param : kernel.params) {
    size = alignUp(size, param->align);
    if (at) (*at)[param] = size;
    size += param->size;
  }
  return static_cast<u32>(size);
}

std::vector<std::string> splitModifiers(const std::string& opcode) {
  std::vector<std::string> parts;
  size_t begin = 0;
  while (begin <= opcode.size()) {
    size_t end = std::min(opcode.find('.', begin), opcode.size());
    parts.push_back(opcode.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::string Program::describe(u32 index) const {
  const Origin& origin = origins[index];
  const Statement& s = *origin.statement;
  auto place = [&](u32 file, u32 line) {
    auto found = module->files.find(file);
    std::string name = found == module->files.end() ? "?" : found->second;
    return name.substr(name.rfind('/') + 1) + ":" + std::to_string(line);
  };
  std::string where =
      s.source.file ? place(s.source.file, s.source.line) : "PTX line " + std::to_string(s.ptxLine);
  if (s.source.callerFile) where += " (inlined at " + place(s.source.callerFile, s.source.callerLine) + ")";
  return "kernel " + kernel->name + ", " + where + ", " + s.opcode;
}

Decoder::Decoder(const Module& module, const Function& kernel, const AddressOf& addressOf)
    : module_(module), kernel_(kernel), addressOf_(addressOf), program_(new Program) {}

void Decoder::fail(const std::string& message) const {
  std::string where =
      statement_ ? "'" + statement_->opcode + "' (PTX line " + std::to_string(statement_->ptxLine) + ")"
                 : "linking";
  throw PtxError("kernel " + kernel_.name + ", function " + (function_ ? function_->name : "?") + ", " +
                 where + ": " + message);
}

// Functions have no stack: each has its own registers and memory once, which forbids recursion.
void Decoder::collect(const Function& function, std::vector<const Function*>& active) {
  function_ = &function;
  if (std::find(active.begin(), active.end(), &function) != active.end())
    fail("recursion is not supported (exec/decoder.cc)");
  if (std::find(functions_.begin(), functions_.end(), &function) != functions_.end()) return;
  if (!function.defined)
    fail("function " + function.name + " is declared but not defined (exec/control_ops.cc)");
  functions_.push_back(&function);
  active.push_back(&function);
  for (const Statement& s : function.statements) {
    for (const OperandText& o : s.operands) {
      if (o.kind == OperandText::kFunction) collect(*module_.functions.at(o.name), active);
    }
  }
  active.pop_back();
}

void Decoder::layOut() {
  program_->paramBytes = layOutParams(kernel_, &kernelParams_);
  u64 shared = 0, local = 0, registers = 0, index = 0;
  auto place = [&](const Variable& variable) {
    u64& end = variable.space == Space::kShared ? shared : local;
    end = alignUp(end, variable.align);
    placed_[&variable] = end;
    end += variable.size;
  };
  for (const auto& variable : module_.variables) {
    if (variable->space == Space::kShared && !variable->external) place(*variable);
  }
  for (const Function* function : functions_) {
    entries_[function] = static_cast<u32>(index);
    index += function->statements.size() + 1;  // one more: running off the end is reported, not executed
    for (const auto& variable : function->variables) {
      if (!isKernelParam(*variable)) place(*variable);
    }
    for (u8 bits : function->registers) {
      registerAt_[function].push_back(static_cast<u32>(registers));
      registers += registerBytes(bits);
    }
  }
  // Dynamic shared memory starts behind all static shared memory, at its largest alignment.
  for (const auto& variable : module_.variables) {
    if (variable->space != Space::kShared || !variable->external) continue;
    shared = alignUp(shared, std::max<u64>(variable->align, 16));
  }
  for (const auto& variable : module_.variables) {
    if (variable->space == Space::kShared && variable->external) placed_[variable.get()] = shared;
  }
  program_->sharedBytes = static_cast<u32>(shared);
  program_->localBytes = static_cast<u32>(alignUp(local, 16));
  program_->registerBytes = static_cast<u32>(registers);
}

std::unique_ptr<Program> Decoder::run() {
  program_->module = &module_;
  program_->kernel = &kernel_;
  std::vector<const Function*> active;
  collect(kernel_, active);
  layOut();
  static const Statement end{-1, false, "(end of function)", {}, {}, 0};
  for (const Function* function : functions_) {
    function_ = function;
    for (size_t s = 0; s <= function->statements.size(); ++s) {
      bool last = s == function->statements.size();
      statement_ = last ? &end : &function->statements[s];
      Instruction i;
      i.index = static_cast<u32>(program_->code.size());
      program_->origins.push_back({function, statement_, Class::kOther});
      if (last) {
        i.run = [](Warp& w, const Instruction& at, u32 mask) {
          reportFault(w, at, __builtin_ctz(mask), kIllegalInstruction,
                      "control runs off the end of a function", "none");
        };
      } else {
        decode(*statement_, i);
      }
      program_->code.push_back(i);
    }
  }
  return std::move(program_);
}

void Decoder::decode(const Statement& s, Instruction& i) {
  if (s.guard >= 0) {
    i.guard = registerAt_.at(function_)[static_cast<size_t>(s.guard)];
    i.guardFlip = s.guardNegated ? kAllLanes : 0;
  }
  const OpTable& table = OpTable::instance();
  Origin& origin = program_->origins.back();
  if (const SimpleOp* op = table.simple(s.opcode)) {
    origin.kind = op->kind;
    expectOperands(op->bits.size());
    i.run = op->run;
    i.d = destination(s.operands[0], op->bits[0]);
    Slot* const slots[] = {&i.a, &i.b, &i.c, &i.e};
    for (size_t o = 1; o < op->bits.size(); ++o)
      *slots[o - 1] = source(s.operands[o], op->bits[o], op->isFloat[o]);
    return;
  }
  const SpecialOp* op = table.specialOp(s.opcode);
  if (!op) fail("unknown instruction; instructions live in test/emulator/exec/*_ops.cc");
  origin.kind = op->kind;
  op->decode(*this, s, i);
}

void Decoder::expectOperands(size_t count) const {
  if (statement_->operands.size() != count) fail("expected " + std::to_string(count) + " operands");
}

u8 Decoder::bitsOf(const OperandText& operand) const {
  return operand.kind == OperandText::kRegister ? function_->registers[operand.reg] : 0;
}

Slot Decoder::registerSlot(const OperandText& operand) const {
  if (operand.kind != OperandText::kRegister) fail("expected a register");
  return Slot{registerAt_.at(function_)[operand.reg]};
}

Slot Decoder::destination(const OperandText& operand, u8 bits) {
  if (operand.kind == OperandText::kSink) {
    // What goes to '_' is written to a register of its own.
    Slot slot{program_->registerBytes};
    program_->registerBytes += registerBytes(bits);
    return slot;
  }
  if (bitsOf(operand) != bits || operand.negated)
    fail("the destination must be a register of " + std::to_string(bits) + " bits");
  return registerSlot(operand);
}

Slot Decoder::literal(u64 value, u8 bits) {
  if (bits == 1) fail("a literal cannot be a predicate");
  if (bits < 64) value &= (u64{1} << bits) - 1;
  auto found = literals_.emplace(std::make_pair(value, bits), static_cast<u32>(program_->constants.size()));
  if (found.second) {
    for (int l = 0; l < kWarpSize; ++l) {
      for (int byte = 0; byte < bits / 8; ++byte)
        program_->constants.push_back(static_cast<u8>(value >> (8 * byte)));
    }
  }
  return Slot{found.first->second | Slot::kConstant};
}

Slot Decoder::special(const std::string& name) {
  auto found = specials_.emplace(name, program_->registerBytes);
  if (found.second) {
    program_->specials.push_back({name, program_->registerBytes});
    program_->registerBytes += registerBytes(32);
  }
  return Slot{found.first->second};
}

Slot Decoder::source(const OperandText& o, u8 bits, bool isFloat) {
  switch (o.kind) {
    case OperandText::kRegister:
      if (bitsOf(o) != bits) fail("an operand must have " + std::to_string(bits) + " bits");
      if (o.negated) fail("'!' is not possible here");
      return registerSlot(o);
    case OperandText::kSpecial:
      if (specialBits(o.name) != bits)
        fail("unknown special register " + o.name + ", or not of this width (exec/specials.cc)");
      return special(o.name);
    case OperandText::kInteger:
      if (isFloat) break;
      return literal(static_cast<u64>(o.value), bits);
    case OperandText::kFloat32:
    case OperandText::kFloat64:
      if (bits != (o.kind == OperandText::kFloat32 ? 32 : 64)) break;
      return literal(static_cast<u64>(o.value), bits);
    case OperandText::kVariable:
      return literal(placeOf(*o.variable) + static_cast<u64>(o.value), bits);
    default:
      break;
  }
  fail("an operand of a kind that does not fit" +
       (o.name.empty() ? std::string() : ": unknown symbol " + o.name));
}

Slot Decoder::predicate(const OperandText& o) {
  if (bitsOf(o) != 1) fail("expected a predicate");
  return registerSlot(o);
}

u64 Decoder::placeOf(const Variable& variable) const {
  auto param = kernelParams_.find(&variable);
  if (param != kernelParams_.end()) return param->second;
  auto found = placed_.find(&variable);
  return found != placed_.end() ? found->second : addressOf_(variable);
}

void Decoder::address(const OperandText& o, MemoryForm& form) {
  if (o.kind != OperandText::kAddress) fail("expected an address in brackets");
  const OperandText& base = o.parts[0];
  form.offset = o.value + base.value;
  if (base.kind == OperandText::kVariable) {
    // Parameters of functions, and of calls, are memory of the thread.
    if (form.space == Space::kParam && !isKernelParam(*base.variable)) form.space = Space::kLocal;
    Space own = base.variable->space == Space::kParam ? form.space : base.variable->space;
    if (form.space != own) fail("the variable " + base.variable->name + " lies in another space");
    form.offset += static_cast<i64>(placeOf(*base.variable));
  } else if (base.kind == OperandText::kRegister && bitsOf(base) >= 32) {
    form.base = registerSlot(base);
    form.addressBytes = bitsOf(base) / 8;
  } else if (base.kind != OperandText::kInteger) {
    fail("an address of a kind that is not known: unknown symbol " + base.name);
  }
}

void Decoder::noteNarrowAccess(Space space, u32 bytes) {
  if (bytes >= 4) return;
  if (space == Space::kShared || space == Space::kGeneric) program_->sharedGranule = 1;
  if (space == Space::kGlobal || space == Space::kGeneric) program_->globalGranule = 1;
}

u32 Decoder::labelTarget(const OperandText& o) const {
  auto found = function_->labels.find(o.name);
  if (o.kind != OperandText::kLabel || found == function_->labels.end()) fail("unknown label " + o.name);
  return entries_.at(function_) + found->second;
}

const Function& Decoder::calledFunction(const std::string& name) {
  auto found = module_.functions.find(name);
  if (found == module_.functions.end()) fail("unknown function " + name);
  return *found->second;
}

}  // namespace emulator
