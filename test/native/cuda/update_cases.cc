// Steps of optimizers: parameters, states, sums, scalars and the guard's memory, bit for bit.
#include <algorithm>

#include "../step_case.h"
#include "twin.h"

namespace adastep::test {

namespace {

// Memory of a step on both sides; what lies in it by elements starts `shift` of them into its allocation.
class Steps {
 public:
  Steps(Report& report, Backend& cpu, Backend& cuda, const StepCase& step, int64_t shift = 0)
      : twin_(report, cpu, cuda, 1), step_(step) {
    for (size_t i = 0; i < step.images.size(); i++) {
      void* at[2];
      place(step.images[i], i >= kG && i <= kCopy ? static_cast<size_t>(shift) : 0, at);
      for (Side side : {kCpu, kCuda}) at_[side].push_back(at[side]);
    }
  }
  void run(const std::string& name, int times = 1) {
    for (int i = 0; i < times; i++) twin_.run(name, [this](Side side) { return step_.ops(at_[side]); });
  }
  // The scalars of so many steps alone.
  void advance(const std::string& name, int times) {
    twin_.run(name, [&](Side side) {
      std::vector<Op> list;
      for (const Op& op : step_.ops(at_[side], times))
        if (std::holds_alternative<Advance>(op) || std::holds_alternative<Estimate>(op)) list.push_back(op);
      return list;
    });
  }
  // Updates these tiles alone, of segments from one on.
  void run_part(const std::string& name, int64_t first_segment, int64_t first_tile, int64_t tiles) {
    twin_.run(name, [&](Side side) {
      std::vector<Op> ops = step_.ops(at_[side]);
      for (Op& op : ops) {
        Update* const update = std::get_if<Update>(&op);
        if (!update) continue;
        update->segments.data += first_segment * kSegmentWords, update->count -= first_segment;
        update->first_segment = first_segment, update->first_tile = first_tile, update->tiles = tiles;
      }
      return ops;
    });
  }
  void replay(const std::string& name, int times) {
    twin_.replay(name, times, [this](Side side) { return step_.ops(at_[side]); });
  }

