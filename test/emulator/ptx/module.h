// A PTX module as parsed: names resolved to declarations, nothing decoded yet.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ptx/types.h"

namespace emulator {

enum class Space : u8 { kGeneric, kParam, kLocal, kShared, kGlobal, kConst };

struct Variable {
  std::string name;
  Space space = Space::kGlobal;
  u64 align = 1;
  u64 size = 0;
  bool external = false;    // `.extern .shared`: the dynamic shared memory of the launch
  std::vector<u8> initial;  // shorter than size: the rest is zero
  struct Pointer {
    u64 at;
    std::string symbol;
    i64 offset;
  };
  std::vector<Pointer> pointers;  // initial values that are addresses of other variables
};

struct SourceLine {
  u32 file = 0, line = 0;
  u32 callerFile = 0, callerLine = 0;  // where the function holding this line was inlined, if it was
};

struct OperandText {
  enum Kind {
    kRegister,
    kSpecial,
    kInteger,
    kFloat32,
    kFloat64,
    kVariable,
    kLabel,
    kFunction,
    kSink,
    kVector,
    kAddress,
    kList,
    kPair
  };
  Kind kind = kSink;
  u32 reg = 0;           // index into Function::registers
  bool negated = false;  // !%p
  i64 value = 0;         // integer, float bits, or the offset of an address or variable
  std::string name;      // special register, label, function
  const Variable* variable = nullptr;
  std::vector<OperandText> parts;  // of {a,b}, (a,b), a|b, or the one base of an address
};

struct Statement {
  i64 guard = -1;  // register index of @%p, or -1
  bool guardNegated = false;
  std::string opcode;
  std::vector<OperandText> operands;
  SourceLine source;
  u32 ptxLine = 0;
};

struct Function {
  std::string name;
  bool entry = false;
  bool defined = false;
  std::vector<Variable*> params, returns;
  std::vector<std::unique_ptr<Variable>> variables;  // every .param, .local and .shared of this function
  std::vector<u8> registers;                         // width in bits: 1 (.pred), 16, 32, 64
  std::vector<RegisterClass> registerClasses;
  std::vector<std::string> registerNames;
  std::vector<Statement> statements;
  std::map<std::string, u32> labels;                              // to an index of statements
  std::map<std::string, std::vector<std::string>> branchTargets;  // lists of labels, for brx.idx
  u32 maxThreads = 0, requiredThreads = 0;                        // .maxntid, .reqntid: 0 where absent
};

struct Module {
  u32 target = 0;  // 80 for sm_80
  std::map<u32, std::string> files;
  std::vector<std::unique_ptr<Variable>> variables;
  std::map<std::string, std::unique_ptr<Function>> functions;
};

// Throws PtxError on anything it does not know: a directive, a symbol, or one unconsumed character.
Module parseModule(std::string_view text);

}  // namespace emulator
