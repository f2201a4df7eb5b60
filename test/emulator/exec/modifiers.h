// The modifiers of instructions that take many: a table of each instruction says which there are and what
// goes together. As for ptxas, their order is free, and a word that the table does not hold does not exist.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "exec/decoder.h"

namespace emulator {

// Words of one category exclude each other. The name of the instruction counts as a word, so that a rule can
// demand what it always needs.
class ModifierTable {
 public:
  struct Category {
    std::string name, words;
  };
  struct Rule {
    std::string words;  // each of them ...
    enum Relation { kNeeds, kExcludes } relation;
    std::string others;  // ... one of these, or all of these
  };
  ModifierTable(const std::string& instruction, const std::vector<Category>& categories,
                const std::vector<Rule>& rules);

 private:
  friend class Modifiers;
  using Set = u64;  // a bit per word
  struct Known {
    size_t bit;
    std::string category;
  };
  struct Condition {
    Set words;
    Rule::Relation relation;
    Set others;
  };
  void add(const std::string& category, const std::string& words);
  Set setOf(const std::string& words) const;
  std::string list(Set words) const;

  std::unordered_map<std::string, Known> known_;
  std::vector<std::string> words_;  // by bit
  std::vector<Condition> conditions_;
};

// What one statement says, checked. `parts`: its name and its modifiers.
class Modifiers {
 public:
  Modifiers(const Decoder& decoder, const ModifierTable& table, const std::vector<std::string>& parts);
  const std::string& operator[](const std::string& category) const;  // the word of it, or nothing
  bool has(const std::string& word) const;

 private:
  void check(const Decoder& decoder) const;

  const ModifierTable& table_;
  ModifierTable::Set given_ = 0;
  std::unordered_map<std::string, std::string> byCategory_;
};

}  // namespace emulator
