// Splits PTX text into words, numbers, strings and single punctuation characters.
#pragma once

#include <string>
#include <string_view>

#include "ptx/integers.h"

namespace emulator {

struct Token {
  enum Kind { kEnd, kWord, kNumber, kString, kPunctuation };
  Kind kind = kEnd;
  std::string_view text;
  u32 line = 0;  // line of the PTX text, for messages

  bool is(std::string_view wanted) const { return kind != kEnd && kind != kString && text == wanted; }
};

class Lexer {
 public:
  explicit Lexer(std::string_view text);

  const Token& peek() const { return token_; }
  Token take();
  bool accept(std::string_view wanted);  // consumes the token if it is `wanted`
  void expect(std::string_view wanted);
  Token expectWord();
  std::string_view expectName();  // that a declaration gives
  Token expectString();
  u64 expectUnsigned();
  // Throws PtxError, with the token that comes next and where the parser is.
  [[noreturn]] void fail(const std::string& message) const;
  void enter(const std::string& function, const char* file) { function_ = function, file_ = file; }
  void read(const std::string& opcode) { opcode_ = opcode; }  // an instruction; empty: none

 private:
  void advance();
  void skipBlanks();

  std::string_view text_;
  size_t at_ = 0;
  u32 line_ = 1;
  Token token_;
  std::string function_, opcode_;
  const char* file_ = "parser.cc";
};

// "0x1F", "12", "7U", "0b101", "017": the integer literals of PTX. False if the text is not one of them, or
// does not fit into 64 bits.
bool parseInteger(std::string_view text, u64& value);

}  // namespace emulator