 private:
  template <class T>
  void place_as(const Image& image, size_t shift, void* (&at)[2]) {
    const auto slot =
        twin_.slot(std::vector<T>(image.as<T>(), image.as<T>() + image.bytes.size() / sizeof(T)), shift);
    for (Side side : {kCpu, kCuda}) at[side] = slot.on(side);
  }
  void place(const Image& image, size_t shift, void* (&at)[2]) {
    if (image.dtype == DType::kF32)
      place_as<float>(image, shift, at);
    else if (image.dtype == DType::kF64)
      place_as<double>(image, shift, at);
    else if (image.dtype == DType::kBF16)
      place_as<uint16_t>(image, shift, at);
    else
      place_as<char>(image, shift, at);
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

const std::vector<int64_t> kLengths = {0, 1, 17, 1025, 0, 255, 3000, 4};

// Beyond 2^31 elements, by the arithmetic of addresses alone.
void far(Report& report, Backend& cpu, Backend& cuda) {
  for (const Kind& kind : kKinds) {
    for (bool tail : {false, true}) {
      StepOptions options;
      options.lengths = {3000}, options.dtype = kind.dtype, options.state_type = kind.state_type;
      options.average = options.copy = true, options.partial = !tail;
      options.far = (int64_t{1} << 33) + kTile, options.tail = tail;
      const StepCase step(row_of(RuleId::kAdam), options);
      Steps(report, cpu, cuda, step).run(std::string("far, ") + kind.name, 2);
    }
  }
}

}  // namespace

// A window of losses and of norms: values on both sides of the median in no order, or half of them equal, so
// that the median of the distances is beyond the last value above.
static Guard guard_after(int seen, bool halves) {
  Guard guard = {};
  guard.lr_factor = guard.loss_scale = 1, guard.norms = guard.losses = seen;
  for (int i = 0; i < seen; i++) {
    guard.norm[i] = halves ? (i % 2 == 0 ? 1 : 2 + 0.01 * i) : 1 + i * 29 % 64 * 0.125;
    guard.loss[i] = guard.norm[i] / 4;
  }
  return guard;
}

// The limits of a window, which the guard writes down where a loss or a norm is a spike; and a step that is
// none.
static void window_case(Report& report, Backend& cpu, Backend& cuda, int seen) {
  struct {
    const char* name;
    float loss, square;
  } const kinds[] = {{"no spike", 0.25f, 4.0f}, {"a loss", 1e4f, 4.0f}, {"a norm", 0.25f, 1e8f}};
  for (bool halves : {false, true}) {
    const Guard guard = guard_after(seen, halves);
    for (const auto& kind : kinds) {
      StepOptions options;
      options.lengths = {5}, options.norm_first = true, options.loss = kind.loss;
      options.settings.spike = static_cast<double>(Action::kSkip), options.settings.threshold = 6;
      options.settings.patience = 2;
      StepCase step(row_of(RuleId::kSgd), options);
      for (int i = 0; i < kSums; i++) step.images[kTotals].as<float>()[i] = kind.square;
      std::memcpy(step.images[kGuard].bytes.data(), &guard, sizeof guard);
      Steps(report, cpu, cuda, step).advance("a window of " + std::to_string(seen) + ", " + kind.name, 2);
    }
  }
}

// What a guard that has backed off does with spikes: by how bad the one in the log was, wherever it is there.
static void cooling_case(Report& report, Backend& cpu, Backend& cuda, int decisions, int since) {
  struct {
    const char* name;
    double value, limit;
  } const kinds[] = {{"a spike", 50, 5}, {"infinity", INFINITY, INFINITY}, {"a negative limit", 5, -5}};
  for (const auto& kind : kinds) {
    Guard guard = guard_after(kWindow, false);
    guard.cooling = 6, guard.decisions = decisions;
    for (Decision& made : guard.log) made = {1, 3, static_cast<double>(Action::kSkip), 1e6, 1, 1};
    if (since < decisions)
      guard.log[(decisions - 1 - since) % kLog] = {
          1, 3, static_cast<double>(Action::kBackOff), kind.value, kind.limit, 1};
    for (float norm : {30.0f, 120.0f, 1000.0f}) {
      StepOptions options;
      options.lengths = {5}, options.norm_first = true, options.loss = 0.25f;
      options.settings.spike = static_cast<double>(Action::kBackOff), options.settings.threshold = 6;
      options.settings.patience = 20, options.settings.back_off = 0.5;
      StepCase step(row_of(RuleId::kSgd), options);
      for (int i = 0; i < kSums; i++) step.images[kTotals].as<float>()[i] = norm * norm;
      std::memcpy(step.images[kGuard].bytes.data(), &guard, sizeof guard);
      const std::string name = "cooling after " + std::to_string(decisions) + ", " + std::to_string(since);
      Steps(report, cpu, cuda, step).advance(name + ": " + kind.name, 2);
    }
  }
}

// Of every rule, steps that are taken and steps that are skipped.
void advance_cases(Report& report, Backend& cpu, Backend& cuda) {
  for (const RuleRow& row : rule_rows()) {
    for (int64_t groups : {1, 3}) {
      if (groups > 1 && rule_size(row.id).measures) continue;  // such a rule is of one group
      StepOptions options;
      options.lengths = {5}, options.groups = groups, options.norm_first = true, options.slots = 2;
      options.loss = 0.5f;
      options.settings.max_norm = 1.5, options.settings.non_finite = static_cast<double>(Action::kSkip);
      options.settings.snapshot_every = 1;
      StepCase step(row, options);
      for (int i = 0; i < kSums; i++) step.images[kTotals].as<float>()[i] = 4.0f + static_cast<float>(i);
      Steps(report, cpu, cuda, step).advance(row.name() + " advances", 5);
      step.images[kTotals].as<float>()[0] = INFINITY;
      Steps(report, cpu, cuda, step).advance(row.name() + " skips", 2);
    }
  }
  for (int seen : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, kWindow - 1, kWindow})
    window_case(report, cpu, cuda, seen);
  for (int decisions : {0, 1, 3, kLog, kLog + 4})
    for (int since : {0, 1, kCooling - 1, kCooling}) cooling_case(report, cpu, cuda, decisions, since);
}

// One parameter of each size, aligned and not.
void update_size_cases(Report& report, Backend& cpu, Backend& cuda) {
  far(report, cpu, cuda);
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

// More parameters than the emulated GPU has warps at once; after every hundredth a tile that belongs to none.
static void many_parameters(Report& report, Backend& cpu, Backend& cuda, const RuleRow& row) {
  StepOptions options;
  for (int64_t i = 0; i < 600; i++) options.lengths.push_back(1 + i % 7);
  options.groups = 3, options.shift = 1, options.settings.watch_every = 1;
  StepCase step(row, options);
  for (int64_t i = 0; i < step.count; i++) {
    Segment segment = step.segment(i);
    segment.first_tile += i / 100;
    std::memcpy(step.images[kTable].bytes.data() + static_cast<size_t>(i) * sizeof segment, &segment,
                sizeof segment);
  }
  step.tiles += step.count / 100 - 1;
  Image& partial = step.images[kPartial];
  partial.bytes.resize(static_cast<size_t>(kSums * step.tiles) * sizeof(float));
  std::fill(partial.as<float>(), partial.as<float>() + partial.count(), 7.0f);
  for (const auto& [first, tiles] :
       {std::pair<int64_t, int64_t>{0, step.tiles}, {9, step.tiles - 50}, {200, 3}})
    Steps(report, cpu, cuda, step)
        .run_part(row.name() + ", " + std::to_string(tiles) + " of many tiles", 0, first, tiles);
}

// A segment to the end of all memory, and others that begin or end one element beyond it.
static void edges(Report& report, Backend& cpu, Backend& cuda, const RuleRow& row) {
  constexpr int64_t n = 512;
  const Segment segments[] = {{0, n, 0, 0, 0, 0},     {1, n, -1, 0, 0, 0},    {2, n, 0, -1, 0, 0},
                              {3, n, 0, 0, -1, 0},    {4, n, 0, 0, 0, -1},    {5, n - 1, 2, 0, 0, 0},
                              {6, n - 1, 0, 2, 0, 0}, {7, n - 1, 0, 0, 2, 0}, {8, n, 0, 0, 0, 1},
                              {9, n + 1, 0, 0, 0, 0}};
  StepOptions options;
  options.lengths.assign(std::size(segments), 1);
  options.lengths[0] = n;
  StepCase step(row, options);
  std::memcpy(step.images[kTable].bytes.data(), segments, sizeof segments);
  step.p_size = step.g_size = step.state_size = n;
  Steps(report, cpu, cuda, step).run(row.name() + ", edges", 2);
}

// Every step is watched; some gradients of a parameter are not finite, in each lane of a warp another number.
static void replayed(Report& report, Backend& cpu, Backend& cuda, const RuleRow& row) {
  StepOptions options;
  options.lengths = kLengths, options.settings.watch_every = 1;
  StepCase step(row, options);
  const Segment spoiled = step.segment(3);
  for (int64_t i = 0; i < spoiled.length; i++)
    if (i * i % 37 < 8) step.images[kG].as<float>()[spoiled.g + i] = i % 2 == 0 ? NAN : INFINITY;
  Steps(report, cpu, cuda, step).replay(row.name() + " replayed", 5);
}

// Some segments of several, each with a factor and a scale.
static void part(Report& report, Backend& cpu, Backend& cuda, const RuleRow& row) {
  StepOptions options;
  options.lengths = kLengths;
  options.norm_first = options.tensor_norm = options.trust_ratio = true;
  const StepCase step(row, options);
  Steps(report, cpu, cuda, step).run_part(row.name() + ", from the third parameter on", 2, 2, 4);
}

// Every row of a rule, on several segments of two groups, with all that a step can be asked for in turn.
void update_rule_cases(Report& report, Backend& cpu, Backend& cuda, RuleId rule) {
  for (const RuleRow& row : rule_rows()) {
    if (row.id != rule) continue;
    int number = 0;
    for (const Kind& kind : kKinds) {
      if (!keeps(row, kind)) continue;
      for (int64_t shift : {0, 1}) {
        StepOptions options;
        options.lengths = kLengths, options.groups = 2, options.shift = shift;
        options.dtype = kind.dtype, options.state_type = kind.state_type;
        options.average = number % 3 != 0, options.copy = number % 4 != 0;
        options.norm_first = number % 3 == 0, options.settings.max_norm = number % 3 == 0 ? 1.5 : 0;
        options.tensor_norm = options.norm_first && number % 2 == 1;
        options.trust_ratio = number % 4 == 1, options.update_rms = number % 4 == 2;
        options.settings.clip_value = number % 2 == 1 ? 0.5 : INFINITY;
        options.settings.watch_every = 2, options.settings.watch_gradient = number % 2;
        const StepCase step(row, options);
        Steps(report, cpu, cuda, step, shift).run(row.name() + ", " + kind.name, 3);
        number++;
      }
    }
    replayed(report, cpu, cuda, row);
    part(report, cpu, cuda, row);
    many_parameters(report, cpu, cuda, row);
    edges(report, cpu, cuda, row);
  }
}

// What is not finite, and a guard that decides by it.
void update_guard_cases(Report& report, Backend& cpu, Backend& cuda) {
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
void update_table_cases(Report& report, Backend& cpu, Backend& cuda) {
  StepOptions options;
  for (int64_t i = 0; i < 1000; i++) options.lengths.push_back(i % 40);
  options.groups = 3, options.shift = 1, options.settings.watch_every = 1;
  const StepCase many(row_of(RuleId::kAdam), options);
  Steps(report, cpu, cuda, many).run("1000 parameters", 2);

  const int64_t large = int64_t{1} << 62;
  const Segment wrong[] = {{0, 100, -1, 0, 0, 0},     {0, 100, 0, 0, large, 0}, {0, 100, 0, 0, 0, 7},
                           {0, 100, 0, 0, 0, 1},      {0, 2000, 0, 0, 0, 0},    {-large, 100, 0, 0, 0, 0},
                           {0, large, 0, large, 0, 0}};
  for (const Segment& segment : wrong) {
    StepOptions one;
    one.lengths = {1000}, one.state_type = DType::kU8, one.average = one.norm_first = true;
    StepCase step(row_of(RuleId::kAdam), one);
    std::memcpy(step.images[kTable].bytes.data(), &segment, sizeof segment);
    Steps(report, cpu, cuda, step).run("a wrong table");
  }
}

}  // namespace adastep::test
