// The fields of every operation, for TypeScript's encoder: derived from the same `visit` that decodes them.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace adastep {

struct FieldSchema {
  std::string name;
  std::string kind;  // "choice", "count", "real", "flag", "dims", "in", "out" or "inout"
  bool optional = false;
  std::vector<std::string> values;  // of a choice
};

struct OpSchema {
  std::string name;
  std::vector<FieldSchema> fields;
};

std::vector<OpSchema> op_schemas();

struct RuleSchema {
  std::string name, states;  // state names separated by spaces
  int hyper, running, step;  // sizes: doubles, doubles, floats
  int direction, second;     // which state is the direction, which the second moment; -1: none
  int squares;               // which states are sums or means of squares: as bits
  int positive;              // which states are never negative, and divide: as bits
  bool measures;             // whether it takes sums over all parameters before the update
};

std::vector<RuleSchema> rule_schemas();

// What the host has to know of the memory of a step: counts of elements and of words.
std::vector<std::pair<std::string, int64_t>> step_sizes();

}  // namespace adastep
