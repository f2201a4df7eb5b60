// Steps of optimizers: parameters, states, sums, scalars and the guard's memory, bit for bit.
#include "../step_case.h"
#include "twin.h"

namespace adastep::test {

namespace {

// Memory of a step on both sides.
class Steps {
 public:
  Steps(Report& report, Backend& cpu, Backend& cuda, const StepCase& step)
      : twin_(report, cpu, cuda, 1), step_(step) {
    for (const Image& image : step.images) {
      void* at[2];
      place(image, at);
      for (Side side : {kCpu, kCuda}) at_[side].push_back(at[side]);
    }
  }
  void run(const std::string& name, int times = 1) {
    for (int i = 0; i < times; i++) twin_.run(name, [this](Side side) { return step_.ops(at_[side]); });
  }
  void replay(const std::string& name, int times) {
    twin_.replay(name, times, [this](Side side) { return step_.ops(at_[side]); });
  }

 private:
  template <class T>
  void place_as(const Image& image, void* (&at)[2]) {
    const auto slot =
        twin_.slot(std::vector<T>(image.as<T>(), image.as<T>() + image.bytes.size() / sizeof(T)));
    for (Side side : {kCpu, kCuda}) at[side] = slot.on(side);
  }
  void place(const Image& image, void* (&at)[2]) {
    if (image.dtype == DType::kF32)
      place_as<float>(image, at);
    else if (image.dtype == DType::kF64)
      place_as<double>(image, at);
    else
      place_as<char>(image, at);
  }

