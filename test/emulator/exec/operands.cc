// The operands of statements, and the places of what they name.
#include "exec/decoder.h"
#include "exec/specials.h"

namespace emulator {

void Decoder::expectOperands(size_t count) const {
  if (statement_->operands.size() != count) fail("expected " + std::to_string(count) + " operands");
}

u8 Decoder::bitsOf(const OperandText& operand) const {
  return operand.kind == OperandText::kRegister ? function_->registers[operand.reg] : 0;
}

Slot Decoder::placeOf(u32 reg) const { return Slot{registerAt_.at(function_)[reg]}; }

Slot Decoder::readRegister(const OperandText& operand) {
  use().reads.push_back(operand.reg);
  return placeOf(operand.reg);
}

void Decoder::demandClass(const OperandText& reg, Takes takes) const {
  RegisterClass declared = function_->registerClasses[reg.reg];
  if (declared != kPredicateRegister && !(declared & takes))
    fail("a register of a class that does not fit: " + function_->registerNames[reg.reg]);
}

Slot Decoder::destination(const OperandText& operand, u8 bits, Takes takes) {
  if (operand.kind == OperandText::kSink && takes & kTakesSink) {
    // What goes to '_' is written to a register of its own.
    Slot slot{program_->registerBytes};
    program_->registerBytes += registerBytes(bits);
    return slot;
  }
  if (bitsOf(operand) != bits || operand.negated)
    fail("the destination must be a register of " + std::to_string(bits) + " bits");
  demandClass(operand, takes);
  use().writes.push_back(operand.reg);
  return placeOf(operand.reg);
}

void Decoder::demandSomeResult(const OperandText& vector) const {
  for (const OperandText& part : vector.parts) {
    if (part.kind != OperandText::kSink) return;
  }
  fail("a vector without a result");
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

Slot Decoder::source(const OperandText& o, u8 bits, Takes takes) {
  switch (o.kind) {
    case OperandText::kRegister:
      if (bitsOf(o) != bits) fail("an operand must have " + std::to_string(bits) + " bits");
      if (o.negated) fail("'!' is not possible here");
      demandClass(o, takes);
      return readRegister(o);
    case OperandText::kSpecial:
      if (!(takes & kTakesSpecial)) break;
      if (specialBits(o.name) != bits)
        fail("unknown special register " + o.name +
             ", or not of this width (test/emulator/exec/specials.cc)");
      return special(o.name);
    case OperandText::kInteger:
      if (!(takes & kTakesIntegerLiteral)) break;
      return literal(static_cast<u64>(o.value), bits);
    case OperandText::kFloat32:
    case OperandText::kFloat64:
      if (!(takes & kTakesFloatLiteral) || bits != (o.kind == OperandText::kFloat32 ? 32 : 64)) break;
      return literal(static_cast<u64>(o.value), bits);
    case OperandText::kVariable:
      if (!(takes & kTakesVariable)) break;
      if (bits < 64 && (o.variable->space == Space::kGlobal || o.variable->space == Space::kConst))
        fail("an address of 64 bits in " + std::to_string(bits));
      return literal(placeOf(*o.variable) + static_cast<u64>(o.value), bits);
    default:
      break;
  }
  fail("an operand of a kind that does not fit" +
       (o.name.empty() ? std::string() : ": unknown symbol " + o.name));
}

Slot Decoder::predicate(const OperandText& o, bool& negated) {
  if (bitsOf(o) != 1) fail("expected a predicate");
  negated = o.negated;
  return readRegister(o);
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
    demandClass(base, kTakesInteger);
    if (bitsOf(base) == 32 && (form.space == Space::kGeneric || form.space == Space::kGlobal))
      fail("an address of 32 bits in a space of 64");
    form.base = readRegister(base);
    form.addressBytes = bitsOf(base) / 8;
  } else if (base.kind == OperandText::kInteger && form.space != Space::kLocal) {
    fail("a literal can be an address in local memory only");
  } else if (base.kind != OperandText::kInteger) {
    fail("an address of a kind that is not known: unknown symbol " + base.name);
  }
}

void Decoder::noteNarrowAccess(Space space, u32 bytes) {
  if (bytes >= 4) return;
  if (space == Space::kShared || space == Space::kGeneric) program_->sharedGranule = 1;
  if (space == Space::kGlobal || space == Space::kGeneric) program_->globalGranule = 1;
}

u32 Decoder::labelTarget(const std::string& label) {
  auto found = function_->labels.find(label);
  if (found == function_->labels.end()) fail("unknown label " + label);
  use().targets.push_back(found->second);
  return entries_.at(function_) + found->second;
}

const Function& Decoder::calledFunction(const std::string& name) {
  auto found = module_.functions.find(name);
  if (found == module_.functions.end()) fail("unknown function " + name);
  return *found->second;
}

}  // namespace emulator
