// The parser's class: parser.cc holds what stands at module level, body_parser.cc what stands inside
// functions.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ptx/lexer.h"
#include "ptx/module.h"

namespace emulator {

using Scope = std::map<std::string, u32, std::less<>>;

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) {}
  Module parse();

 private:
  void header();
  u32 target();
  void file();
  void section();
  void debugValue();
  void linkage();
  void variable(Space space, bool external, std::vector<std::unique_ptr<Variable>>& into);
  u64 alignment();
  void initializer(Variable& variable, u64 elementSize);
  void initialValue(Variable& variable, u64 elementSize);
  void function(bool entry);
  void parameters(std::vector<Variable*>& into);
  void performanceDirectives();
  void body();
  void block();
  bool directive();
  void registerDeclaration();
  void location();
  void statement();
  void branchTargets(const std::string& name);
  OperandText operand();
  OperandText unit();
  OperandText address();
  OperandText number(bool negative);
  OperandText named(const std::string& name);
  i64 signedOffset();
  const Variable* findVariable(const std::string& name) const;
  const u32* findRegister(std::string_view name) const;

  Lexer lexer_;
  Module module_;
  Function* function_ = nullptr;
  std::vector<Scope> scopes_;                                        // registers, innermost last
  std::vector<std::map<std::string, const Variable*>> paramScopes_;  // and variables of this function
  SourceLine source_;
};

}  // namespace emulator