  Twin twin_;
  const StepCase& step_;
  std::vector<void*> at_[2];
};

struct Kind {
  const char* name;
  DType dtype, state_type;
};
constexpr Kind kKinds[] = {{"f32", DType::kF32, DType::kF32},
                           {"bf16", DType::kBF16, DType::kF32},
                           {"f32, bf16 states", DType::kF32, DType::kBF16},
                           {"bf16, u8 states", DType::kBF16, DType::kU8}};

bool keeps(const RuleRow& row, const Kind& kind) {
  return kind.state_type == DType::kF32 || rule_size(row.id).states <= kMaxPackedStates;
}

// One parameter of each size, aligned and not.
void sizes(Report& report, Backend& cpu, Backend& cuda) {
  const int64_t all[] = {0, 1, 3, 15, 16, 17, 255, 256, 257, 1023, 1024, 1025, 65535, 65536, 65537};
  for (int64_t n : all) {
    for (int64_t shift : {0, 1, 2, 3}) {
      for (const Kind& kind : kKinds) {
        StepOptions options;
        options.lengths = {n}, options.shift = shift;
        options.dtype = kind.dtype, options.state_type = kind.state_type;
        options.settings.watch_every = 1, options.average = options.copy = n % 2 == 1;
        const StepCase step(row_of(RuleId::kAdam), options);
        Steps(report, cpu, cuda, step).run("adam " + std::to_string(n) + ", " + kind.name, n > 2000 ? 1 : 2);
      }
    }
  }
}

const std::vector<int64_t> kLengths = {0, 1, 17, 1025, 0, 255, 3000, 4};

// Every rule on several segments of two groups, with all that a step can be asked for in turn.
void rules(Report& report, Backend& cpu, Backend& cuda) {
  for (const RuleRow& row : rule_rows()) {
    int number = 0;
    for (const Kind& kind : kKinds) {
      if (!keeps(row, kind)) continue;
      for (int64_t shift : {0, 1}) {
        StepOptions options;
        options.lengths = kLengths, options.groups = 2, options.shift = shift;
        options.dtype = kind.dtype, options.state_type = kind.state_type;
        options.average = options.copy = number % 2 == 0;
        options.norm_first = number % 3 == 0, options.settings.max_norm = number % 3 == 0 ? 1.5 : 0;
        options.tensor_norm = options.norm_first && number % 2 == 1;
        options.trust_ratio = number % 4 == 1, options.update_rms = number % 4 == 2;
        options.settings.clip_value = number % 2 == 1 ? 0.5 : INFINITY;
        options.settings.watch_every = 2, options.settings.watch_gradient = number % 2;
        const StepCase step(row, options);
        Steps(report, cpu, cuda, step).run(row.name() + ", " + kind.name, 3);
        number++;
      }
    }
    StepOptions options;
    options.lengths = kLengths;
    const StepCase step(row, options);
    Steps(report, cpu, cuda, step).replay(row.name() + " replayed", 5);
  }
}

// What is not finite, and a guard that decides by it.
void guarded(Report& report, Backend& cpu, Backend& cuda) {
  for (Action action : {Action::kNone, Action::kSkip, Action::kBackOff, Action::kRollBack}) {
    for (float wrong : {1.0f, INFINITY, NAN}) {
      StepOptions options;
      options.lengths = kLengths, options.norm_first = true, options.slots = 2, options.average = true;
      options.loss = 0.25f;
      Settings& settings = options.settings;
      settings.non_finite = settings.spike = static_cast<double>(action);
      settings.threshold = 6, settings.patience = 3, settings.back_off = 0.5, settings.recovery = 1.1;
      settings.loss_scaling = 1, settings.scale_growth = 2, settings.scale_shrink = 0.5;
      settings.scale_interval = 2, settings.watch_every = 2, settings.snapshot_every = 1;
      StepCase good(row_of(RuleId::kAdam), options), step = good;
      step.images[kG].as<float>()[100] *= wrong;
      // A history of steps: norms around 10, of which this one's is a spike, or is not.
      Guard guard = {};
      guard.lr_factor = 0.75, guard.loss_scale = 4, guard.norms = guard.losses = guard.attempts = 100;
      for (int i = 0; i < kWindow; i++) guard.norm[i] = 10 + i % 7, guard.loss[i] = 0.3 + 0.01 * (i % 5);
      std::memcpy(step.images[kGuard].bytes.data(), &guard, sizeof guard);
      const std::string name = "guard, " + std::string(kActionNames[static_cast<int>(action)]);
      Steps(report, cpu, cuda, step).run(name, 4);
      guard.snapshots = guard.kept = 2;
      std::memcpy(step.images[kGuard].bytes.data(), &guard, sizeof guard);
      for (size_t i = 0; i < step.images[kRing].count(); i++)
        step.images[kRing].as<float>()[i] = static_cast<float>(i);
      Steps(report, cpu, cuda, step).run(name + " with snapshots", 4);
    }
  }
}

// A thousand small parameters, and a table that says what cannot be.
void tables(Report& report, Backend& cpu, Backend& cuda) {
  StepOptions options;
  for (int64_t i = 0; i < 1000; i++) options.lengths.push_back(i % 40);
  options.groups = 3, options.shift = 1, options.settings.watch_every = 1;
  const StepCase many(row_of(RuleId::kAdam), options);
  Steps(report, cpu, cuda, many).run("1000 parameters", 2);

  const int64_t large = int64_t{1} << 62;
  const Segment wrong[] = {{0, 100, -1, 0, 0, 0}, {0, 100, 0, 0, large, 0},  {0, 100, 0, 0, 0, 7},
                           {0, 2000, 0, 0, 0, 0}, {-large, 100, 0, 0, 0, 0}, {0, large, 0, large, 0, 0}};
  for (const Segment& segment : wrong) {
    StepOptions one;
    one.lengths = {1000}, one.state_type = DType::kU8, one.average = one.norm_first = true;
    StepCase step(row_of(RuleId::kAdam), one);
    std::memcpy(step.images[kTable].bytes.data(), &segment, sizeof segment);
    Steps(report, cpu, cuda, step).run("a wrong table");
  }
}

}  // namespace

void update_cases(Report& report, Backend& cpu, Backend& cuda) {
  sizes(report, cpu, cuda);
  rules(report, cpu, cuda);
  guarded(report, cpu, cuda);
  tables(report, cpu, cuda);
}

}  // namespace adastep::test
