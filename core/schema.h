// The fields of every operation, for TypeScript's encoder: derived from the same `visit` that decodes them.
#pragma once
#include <string>
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
};

std::vector<RuleSchema> rule_schemas();

}  // namespace adastep
