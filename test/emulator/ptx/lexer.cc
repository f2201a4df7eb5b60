#include "ptx/lexer.h"

#include <cctype>

#include "ptx/error.h"

namespace emulator {
namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool startsWord(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%' || c == '.';
}
bool continuesWord(char c) { return startsWord(c) || isDigit(c); }

}  // namespace

Lexer::Lexer(std::string_view text) : text_(text) { advance(); }

Token Lexer::take() {
  Token taken = token_;
  advance();
  return taken;
}

bool Lexer::accept(std::string_view wanted) {
  if (!token_.is(wanted)) return false;
  advance();
  return true;
}

void Lexer::expect(std::string_view wanted) {
  if (!accept(wanted)) fail("expected '" + std::string(wanted) + "'");
}

Token Lexer::expectWord() {
  if (token_.kind != Token::kWord) fail("expected a name");
  return take();
}

// A letter, or one of "_$%" and more, then letters, digits, '_' and '$': no dots, unlike in opcodes.
std::string_view Lexer::expectName() {
  std::string_view name = token_.text;
  bool wellFormed = token_.kind == Token::kWord && name.find_first_of(".:") == std::string_view::npos &&
                    name.find('%', 1) == std::string_view::npos && name != "WARP_SZ" &&
                    (name.size() > 1 || std::isalpha(static_cast<unsigned char>(name[0])));
  if (!wellFormed) fail("expected a name that can be declared");
  return take().text;
}

Token Lexer::expectString() {
  if (token_.kind != Token::kString) fail("expected a string");
  return take();
}

u64 Lexer::expectUnsigned() {
  u64 value = 0;
  if (token_.kind != Token::kNumber || !parseInteger(token_.text, value)) fail("expected an integer");
  advance();
  return value;
}

void Lexer::fail(const std::string& message) const {
  std::string found =
      token_.kind == Token::kEnd ? "the end of the text" : "'" + std::string(token_.text) + "'";
  std::string where = "PTX line " + std::to_string(token_.line);
  if (!function_.empty()) where = "kernel or function " + function_ + ", " + where;
  if (!opcode_.empty()) where += ", instruction '" + opcode_ + "'";
  throw PtxError(where + ": " + message + ", found " + found + " (test/emulator/ptx/" + file_ + ")");
}

void Lexer::skipBlanks() {
  while (at_ < text_.size()) {
    char c = text_[at_];
    if (c == '\n') ++line_;
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\0') {
      ++at_;
    } else if (text_.compare(at_, 2, "//") == 0) {
      at_ = text_.find('\n', at_);
      if (at_ == std::string_view::npos) at_ = text_.size();
    } else if (text_.compare(at_, 2, "/*") == 0) {
      size_t end = text_.find("*/", at_ + 2);
      if (end == std::string_view::npos) fail("a comment that never ends");
      for (; at_ < end + 2; ++at_) line_ += text_[at_] == '\n';
    } else {
      return;
    }
  }
}

void Lexer::advance() {
  skipBlanks();
  token_ = Token{Token::kEnd, {}, line_};
  if (at_ >= text_.size()) return;
  size_t start = at_;
  char c = text_[at_];
  if (c == '"') {
    size_t end = text_.find('"', at_ + 1);
    if (end == std::string_view::npos) fail("a string that never ends");
    token_ = Token{Token::kString, text_.substr(at_ + 1, end - at_ - 1), line_};
    at_ = end + 1;
    return;
  }
  if (isDigit(c)) {
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])))) ++at_;
    token_ = Token{Token::kNumber, text_.substr(start, at_ - start), line_};
    return;
  }
  if (startsWord(c)) {
    // "::" belongs to a word ("shared::cta", "L2::128B"); a single ':' ends a label.
    while (at_ < text_.size() && (continuesWord(text_[at_]) || text_.compare(at_, 2, "::") == 0)) {
      at_ += text_[at_] == ':' ? 2 : 1;
    }
    token_ = Token{Token::kWord, text_.substr(start, at_ - start), line_};
    return;
  }
  ++at_;
  token_ = Token{Token::kPunctuation, text_.substr(start, 1), line_};
}

bool parseInteger(std::string_view text, u64& value) {
  if (!text.empty() && text.back() == 'U') text.remove_suffix(1);
  int base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 2 && text[0] == '0' && (text[1] == 'b' || text[1] == 'B')) {
    base = 2;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
    text.remove_prefix(1);
  }
  value = 0;
  for (char c : text) {
    int digit = isDigit(c) ? c - '0' : std::isalpha(static_cast<unsigned char>(c)) ? (c | 32) - 'a' + 10 : 99;
    if (digit >= base) return false;
    bool overflows = __builtin_mul_overflow(value, static_cast<u64>(base), &value);
    if (overflows || __builtin_add_overflow(value, static_cast<u64>(digit), &value)) return false;
  }
  return !text.empty();
}

}  // namespace emulator
