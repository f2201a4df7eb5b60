#include "core/schema.h"

#include "core/op.h"

namespace adastep {

namespace {

class Describer {
 public:
  explicit Describer(OpSchema& schema) : schema_(schema) {}

  template <class E, size_t N>
  void choice(const char* name, E&, const char* const (&names)[N]) {
    schema_.fields.push_back({name, "choice", false, {names, names + N}});
  }
  void count(const char* name, int64_t&) { add(name, "count"); }
  template <class T>
  void real(const char* name, T&) {
    add(name, "real");
  }
  void flag(const char* name, bool&) { add(name, "flag"); }
  void dims(const char* name, Dims&) { add(name, "dims"); }
  void check(bool, const char*, const char*) {}
  template <class T>
  void span(const char* name, In<T>&, int64_t, Aliasing = Aliasing::kNever) {
    add(name, "in");
  }
  template <class T>
  void span(const char* name, Out<T>&, int64_t) {
    add(name, "out");
  }
  template <class T>
  void span(const char* name, InOut<T>&, int64_t) {
    add(name, "inout");
  }
  void span(const char* name, In<Raw>&, int64_t, DType) { add(name, "in"); }
  void span(const char* name, Out<Raw>&, int64_t, DType) { add(name, "out"); }
  void span(const char* name, InOut<Raw>&, int64_t, DType) { add(name, "inout"); }
  template <class T>
  void optional(const char* name, In<T>&, int64_t) {
    add(name, "in", true);
  }
  template <class T>
  void optional(const char* name, InOut<T>&, int64_t) {
    add(name, "inout", true);
  }
  void optional(const char* name, InOut<Raw>&, int64_t, DType) { add(name, "inout", true); }

 private:
  void add(const char* name, const char* kind, bool optional = false) {
    schema_.fields.push_back({name, kind, optional, {}});
  }
  OpSchema& schema_;
};

template <class T>
OpSchema describe() {
  OpSchema schema{T::kName, {}};
  Describer describer(schema);
  T op{};
  op.visit(describer);
  return schema;
}

}  // namespace

std::vector<OpSchema> op_schemas() {
  std::vector<OpSchema> schemas;
#define ADASTEP_DESCRIBE(type) schemas.push_back(describe<type>());
  ADASTEP_FOR_EACH_OP(ADASTEP_DESCRIBE)
#undef ADASTEP_DESCRIBE
  return schemas;
}

std::vector<RuleSchema> rule_schemas() {
  std::vector<RuleSchema> schemas;
  for (int i = 0; i < kRuleCount; i++) {
    const RuleSize size = rule_size(static_cast<RuleId>(i));
    schemas.push_back({kRuleNames[i], kRuleStates[i], size.hyper, size.running, size.step, size.direction,
                       size.second, size.squares, size.positive, size.measures});
  }
  return schemas;
}

std::vector<std::pair<std::string, int64_t>> step_sizes() {
  return {{"tile", kTile},
          {"scaleBlock", kScaleBlock},
          {"segment", kSegmentWords},
          {"sums", kSums},
          {"gradientSums", kGradientSums},
          {"control", kControlWords},
          {"rowHead", kRowHead},
          {"settings", kSettingsWords},
          {"guard", kGuardWords},
          {"window", kWindow},
          {"log", kLog}};
}

}  // namespace adastep
