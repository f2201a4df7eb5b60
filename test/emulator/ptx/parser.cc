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
  module_.target = target();
  lexer_.expect(".address_size");
  if (lexer_.expectUnsigned() != 64) lexer_.fail("only .address_size 64 is known");
}

// Those that ptxas 13.0 knows, without the ones for a single architecture or family.
u32 Parser::target() {
  for (u32 known : {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121}) {
    if (lexer_.accept("sm_" + std::to_string(known))) return known;
  }
  lexer_.fail("unknown .target");
}

void Parser::file() {
  u64 index = lexer_.expectUnsigned();
  module_.files[static_cast<u32>(index)] = std::string(lexer_.expectString().text);
  if (!lexer_.accept(",")) return;
  lexer_.expectUnsigned();  // timestamp
  lexer_.expect(",");
  lexer_.expectUnsigned();  // size
}

// Debug sections hold bytes for debuggers only: { label: .b8 1,2,3  .b32 label+4 ... }
void Parser::section() {
  if (lexer_.expectWord().text[0] != '.') lexer_.fail("the name of a .section begins with a dot");
  lexer_.expect("{");
  while (!lexer_.accept("}")) {
    Token word = lexer_.expectWord();
    if (lexer_.accept(":")) continue;
    if (word.text.substr(0, 2) != ".b" || typeBytes(word.text) == 0)
      lexer_.fail("unknown word in a .section");
    do {
      debugValue();
    } while (lexer_.accept(","));
  }
}

// 7, -7, label, label+7, or label-label
void Parser::debugValue() {
  if (lexer_.peek().kind == Token::kWord) {
    lexer_.take();
    if (lexer_.accept("+")) lexer_.expectUnsigned();
    if (lexer_.accept("-")) lexer_.expectWord();
    return;
  }
  lexer_.accept("-");
  lexer_.expectUnsigned();
}

void Parser::linkage() {
  bool external = lexer_.accept(".extern");
  if (!external && !lexer_.accept(".visible") && !lexer_.accept(".weak")) lexer_.accept(".common");
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

// Zero if the text says nothing.
u64 Parser::alignment() {
  if (!lexer_.accept(".align")) return 0;
  u64 align = lexer_.expectUnsigned();
  if (align == 0 || (align & (align - 1)) != 0 || align > u64{1} << 31)
    lexer_.fail("an alignment must be a power of two of 32 bits");
  return align;
}

// .global .align 4 .b8 name[16] = {1, 2};
void Parser::variable(Space space, bool external, std::vector<std::unique_ptr<Variable>>& into) {
  auto made = std::make_unique<Variable>();
  made->space = space;
  made->external = external;
  u64 align = alignment();
  Token type = lexer_.expectWord();
  u64 elementSize = typeBytes(type.text);
  if (elementSize == 0) lexer_.fail("unknown type " + std::string(type.text));
  made->name = std::string(lexer_.expectName());
  made->size = elementSize;
  made->align = align ? align : elementSize;
  while (lexer_.accept("[")) {
    made->size *= lexer_.peek().is("]") ? 0 : lexer_.expectUnsigned();
    lexer_.expect("]");
  }
  bool hasInitial = space == Space::kGlobal || space == Space::kConst;
  if (hasInitial && lexer_.accept("=")) initializer(*made, elementSize);
  if (made->initial.size() > made->size) lexer_.fail("more initial values than elements");
  if (external && (space != Space::kShared || made->size != 0))
    lexer_.fail("only unsized .extern .shared is known");
  if (!external && made->size == 0) lexer_.fail("an array without a size");
  if (function_) paramScopes_.back()[made->name] = made.get();
  into.push_back(std::move(made));
}

void Parser::initializer(Variable& variable, u64 elementSize) {
  if (!lexer_.accept("{")) return initialValue(variable, elementSize);
  if (lexer_.accept("}")) return;
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

// Of a name: the sign stands behind a plus, [%rd1+-4].
i64 Parser::signedOffset() {
  i64 offset = 0;
  while (lexer_.accept("+")) {
    bool negative = lexer_.accept("-");
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
  function_->name = std::string(lexer_.expectName());
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
  if (lexer_.accept(")")) return;
  do {
    lexer_.expect(".param");
    // `.param .u64 .ptr .align 1 name`: the attribute says nothing that execution needs.
    auto made = std::make_unique<Variable>();
    made->space = Space::kParam;
    u64 align = alignment();
    u64 elementSize = typeBytes(lexer_.expectWord().text);
    if (elementSize == 0) lexer_.fail("unknown parameter type");
    if (lexer_.accept(".ptr")) {
      for (std::string_view space : {".global", ".shared", ".const", ".local"}) {
        if (lexer_.accept(space)) break;
      }
      alignment();
    }
    made->name = std::string(lexer_.expectName());
    made->size = elementSize;
    made->align = align ? align : elementSize;
    if (lexer_.accept("[")) {
      made->size *= lexer_.expectUnsigned();
      lexer_.expect("]");
    }
    paramScopes_.back()[made->name] = made.get();
    into.push_back(made.get());
    function_->variables.push_back(std::move(made));
  } while (lexer_.accept(","));
  lexer_.expect(")");
}

void Parser::performanceDirectives() {
  while (true) {
    bool maximum = lexer_.peek().is(".maxntid");
    if (maximum || lexer_.peek().is(".reqntid")) {
      lexer_.take();
      u64 threads = lexer_.expectUnsigned();
      for (int more = 0; more < 2 && lexer_.accept(","); ++more) threads *= lexer_.expectUnsigned();
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
