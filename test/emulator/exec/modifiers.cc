#include "exec/modifiers.h"

#include <sstream>
#include <stdexcept>

namespace emulator {

ModifierTable::ModifierTable(const std::string& instruction, const std::vector<Category>& categories,
                             const std::vector<Rule>& rules) {
  add("instruction", instruction);
  for (const Category& category : categories) add(category.name, category.words);
  for (const Rule& rule : rules)
    conditions_.push_back({setOf(rule.words), rule.relation, setOf(rule.others)});
}

void ModifierTable::add(const std::string& category, const std::string& words) {
  std::istringstream in(words);
  for (std::string word; in >> word;) {
    if (words_.size() == 8 * sizeof(Set) || !known_.emplace(word, Known{words_.size(), category}).second)
      throw std::logic_error("too many modifiers, or one twice: " + word);
    words_.push_back(word);
  }
}

ModifierTable::Set ModifierTable::setOf(const std::string& words) const {
  std::istringstream in(words);
  Set set = 0;
  for (std::string word; in >> word;) set |= Set{1} << known_.at(word).bit;
  return set;
}

std::string ModifierTable::list(Set words) const {
  std::string text;
  for (size_t bit = 0; bit < words_.size(); ++bit) {
    if (words >> bit & 1) text += (text.empty() ? "" : " ") + words_[bit];
  }
  return text;
}

Modifiers::Modifiers(const Decoder& decoder, const ModifierTable& table,
                     const std::vector<std::string>& parts)
    : table_(table) {
  for (const std::string& word : parts) {
    auto found = table.known_.find(word);
    if (found == table.known_.end()) decoder.fail("unknown modifier ." + word);
    auto first = byCategory_.emplace(found->second.category, word);
    if (!first.second) decoder.fail("two modifiers of one kind: ." + first.first->second + " and ." + word);
    given_ |= ModifierTable::Set{1} << found->second.bit;
  }
  check(decoder);
}

void Modifiers::check(const Decoder& decoder) const {
  for (const ModifierTable::Condition& condition : table_.conditions_) {
    ModifierTable::Set here = given_ & condition.words, others = given_ & condition.others;
    if (!here) continue;
    if (condition.relation == ModifierTable::Rule::kNeeds && !others)
      decoder.fail("'" + table_.list(here) + "' needs one of: " + table_.list(condition.others));
    if (condition.relation == ModifierTable::Rule::kExcludes && others)
      decoder.fail("'" + table_.list(here) + "' does not go with '" + table_.list(others) + "'");
  }
}

const std::string& Modifiers::operator[](const std::string& category) const {
  static const std::string none;
  auto found = byCategory_.find(category);
  return found == byCategory_.end() ? none : found->second;
}

bool Modifiers::has(const std::string& word) const {
  auto found = table_.known_.find(word);
  return found != table_.known_.end() && (given_ >> found->second.bit & 1);
}

}  // namespace emulator
