// Advance and Update: rules against a reference in double, every rule and every kind of memory on every level
// and number of threads, and what must not be touched.
#include <algorithm>
#include <cmath>
#include <map>

#include "check.h"

namespace adastep::test {

namespace {

const float* floats(const Bytes& after, int memory) {
  return reinterpret_cast<const float*>(after[static_cast<size_t>(memory)].data());
}
const double* doubles(const Bytes& after, int memory) {
  return reinterpret_cast<const double*>(after[static_cast<size_t>(memory)].data());
}

const std::vector<int64_t> kLengths = {0, 1, 3, 15, 16, 17, 255, 256, 257, 1023, 1024, 1025, 0, 65537, 0};

// One element of a rule in double, as PyTorch writes it; `t` is the number of the step, from 1.
using Rule = std::function<void(int t, double lr, double& p, double g, double* state)>;

void sgd(int, double lr, double& p, double g, double*) { p -= lr * (g + 0.01 * p); }

void momentum(int t, double lr, double& p, double g, double* state) {
  g += 0.01 * p;
  state[0] = t == 1 ? g : 0.9 * state[0] + 0.5 * g;
  p -= lr * (g + 0.9 * state[0]);
}

void adagrad(int t, double lr, double& p, double g, double* state) {
  g += 0.01 * p;
  state[0] += g * g;
  p -= lr / (1 + (t - 1) * 0.05) * g / (std::sqrt(state[0]) + 1e-8);
}

void adam(bool decoupled, int t, double lr, double& p, double g, double* state) {
  if (decoupled) {
    p -= lr * 0.01 * p;
  } else {
    g += 0.01 * p;
  }
  state[0] = 0.9 * state[0] + 0.1 * g;
  state[1] = 0.999 * state[1] + 0.001 * g * g;
  const double m = state[0] / (1 - std::pow(0.9, t)), v = state[1] / (1 - std::pow(0.999, t));
  p -= lr * m / (std::sqrt(v) + 1e-8);
}

bool near(double a, double b, double tolerance) { return std::fabs(a - b) <= tolerance * (1 + std::fabs(b)); }

// Three steps over segments of three groups, the gradient clipped to a norm and by value.
void reference(const std::string& name, const RuleRow& row, const Rule& rule) {
  StepOptions options;
  options.lengths = kLengths, options.groups = 3, options.shift = 1, options.norm_first = true;
  options.average = true;
  options.settings.max_norm = 100, options.settings.clip_value = 0.5;
  const StepCase step(row, options);
  const std::vector<bool> counted = step.owned(kG);
  double squares = 0;
  for (size_t i = 0; i < counted.size(); i++) {
    const double g = step.images[kG].as<float>()[i];
    if (counted[i]) squares += g * g;
  }
  const double norm = std::sqrt(squares);
  const double factor = (row.hyper[2] != 0 ? -1 : 1) * std::min(1.0, 100 / (norm + 1e-6));

  run_steps(name, step, 3, [&](const std::string& what, const Bytes& after) {
    check(near(floats(after, kNorm)[0], norm, 1e-6), what + ": norm");
    check(doubles(after, kRunning)[0] == 3, what + ": counts its steps");
    bool same = true;
    for (int64_t s = 0; s < step.count; s++) {
      const Segment of = step.segment(s);
      for (int64_t i = 0; i < of.length; i++) {
        double p = step.images[kP].as<float>()[of.p + i], state[kMaxStates] = {};
        double average = step.images[kAverage].as<float>()[of.state + i];
        const double g = factor * step.images[kG].as<float>()[of.g + i];
        for (int t = 1; t <= 3; t++) {
          rule(t, row.hyper[0] / static_cast<double>(1 + of.group), p, std::min(std::max(g, -0.5), 0.5),
               state);
          average = 0.75 * average + 0.25 * p;
        }
        same &= near(floats(after, kP)[of.p + i], p, 4e-6) &&
                near(floats(after, kAverage)[of.state + i], average, 4e-6);
        for (int k = 0; k < rule_size(row.id).states; k++)
          same &= near(floats(after, kState + k)[of.state + i], state[k], 4e-6);
      }
    }
    check(same, what + ": as the reference");
  });
}

// What no segment owns stays as it was: gaps between parameters, and the padding of states.
void check_gaps(const std::string& what, const StepCase& step, const Bytes& after) {
  bool same = true;
  for (Memory memory : {kP, kState}) {
    const std::vector<bool> mine = step.owned(memory);
    const int last = memory == kP ? kP : kState + rule_size(step.row.id).states - 1;
    for (int at = memory; at <= last; at++) {
      const std::vector<char>&before = step.images[static_cast<size_t>(at)].bytes,
            &now = after[static_cast<size_t>(at)];
      const size_t size = now.size() / mine.size();
      for (size_t i = 0; i < mine.size(); i++)
        same &= mine[i] || std::memcmp(&before[i * size], &now[i * size], size) == 0;
    }
  }
  check(same, what + ": nothing but its segments is written");
}

struct Kind {
  const char* name;
  DType dtype, state_type;
  bool extras;
};
constexpr Kind kKinds[] = {{"f32", DType::kF32, DType::kF32, false},
                           {"f32, bf16 states", DType::kF32, DType::kBF16, true},
                           {"bf16, u8 states", DType::kBF16, DType::kU8, false},
                           {"bf16", DType::kBF16, DType::kF32, true}};

void every_rule() {
  for (const RuleRow& row : rule_rows()) {
    for (const Kind& kind : kKinds) {
      if (kind.state_type != DType::kF32 && rule_size(row.id).states > kMaxPackedStates) continue;
      StepOptions options;
      options.lengths = {1, 0, 17, 1025, 255, 3000}, options.groups = 2, options.shift = kind.extras ? 1 : 0;
      options.dtype = kind.dtype, options.state_type = kind.state_type;
      options.average = options.copy = kind.extras;
      options.settings.watch_every = 2;
      const StepCase step(row, options);
      run_steps(row.name() + ", " + kind.name, step, 3, [&](const std::string& what, const Bytes& after) {
        check_gaps(what, step, after);
        check(after[kP] != step.images[kP].bytes, what + ": updates");
      });
    }
  }
}

// Beyond 2^31 elements, by the arithmetic of addresses alone: what lies far from the start of its span, and
// the end of a long parameter, get what they get near by, but for stochastic rounding, which draws by place.
void far() {
  for (const Kind& kind : {kKinds[0], Kind{"u8 states", DType::kF32, DType::kU8, false}}) {
    for (bool tail : {false, true}) {
      StepOptions options;
      options.lengths = {tail ? int64_t{3000} : int64_t{1025}}, options.state_type = kind.state_type;
      options.average = true, options.partial = !tail;
      const StepCase near(row_of(RuleId::kAdam), options);
      options.far = (int64_t{1} << 33) + kTile, options.tail = tail;
      const StepCase step(row_of(RuleId::kAdam), options);
      const std::string name =
          std::string(tail ? "the end of a long parameter" : "a far one") + ", " + kind.name;
      const int steps = kind.state_type == DType::kF32 ? 2 : 1;  // the first finds no rounded state
      std::map<std::string, Bytes> expected;                     // by level and number of threads
      const auto how = [](const std::string& what) { return what.substr(what.rfind(" on ")); };
      run_steps(name + ", near by", near, steps,
                [&](const std::string& what, const Bytes& after) { expected[how(what)] = after; });
      run_steps(name, step, steps, [&](const std::string& what, const Bytes& after) {
        check(after[kP] != step.images[kP].bytes, what + ": updates");
        for (int memory : {int{kP}, int{kAverage}, int{kState}, kState + 1}) {
          const size_t at = static_cast<size_t>(memory);
          if (memory < kState || kind.state_type == DType::kF32)
            check(after[at] == expected[how(what)][at], what + ": as near by");
        }
      });
    }
  }
}

// A step that the guard skips leaves everything but its own memory as it was.
void skipped() {
  for (const RuleRow& row : rule_rows()) {
    StepOptions options;
    options.lengths = {1000, 24, 3}, options.norm_first = true, options.average = options.copy = true;
    options.settings.non_finite = static_cast<double>(Action::kSkip), options.settings.watch_every = 1;
    StepCase step(row, options);
    step.images[kG].as<float>()[step.segment(1).g + 5] = row.hyper[1] != 0 ? INFINITY : NAN;
    run_steps(row.name() + ", skipped", step, 2, [&](const std::string& what, const Bytes& after) {
      bool same = true;
      for (int memory : {int{kP}, int{kRunning}, int{kState}, kState + 1, kState + 2, int{kAverage},
                         int{kCopy}, int{kKept}})
        same &= after[static_cast<size_t>(memory)] == step.images[static_cast<size_t>(memory)].bytes;
      check(same, what + ": writes nothing");
      check(doubles(after, kGuard)[0] == 2 && doubles(after, kGuard)[1] == 0, what + ": is counted");
      check(floats(after, kTotals)[1] == 1, what + ": one element is not finite");
    });
  }
}

// Without eps, elements that never had a gradient are 0 / 0 in the formula: nothing moves.
void zero_gradients() {
  for (const RuleRow& row : rule_rows()) {
    for (const Kind& kind : kKinds) {
      if (kind.state_type != DType::kF32 && rule_size(row.id).states > kMaxPackedStates) continue;
      RuleRow still = row;
      still.hyper[1] = 0;
      StepOptions options;
      options.lengths = {300}, options.dtype = kind.dtype, options.state_type = kind.state_type;
      StepCase step(still, options);
      std::fill(step.images[kG].bytes.begin(), step.images[kG].bytes.end(), '\0');
      if (row.id == RuleId::kScheduleFreeAdamW) continue;  // z is not p here
      run_steps(row.name() + ", no gradient, " + kind.name, step, 2,
                [&](const std::string& what, const Bytes& after) {
                  check(after[kP] == step.images[kP].bytes, what + ": stays");
                });
    }
  }
}

// A table that says what cannot be touches nothing.
void wrong_table() {
  const int64_t large = int64_t{1} << 62;
  const Segment wrong[] = {{0, 100, -1, 0, 0, 0},         {0, 100, 0, -1, 0, 0},  {0, 100, 0, 0, -256, 0},
                           {0, 100, 0, 0, 0, 1},          {0, 100, 0, 0, 0, -1},  {0, 100, 901, 0, 0, 0},
                           {0, 100, 0, 901, 0, 0},        {0, 100, 0, 0, 925, 0}, {0, 100, large, 0, 0, 0},
                           {0, 100, 0, 0, large, 0},      {1, 100, 0, 0, 0, 0},   {-large, 100, 0, 0, 0, 0},
                           {0, 2000, -1, 0, 0, 0},        {0, 2000, 0, 0, 0, 0},  {0, -5, 0, 0, 0, 0},
                           {large, large, large, 0, 0, 0}};
  for (DType state_type : {DType::kF32, DType::kU8}) {
    for (const Segment& segment : wrong) {
      StepOptions options;
      options.lengths = {1000}, options.state_type = state_type, options.norm_first = options.average = true;
      StepCase step(row_of(RuleId::kAdam), options);
      std::memcpy(step.images[kTable].bytes.data(), &segment, sizeof segment);
      run_steps("a wrong table", step, 1, [&](const std::string& what, const Bytes& after) {
        bool same = true;
        for (int memory : {int{kP}, int{kState}, kState + 1, int{kLargest}, kLargest + 1, int{kAverage}})
          same &= after[static_cast<size_t>(memory)] == step.images[static_cast<size_t>(memory)].bytes;
        check(same, what + ": touches nothing");
      });
    }
  }
}

void advance_case() {
  const std::vector<double> hyper = {0.1, 0.01, 1, 1, 0.9, 0.999, 1e-8, 0};
  const std::vector<double> expected = {
      -1,      0.1,   0,         1 - 0.1 * 0.01,        0.9,
      1 - 0.9, 0.999, 1 - 0.999, 0.1 / (1 - 0.9 * 0.9), 1 / std::sqrt(1 - 0.999 * 0.999),
      1e-8};
  StepOptions options;
  options.lengths = {1};
  const StepCase step({RuleId::kAdam, hyper, {1, 0.9, 0.999}}, options);
  run_steps("advance", step, 1, [&](const std::string& what, const Bytes& after) {
    bool same = true;
    for (size_t i = 0; i < expected.size(); i++)
      same &= near(floats(after, kPrepared)[kControlWords + i], expected[i], 1e-7);
    check(same, what + ": scalars");
    const double* running = doubles(after, kRunning);
    check(running[0] == 2 && running[1] == 0.9 * 0.9 && running[2] == 0.999 * 0.999, what + ": powers");
  });
}

}  // namespace

void test_update() {
  using namespace std::placeholders;
  advance_case();
  reference("sgd", {RuleId::kSgd, {0.1, 0.01, 1, 0}, {0}}, sgd);
  reference("momentum", {RuleId::kSgdMomentum, {0.1, 0.01, 0, 0, 0.9, 0.5, 1, 0}, {0}}, momentum);
  reference("adagrad", {RuleId::kAdaGrad, {0.1, 0.01, 0, 0, 0.05, 1e-8, 0, 0}, {0}}, adagrad);
  reference("adam", {RuleId::kAdam, {0.1, 0.01, 0, 0, 0.9, 0.999, 1e-8, 0}, {0, 1, 1}},
            std::bind(adam, false, _1, _2, _3, _4, _5));
  reference("adamw", {RuleId::kAdam, {0.1, 0.01, 1, 1, 0.9, 0.999, 1e-8, 0}, {0, 1, 1}},
            std::bind(adam, true, _1, _2, _3, _4, _5));
  every_rule();
  far();
  skipped();
  zero_gradients();
  wrong_table();
}

}  // namespace adastep::test
