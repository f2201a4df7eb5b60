#include "exec/decoder.h"

#include <algorithm>

#include "exec/memory_access.h"
#include "exec/op_table.h"
#include "ptx/error.h"

namespace emulator {
namespace {

constexpr u64 kStaticSharedLimit = 48 * 1024, kLocalLimit = 512 * 1024;  // of a block, of a thread

u64 alignUp(u64 value, u64 align) { return (value + align - 1) / align * align; }

}  // namespace

std::unique_ptr<Program> decodeKernel(const Module& module, const Function& kernel,
                                      const AddressOf& addressOf) {
  Decoder first(module, kernel, addressOf);
  first.run();
  return Decoder(module, kernel, addressOf, &first.uses()).run();
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

std::string Program::place(u32 file, u32 line) const {
  auto found = module->files.find(file);
  std::string name = found == module->files.end() ? "?" : found->second;
  return name.substr(name.rfind('/') + 1) + ":" + std::to_string(line);
}

std::string Program::place(u32 index) const {
  const Statement& s = *origins[index].statement;
  return s.source.file ? place(s.source.file, s.source.line) : "PTX line " + std::to_string(s.ptxLine);
}

std::string Program::describe(u32 index) const {
  const Statement& s = *origins[index].statement;
  std::string where = place(index);
  if (s.source.callerFile) where += " (inlined at " + place(s.source.callerFile, s.source.callerLine) + ")";
  return "kernel " + kernel->name + ", " + where + ", " + s.opcode;
}

Decoder::Decoder(const Module& module, const Function& kernel, const AddressOf& addressOf,
                 const RegisterUses* uses)
    : module_(module), kernel_(kernel), addressOf_(addressOf), program_(new Program), uses_(uses) {}

void Decoder::fail(const std::string& message) const {
  std::string where = statement_ ? "PTX line " + std::to_string(statement_->ptxLine) + ", instruction '" +
                                       statement_->opcode + "'"
                                 : "linking";
  std::string in = "kernel " + kernel_.name;
  if (function_ && function_ != &kernel_) in += ", function " + function_->name;
  bool namesFile = message.find(".cc)") != std::string::npos;
  std::string file =
      namesFile || !statement_ ? "" : " (" + OpTable::instance().fileOf(statement_->opcode) + ")";
  throw PtxError(in + ", " + where + ": " + message + file);
}

// Functions have no stack: each has its own registers and memory once, which forbids recursion.
void Decoder::collect(const Function& function, std::vector<const Function*>& active) {
  function_ = &function;
  if (std::find(active.begin(), active.end(), &function) != active.end())
    fail("recursion is not supported (test/emulator/exec/decoder.cc)");
  if (std::find(functions_.begin(), functions_.end(), &function) != functions_.end()) return;
  if (!function.defined)
    fail("function " + function.name + " is declared but not defined (test/emulator/exec/control_ops.cc)");
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
  for (const auto& [param, at] : kernelParams_) program_->params.add(param->name, at, param->size);
  u64 shared = 0, local = 0, index = 0, gaps = 0;
  const Variable* last = nullptr;  // shared array so far
  auto demandRoom = [&](const Variable& variable, u64 used, u64 most) {
    if (used <= most && variable.size <= most - used) return;
    fail(variable.name + " does not fit: at most " + std::to_string(most) +
         " bytes of its memory (test/emulator/exec/decoder.cc)");
  };
  // An array too small by a part of it shall not be rescued by the next one. A gap is a multiple of every
  // alignment, and of the banks, so all else is as on a GPU.
  auto placeShared = [&](const Variable& variable, u64 align) {
    shared = alignUp(shared, align);
    demandRoom(variable, shared, kStaticSharedLimit);
    if (last) {
      u64 first = placed_[last] + last->size;
      gaps += alignUp(last->size / 2 + 1, 1024);
      program_->sharedGaps.push_back({static_cast<u32>(first), static_cast<u32>(shared + gaps)});
    }
    placed_[&variable] = shared + gaps;
    if (variable.external) program_->sharedArrays.addDynamic(variable.name, shared + gaps);
    if (!variable.external) program_->sharedArrays.add(variable.name, shared + gaps, variable.size);
    last = &variable;
    shared += variable.size;
  };
  auto place = [&](const Variable& variable) {
    if (variable.space == Space::kShared) return placeShared(variable, variable.align);
    local = alignUp(local, variable.align);
    demandRoom(variable, local, kLocalLimit);
    placed_[&variable] = local;
    program_->localArrays.add(variable.name, local, variable.size);
    local += variable.size;
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
    registerAt_[function] = uses_ ? placeRegisters(*function, uses_->at(function), program_->registerBytes)
                                  : std::vector<u32>(function->registers.size(), 0);
  }
  // Dynamic shared memory starts behind all static shared memory, at its largest alignment.
  u64 dynamicAlign = 16;
  const Variable* dynamic = nullptr;  // all its names are one place
  for (const auto& variable : module_.variables) {
    if (variable->space != Space::kShared || !variable->external) continue;
    dynamicAlign = std::max<u64>(dynamicAlign, variable->align);
    dynamic = variable.get();
  }
  if (dynamic) placeShared(*dynamic, dynamicAlign);
  for (const auto& variable : module_.variables) {
    if (variable->space == Space::kShared && variable->external) placed_[variable.get()] = placed_[dynamic];
  }
  program_->sharedBytes = static_cast<u32>(shared);
  program_->sharedGapBytes = static_cast<u32>(gaps);
  program_->localBytes = static_cast<u32>(alignUp(local, 16));
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
      recorded_[function].emplace_back();
      if (last) {
        i.run = [](Warp& w, const Instruction& at, u32 mask) {
          reportMisuse(w, at, __builtin_ctz(mask), kIllegalInstruction,
                       "control runs off the end of a function");
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
    u32 guard = static_cast<u32>(s.guard);
    i.guard = placeOf(guard).code;
    use().reads.push_back(guard);
    use().guarded = true;
    i.guardFlip = s.guardNegated ? kAllLanes : 0;
  }
  const std::string name = s.opcode.substr(0, s.opcode.find('.'));
  use().endsFlow = s.guard < 0 && (name == "bra" || name == "brx" || name == "ret" || name == "exit");
  const OpTable& table = OpTable::instance();
  Origin& origin = program_->origins.back();
  if (const SimpleOp* op = table.simple(s.opcode)) {
    origin.kind = op->kind;
    expectOperands(op->bits.size());
    i.run = op->run;
    i.d = destination(s.operands[0], op->bits[0], op->takes[0]);
    Slot* const slots[] = {&i.a, &i.b, &i.c, &i.e};
    for (size_t o = 1; o < op->bits.size(); ++o)
      *slots[o - 1] = source(s.operands[o], op->bits[o], op->takes[o]);
    return;
  }
  const SpecialOp* op = table.specialOp(s.opcode);
  if (!op) fail("unknown instruction");
  origin.kind = op->kind;
  op->decode(*this, s, i);
}

}  // namespace emulator
