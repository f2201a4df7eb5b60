// Function bodies: declarations, statements and their operands.
#include "ptx/parser.h"
#include "ptx/types.h"

namespace emulator {

void Parser::body() {
  function_->defined = true;
  lexer_.enter(function_->name, "body_parser.cc");
  source_ = {};
  block();
}

void Parser::block() {
  lexer_.expect("{");
  scopes_.emplace_back();
  paramScopes_.emplace_back();
  while (!lexer_.accept("}")) {
    if (lexer_.peek().is("{")) {
      block();
    } else if (!directive()) {
      statement();
    }
  }
  scopes_.pop_back();
  paramScopes_.pop_back();
}

bool Parser::directive() {
  if (lexer_.accept(".reg")) {
    registerDeclaration();
  } else if (lexer_.accept(".loc")) {
    location();
    return true;
  } else if (lexer_.accept(".param")) {
    variable(Space::kParam, false, function_->variables);
  } else if (lexer_.accept(".local")) {
    variable(Space::kLocal, false, function_->variables);
  } else if (lexer_.accept(".shared")) {
    variable(Space::kShared, false, function_->variables);
  } else if (lexer_.accept(".pragma")) {
    do {
      lexer_.expectString();  // "nounroll" and its like steer ptxas only
    } while (lexer_.accept(","));
  } else {
    return false;
  }
  lexer_.expect(";");
  return true;
}

// .reg .f32 %f<5>;  or  .reg .b32 %a, %b;
void Parser::registerDeclaration() {
  Token type = lexer_.expectWord();
  u64 bits = type.text == ".pred" ? 1 : typeBytes(type.text) * 8;
  // What .bf16 holds is declared as .b16.
  if ((bits != 1 && bits != 16 && bits != 32 && bits != 64) || type.text == ".bf16") {
    lexer_.fail("a register of type " + std::string(type.text) + " is not known");
  }
  auto declare = [&](const std::string& name) {
    if (!scopes_.back().emplace(name, static_cast<u32>(function_->registers.size())).second)
      lexer_.fail("a register declared twice: " + name);
    function_->registers.push_back(static_cast<u8>(bits));
    function_->registerClasses.push_back(registerClass(type.text));
    function_->registerNames.push_back(name);
  };
  do {
    std::string name(lexer_.expectName());
    if (!lexer_.accept("<")) {
      declare(name);
      continue;
    }
    u64 count = lexer_.expectUnsigned();
    lexer_.expect(">");
    for (u64 i = 0; i < count; ++i) declare(name + std::to_string(i));
  } while (lexer_.accept(","));
}

// .loc file line column[, function_name label[+offset], inlined_at file line column]
void Parser::location() {
  source_ = {};
  source_.file = static_cast<u32>(lexer_.expectUnsigned());
  source_.line = static_cast<u32>(lexer_.expectUnsigned());
  lexer_.expectUnsigned();
  while (lexer_.accept(",")) {
    if (lexer_.accept("function_name")) {
      lexer_.expectWord();
      signedOffset();
    } else {
      lexer_.expect("inlined_at");
      source_.callerFile = static_cast<u32>(lexer_.expectUnsigned());
      source_.callerLine = static_cast<u32>(lexer_.expectUnsigned());
      lexer_.expectUnsigned();
    }
  }
}

void Parser::statement() {
  Statement made;
  made.ptxLine = lexer_.peek().line;
  made.source = source_;
  if (lexer_.accept("@")) {
    made.guardNegated = lexer_.accept("!");
    const u32* reg = findRegister(lexer_.peek().text);
    if (!reg || function_->registers[*reg] != 1) lexer_.fail("a guard must be a predicate");
    lexer_.take();
    made.guard = *reg;
  }
  if (lexer_.peek().text.substr(0, 1) == ".") lexer_.fail("unknown directive");
  Token word = lexer_.expectWord();
  if (made.guard < 0 && lexer_.accept(":")) {
    if (lexer_.accept(".branchtargets")) return branchTargets(std::string(word.text));
    if (!function_->labels.emplace(word.text, function_->statements.size()).second)
      lexer_.fail("a label defined twice");
    return;
  }
  made.opcode = std::string(word.text);
  lexer_.read(made.opcode);
  if (!lexer_.peek().is(";")) {
    do {
      made.operands.push_back(operand());
    } while (lexer_.accept(","));
  }
  lexer_.expect(";");
  lexer_.read("");
  function_->statements.push_back(std::move(made));
}

// name: .branchtargets A, B, C;
void Parser::branchTargets(const std::string& name) {
  std::vector<std::string>& targets = function_->branchTargets[name];
  do {
    targets.emplace_back(lexer_.expectWord().text);
  } while (lexer_.accept(","));
  lexer_.expect(";");
}

// Some instructions have a pair of destinations: %r|%p.
OperandText Parser::operand() {
  OperandText first = unit();
  if (!lexer_.accept("|")) return first;
  OperandText pair;
  pair.kind = OperandText::kPair;
  pair.parts = {std::move(first), unit()};
  return pair;
}

OperandText Parser::unit() {
  if (lexer_.peek().is("[")) return address();
  if (lexer_.peek().is("{") || lexer_.peek().is("(")) {
    bool vector = lexer_.take().text == "{";
    std::string_view end = vector ? "}" : ")";
    OperandText made;
    made.kind = vector ? OperandText::kVector : OperandText::kList;
    if (!vector && lexer_.accept(end)) return made;  // a call without parameters
    do {
      made.parts.push_back(unit());
    } while (lexer_.accept(","));
    lexer_.expect(end);
    return made;
  }
  bool negative = lexer_.accept("-");
  if (lexer_.peek().kind == Token::kNumber) return number(negative);
  if (negative) lexer_.fail("a sign before something that is not a number");
  bool inverted = lexer_.accept("!");
  OperandText made = named(std::string(lexer_.expectWord().text));
  if (inverted && (made.kind != OperandText::kRegister || function_->registers[made.reg] != 1)) {
    lexer_.fail("'!' before something that is not a predicate");
  }
  made.negated = inverted;
  return made;
}

OperandText Parser::address() {
  lexer_.expect("[");
  OperandText made;
  made.kind = OperandText::kAddress;
  made.parts.push_back(unit());
  made.value = signedOffset();
  lexer_.expect("]");
  return made;
}

OperandText Parser::number(bool negative) {
  Token token = lexer_.take();
  OperandText made;
  u64 bits = 0;
  bool f32 = token.text.size() == 10 && token.text.substr(0, 2) == "0f";
  bool f64 = token.text.size() == 18 && token.text.substr(0, 2) == "0d";
  if ((f32 || f64) && !negative && parseInteger("0x" + std::string(token.text.substr(2)), bits)) {
    made.kind = f32 ? OperandText::kFloat32 : OperandText::kFloat64;
  } else if (parseInteger(token.text, bits)) {
    made.kind = OperandText::kInteger;
    if (negative) bits = -bits;
  } else {
    lexer_.fail("unknown number " + std::string(token.text) + ", or one beyond 64 bits");
  }
  made.value = static_cast<i64>(bits);
  return made;
}

OperandText Parser::named(const std::string& name) {
  OperandText made;
  made.name = name;
  if (name == "_") return made;
  if (const u32* reg = findRegister(name)) {
    made.kind = OperandText::kRegister;
    made.reg = *reg;
  } else if (name[0] == '%') {
    made.kind = OperandText::kSpecial;
  } else if (const Variable* variable = findVariable(name)) {
    made.kind = OperandText::kVariable;
    made.variable = variable;
    made.value = signedOffset();
  } else if (module_.functions.count(name)) {
    made.kind = OperandText::kFunction;
  } else {
    made.kind = OperandText::kLabel;  // checked when branches are resolved: a label may stand further down
  }
  return made;
}

const u32* Parser::findRegister(std::string_view name) const {
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    auto found = scope->find(name);
    if (found != scope->end()) return &found->second;
  }
  return nullptr;
}

const Variable* Parser::findVariable(const std::string& name) const {
  for (auto scope = paramScopes_.rbegin(); scope != paramScopes_.rend(); ++scope) {
    auto found = scope->find(name);
    if (found != scope->end()) return found->second;
  }
  for (const auto& variable : module_.variables) {
    if (variable->name == name) return variable.get();
  }
  return nullptr;
}

}  // namespace emulator
