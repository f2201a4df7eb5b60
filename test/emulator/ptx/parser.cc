// Module level: directives, variables, and the heads of functions.
#include "ptx/parser.h"

#include <utility>

#include "ptx/types.h"

namespace emulator {

Module Parser::parse() {
  header();
  while (lexer_.peek().kind != Token::kEnd) linkage();
  return std::move(module_);
}

void Parser::header() {
  lexer_.expect(".version");
  // nvcc 13.0 writes 9.0. Of another version, read in the PTX manual what it changed before it is trusted.
  constexpr const char* kVersion = "unknown .version: only 9.0 is known";
  if (!lexer_.accept("9")) lexer_.fail(kVersion);
  if (!lexer_.accept(".0")) lexer_.fail(kVersion);
  lexer_.expect(".target");
  std::string target(lexer_.peek().text);
  u64 number = 0;
  if (target.rfind("sm_", 0) != 0 || !parseInteger(target.substr(3), number))
    lexer_.fail("unknown .target: only sm_ and a number is known");
  lexer_.take();
  module_.target = static_cast<u32>(number);
  lexer_.expect(".address_size");
  if (lexer_.expectUnsigned() != 64) lexer_.fail("only .address_size 64 is known");
}

void Parser::file() {
  u64 index = lexer_.expectUnsigned();
  if (lexer_.peek().kind != Token::kString) lexer_.fail("expected a file name");
  module_.files[static_cast<u32>(index)] = std::string(lexer_.take().text);
  while (lexer_.accept(",")) lexer_.expectUnsigned();  // timestamp, size
}

// Debug sections hold bytes for debuggers only: { label: .b8 1,2,3 ... }
void Parser::section() {
  lexer_.expectWord();
  lexer_.expect("{");
  while (!lexer_.accept("}")) {
    Token word = lexer_.expectWord();
    if (lexer_.accept(":")) continue;
    if (typeBytes(word.text) == 0) lexer_.fail("unknown word in a .section");
    do {
      lexer_.accept("-");
      lexer_.take();
      if (lexer_.accept("+")) lexer_.take();
    } while (lexer_.accept(","));
  }
}

void Parser::linkage() {
  bool external = false;
  while (true) {
    if (lexer_.accept(".extern")) {
      external = true;
    } else if (!lexer_.accept(".visible") && !lexer_.accept(".weak") && !lexer_.accept(".common")) {
      break;
    }
  }
  if (lexer_.accept(".file")) return file();
  if (lexer_.accept(".section")) return section();
  if (lexer_.accept(".entry")) return function(true);
  if (lexer_.accept(".func")) return function(false);
  if (lexer_.accept(".global")) {
    variable(Space::kGlobal, external, module_.variables);
  } else if (lexer_.accept(".const")) {
    variable(Space::kConst, external, module_.variables);
  } else if (lexer_.accept(".shared")) {
    variable(Space::kShared, external, module_.variables);
  } else {
    lexer_.fail("unknown module-level directive");
  }
  lexer_.expect(";");
}

// .global .align 4 .b8 name[16] = {1, 2};
void Parser::variable(Space space, bool external, std::vector<std::unique_ptr<Variable>>& into) {
  auto made = std::make_unique<Variable>();
  made->space = space;
  made->external = external;
  u64 align = lexer_.accept(".align") ? lexer_.expectUnsigned() : 0;
  Token type = lexer_.expectWord();
  u64 elementSize = typeBytes(type.text);
  if (elementSize == 0) lexer_.fail("unknown type " + std::string(type.text));
  made->name = std::string(lexer_.expectWord().text);
  made->size = elementSize;
  made->align = align ? align : elementSize;
  while (lexer_.accept("[")) {
    made->size *= lexer_.peek().is("]") ? 0 : lexer_.expectUnsigned();
    lexer_.expect("]");
  }
  if (lexer_.accept("=")) initializer(*made, elementSize);
  if (external && (space != Space::kShared || made->size != 0))
    lexer_.fail("only unsized .extern .shared is known");
  if (function_) paramScopes_.back()[made->name] = made.get();
  into.push_back(std::move(made));
}

void Parser::initializer(Variable& variable, u64 elementSize) {
  if (!lexer_.accept("{")) return initialValue(variable, elementSize);
  do {
    if (lexer_.peek().is("{")) {
      initializer(variable, elementSize);
    } else {
      initialValue(variable, elementSize);
    }
  } while (lexer_.accept(","));
  lexer_.expect("}");
}

void Parser::initialValue(Variable& variable, u64 elementSize) {
  u64 bits = 0;
  if (lexer_.peek().kind == Token::kWord) {
    bool generic = lexer_.accept("generic");
    if (generic) lexer_.expect("(");
    std::string symbol(lexer_.expectWord().text);
    if (generic) lexer_.expect(")");
    variable.pointers.push_back({variable.initial.size(), symbol, signedOffset()});
  } else {
    bool negative = lexer_.accept("-");
    bits = static_cast<u64>(number(negative).value);
  }
  for (u64 byte = 0; byte < elementSize; ++byte)
    variable.initial.push_back(static_cast<u8>(bits >> (8 * byte)));
}

i64 Parser::signedOffset() {
  i64 offset = 0;
  while (lexer_.peek().is("+") || lexer_.peek().is("-")) {
    bool negative = lexer_.take().text == "-";
    if (lexer_.accept("-")) negative = !negative;  // nvcc writes [%rd1+-4]
    i64 step = static_cast<i64>(lexer_.expectUnsigned());
    offset += negative ? -step : step;
  }
  return offset;
}

void Parser::function(bool entry) {
  auto made = std::make_unique<Function>();
  made->entry = entry;
  function_ = made.get();
  scopes_.assign(1, {});
  paramScopes_.assign(1, {});
  if (lexer_.peek().is("(")) parameters(function_->returns);
  function_->name = std::string(lexer_.expectWord().text);
  lexer_.enter(function_->name, "parser.cc");
  if (lexer_.peek().is("(")) parameters(function_->params);
  performanceDirectives();
  if (!lexer_.accept(";")) body();
  // A definition replaces its forward declaration.
  auto& slot = module_.functions[function_->name];
  if (!slot || !slot->defined) slot = std::move(made);
  function_ = nullptr;
  lexer_.enter("", "parser.cc");
}

void Parser::parameters(std::vector<Variable*>& into) {
  lexer_.expect("(");
  while (!lexer_.accept(")")) {
    lexer_.expect(".param");
    // `.param .u64 .ptr .align 1 name`: the attribute says nothing that execution needs.
    auto made = std::make_unique<Variable>();
    made->space = Space::kParam;
    u64 align = lexer_.accept(".align") ? lexer_.expectUnsigned() : 0;
    u64 elementSize = typeBytes(lexer_.expectWord().text);
    if (elementSize == 0) lexer_.fail("unknown parameter type");
    if (lexer_.accept(".ptr")) {
      for (std::string_view space : {".global", ".shared", ".const", ".local"}) lexer_.accept(space);
      if (lexer_.accept(".align")) lexer_.expectUnsigned();
    }
    made->name = std::string(lexer_.expectWord().text);
    made->size = elementSize;
    made->align = align ? align : elementSize;
    if (lexer_.accept("[")) {
      made->size *= lexer_.expectUnsigned();
      lexer_.expect("]");
    }
    paramScopes_.back()[made->name] = made.get();
    into.push_back(made.get());
    function_->variables.push_back(std::move(made));
    if (!lexer_.peek().is(")")) lexer_.expect(",");
  }
}

void Parser::performanceDirectives() {
  while (true) {
    bool maximum = lexer_.peek().is(".maxntid");
    if (maximum || lexer_.peek().is(".reqntid")) {
      lexer_.take();
      u64 threads = lexer_.expectUnsigned();
      while (lexer_.accept(",")) threads *= lexer_.expectUnsigned();
      (maximum ? function_->maxThreads : function_->requiredThreads) = static_cast<u32>(threads);
    } else if (lexer_.accept(".minnctapersm") || lexer_.accept(".maxnreg")) {
      lexer_.expectUnsigned();
    } else if (!lexer_.accept(".noreturn")) {
      if (lexer_.peek().text.substr(0, 1) == ".") lexer_.fail("unknown directive of a function");
      return;
    }
  }
}

Module parseModule(std::string_view text) { return Parser(text).parse(); }

}  // namespace emulator
