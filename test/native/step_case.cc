#include "step_case.h"

#include <cmath>
#include <random>

namespace adastep::test {

std::vector<float> numbers(int64_t n, float low, float high) {
  static uint64_t state;  // Knuth's MMIX generator
  std::vector<float> values(static_cast<size_t>(n));
  for (float& value : values) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    value = low + (high - low) * static_cast<float>(state >> 40) * 0x1p-24f;
  }
  return values;
}

const std::vector<RuleRow>& rule_rows() {
  static const std::vector<RuleRow> rows = {
      {RuleId::kSgd, {0.1, 0.01, 0, 0}, {0}},
      {RuleId::kSgdMomentum, {0.1, 0.01, 1, 0, 0.9, 0.1, 0, 0}, {0}},
      {RuleId::kSgdMomentum, {0.1, 0, 0, 0, 0.9, 0, 1, 1}, {0}},
      {RuleId::kAdaGrad, {0.1, 0.01, 0, 0, 0.02, 1e-10, 0, 0}, {0}},
      {RuleId::kAdaGrad, {0.1, 0.01, 0, 1, 0, 1e-7, 1, 1}, {0}},
      {RuleId::kAdam, {1e-3, 0.01, 0, 0, 0.9, 0.999, 1e-8, 0}, {0, 1, 1}},
      {RuleId::kAdam, {1e-3, 0.01, 1, 1, 0.9, 0.999, 1e-7, 1}, {0, 1, 1}},
      {RuleId::kAmsgrad, {1e-3, 0.01, 0, 0, 0.9, 0.999, 1e-8, 0, 0}, {0, 1, 1}},
      {RuleId::kAmsgrad, {1e-3, 0.01, 0, 1, 0.9, 0.999, 1e-8, 0, 1}, {0, 1, 1}},
      {RuleId::kRmsprop, {1e-2, 0.01, 0, 0, 0.99, 0, 1e-8, 0, 0}, {0}},
      {RuleId::kRmspropMomentum, {1e-2, 0.01, 0, 0, 0.9, 0.9, 1e-7, 1, 1}, {0}},
      {RuleId::kRmspropCentered, {1e-2, 0.01, 0, 1, 0.9, 0, 1e-7, 1, 1}, {0}},
      {RuleId::kRmspropCenteredMomentum, {1e-2, 0.01, 0, 0, 0.99, 0.9, 1e-8, 0, 0}, {0}},
      {RuleId::kAdadelta, {1, 0.01, 0, 0, 0.9, 1e-6}, {0}},
      {RuleId::kAdamax, {2e-3, 0.01, 0, 0, 0.9, 0.999, 1e-8, 0}, {0, 1}},
      {RuleId::kAdamax, {2e-3, 0.01, 0, 1, 0.9, 0.999, 1e-7, 1}, {0, 1}},
      {RuleId::kNAdam, {2e-3, 0.01, 0, 0, 0.9, 0.999, 1e-8, 0.9998}, {0, 1, 1, 1}},
      {RuleId::kRAdam, {1e-3, 0.01, 0, 0, 0.9, 0.8, 1e-8, 1}, {0, 1, 1}},
      {RuleId::kRAdam, {1e-3, 0.01, 0, 1, 0.9, 0.8, 1e-8, 0}, {4, 0.6561, 0.4096}},
      {RuleId::kLamb, {1e-3, 0.01, 0, 0.9, 0.999, 1e-6}, {0, 1, 1}},
      {RuleId::kLion, {1e-4, 0.01, 0, 1, 0.9, 0.99}, {0}},
      {RuleId::kProdigy,
       {1, 0.01, 0, 1, 0.9, 0.999, 0.9995, 1e-8, 1, 0, 1e-3, 1, 2},
       {0, 1, 1, 1e-3, 1e-3, 0}},
      {RuleId::kProdigy,
       {0.5, 0.01, 1, 0, 0.8, 0.99, 0.9, 1e-8, 0, 1, 1e-3, 0.5, 1e9},
       {2, 0.64, 0.9801, 2e-3, 3e-3, 0.25}},
      {RuleId::kMuon, {0.02, 0.1, 0, 0.95, 1}, {0}},
      {RuleId::kMuon, {0.02, 0, 1, 0.9, 0}, {0}},
      {RuleId::kAdafactor, {0.1, 0.01, 0, -0.8, 0}, {3}},
      {RuleId::kAdafactor, {0.9, 0.01, 1, -0.5, 1}, {3}},
      {RuleId::kScheduleFreeAdamW, {2.5e-3, 0.01, 0, 0.9, 0.999, 1e-8, 2, 1, 2}, {0, 1, 0, 0}},
  };
  return rows;
}

const RuleRow& row_of(RuleId id) {
  for (const RuleRow& row : rule_rows())
    if (row.id == id) return row;
  std::abort();  // no row: the tests of a rule would say nothing
}

Settings plain_settings() {
  Settings settings = {};
  settings.clip_value = INFINITY;
  settings.average = 0.75;
  settings.history = 1;
  settings.back_off = settings.recovery = settings.scale_growth = settings.scale_shrink = 1;
  settings.scale_interval = 1;
  return settings;
}

namespace {

// Numbers between 2^-4 and 4 of either sign: sums of squares stay far from the limits of every type.
class Numbers {
 public:
  float next() {
    const float value = std::ldexp(1.0f + static_cast<float>(random_() % 4096) / 4096.0f,
                                   static_cast<int>(random_() % 6) - 4);
    return random_() % 2 ? value : -value;
  }

 private:
  std::mt19937 random_{1};
};

void fill(Image& image, Numbers& numbers) {
  for (size_t i = 0; i < image.count(); i++) {
    const float value = numbers.next();
    if (image.dtype == DType::kF32) {
      image.as<float>()[i] = value;
    } else {
      uint32_t bits;
      std::memcpy(&bits, &value, sizeof bits);
      image.as<uint16_t>()[i] = static_cast<uint16_t>(bits >> 16);
    }
  }
}

size_t sized(int64_t n) { return static_cast<size_t>(n); }

template <class T>
In<T> in(void* at) {
  return {static_cast<const T*>(at)};
}
template <class T>
InOut<T> inout(void* at) {
  return {static_cast<T*>(at)};
}

}  // namespace

template <class T>
T* StepCase::set(int memory, size_t n, DType dtype) {
  Image& image = images[static_cast<size_t>(memory)];
  image.bytes.assign(n * static_cast<size_t>(size_of(dtype)), 0);
  image.dtype = dtype;
  return image.as<T>();
}

// Gaps of 1 to 5 elements between parameters, of none to 3 between gradients; states start at multiples of
// 256, as the library has them.
void StepCase::lay_out() {
  count = static_cast<int64_t>(options.lengths.size());
  images.resize(kMemories);
  set<char>(kTable, sized(count) * sizeof(Segment), DType::kU8);
  int64_t p = options.shift, g = options.shift, state = 0;
  tiles = 0;
  for (int64_t i = 0; i < count; i++) {
    const int64_t length = options.lengths[sized(i)];
    const int64_t far = options.tail ? 0 : options.far, before = options.far - far;
    const Segment segment = {tiles, length + before, p + far, g + far, state + far, i % options.groups};
    std::memcpy(images[kTable].bytes.data() + sized(i) * sizeof segment, &segment, sizeof segment);
    tiles += (length + kTile - 1) / kTile;
    p += length + (options.shift == 0 ? 3 - (length + 3) % 4 : 1 + i % 5);
    g += length + (options.shift == 0 ? 3 - (length + 3) % 4 : i % 4);
    state += (length + 255) / 256 * 256;
  }
  p_size = p, g_size = g, state_size = state;
}

StepCase::StepCase(const RuleRow& of, const StepOptions& with) : row(of), options(with) {
  lay_out();
  const RuleSize size = rule_size(row.id);
  const int64_t groups = options.groups;
  double* const hyper = set<double>(kHyper, sized(groups * size.hyper), DType::kF64);
  double* const running = set<double>(kRunning, sized(groups * size.running), DType::kF64);
  for (int64_t group = 0; group < groups; group++) {
    for (int i = 0; i < size.hyper; i++)
      hyper[group * size.hyper + i] = row.hyper[sized(i)] / (i == 0 ? 1.0 + static_cast<double>(group) : 1.0);
    for (int i = 0; i < size.running; i++) running[group * size.running + i] = row.running[sized(i)];
  }
  std::memcpy(set<double>(kSettings, kSettingsWords, DType::kF64), &options.settings, sizeof(Settings));
  double* const guard = set<double>(kGuard, kGuardWords, DType::kF64);
  guard[2] = guard[3] = 1;  // factor on lr, loss scale
  set<double>(kSnapshots, sized(options.slots * groups * size.running), DType::kF64);
  if (!std::isnan(options.loss)) *set<float>(kLoss, 1, DType::kF32) = options.loss;
  set<float>(kNorm, 1, DType::kF32);
  set<float>(kPrepared, sized(prepared_size(row.id, groups)), DType::kF32);
  if (options.tensor_norm) set<float>(kFactors, sized(count), DType::kF32);
  if (options.trust_ratio || options.update_rms) set<float>(kScales, sized(count), DType::kF32);

  Numbers numbers;
  set<char>(kG, sized(g_size), options.dtype);
  set<char>(kP, sized(p_size), options.dtype);
  fill(images[kG], numbers);
  fill(images[kP], numbers);
  for (int s = 0; s < size.states; s++) {
    set<char>(kState + s, sized(state_size), options.state_type);
    if (options.state_type == DType::kU8)
      set<float>(kLargest + s, sized((state_size + kScaleBlock - 1) / kScaleBlock), DType::kF32);
  }
  if (options.average) {
    set<float>(kAverage, sized(state_size), DType::kF32);
    fill(images[kAverage], numbers);
  }
  if (options.copy) set<char>(kCopy, sized(state_size), DType::kBF16);
  if (size.gathers && options.state_type == DType::kF32) set<float>(kKept, sized(state_size), DType::kF32);
  const bool partial =
      size.measures || options.partial || options.norm_first || options.trust_ratio || options.update_rms;
  if (partial) set<float>(kPartial, sized(kSums * tiles), DType::kF32);
  set<float>(kSegmentSums, sized(kSums * count), DType::kF32);
  set<float>(kTotals, kSums, DType::kF32);
  if (options.slots > 0)
    set<uint32_t>(kRing, sized(options.slots) * images[kP].bytes.size() / 4, DType::kF32);
}

FoldSums StepCase::fold(const std::vector<void*>& at, int64_t columns, bool if_watched) const {
  return {count,
          tiles,
          columns,
          in<int64_t>(at[kTable]),
          in<float>(if_watched ? at[kPrepared] : nullptr),
          in<float>(at[kPartial]),
          inout<float>(at[kSegmentSums]),
          inout<float>(at[kTotals])};
}

Settle StepCase::settle(const std::vector<void*>& at, SettleFn fn, Memory to) const {
  const int64_t width = prepared_row(row.id);
  return {fn,
          row.id,
          count,
          options.groups,
          width,
          0.5f,
          in<int64_t>(at[kTable]),
          in<float>(at[kSegmentSums]),
          in<float>(at[kPrepared]),
          {static_cast<float*>(at[to])}};
}

Update StepCase::update(const std::vector<void*>& at) const {
  Update op = {};
  op.rule = row.id, op.dtype = options.dtype, op.state_type = options.state_type;
  op.count = count, op.groups = options.groups, op.tiles = op.tiles_in_all = tiles;
  if (options.tail) op.first_tile = options.far / kTile, op.tiles_in_all += op.first_tile;
  op.p_size = options.far + p_size, op.g_size = options.far + g_size,
  op.state_size = options.far + state_size;
  op.seed = 77;
  op.segments = in<int64_t>(at[kTable]), op.prepared = in<float>(at[kPrepared]);
  op.factors = in<float>(at[kFactors]), op.scales = in<float>(at[kScales]);
  op.g = in<Raw>(at[kG]), op.p = inout<Raw>(at[kP]);
  for (size_t s = 0; s < kMaxStates; s++) op.state[s] = inout<Raw>(at[kState + s]);
  for (size_t s = 0; s < kMaxPackedStates; s++) op.largest[s] = inout<float>(at[kLargest + s]);
  op.average = inout<float>(at[kAverage]), op.copy = inout<uint16_t>(at[kCopy]);
  op.partial = inout<float>(at[kPartial]);
  return op;
}

// Where the spans start, and null for what is not used.
std::vector<void*> StepCase::starts(const std::vector<void*>& given) const {
  std::vector<void*> at = given;
  for (size_t i = 0; i < images.size(); i++) {
    if (images[i].bytes.empty()) {
      at[i] = nullptr;
    } else if (i >= kG && i <= kCopy) {
      const bool block = i >= kLargest && i < kLargest + kMaxPackedStates;
      const int64_t far = options.far / (block ? kScaleBlock : 1) * size_of(images[i].dtype);
      at[i] = reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(at[i]) - static_cast<uintptr_t>(far));
    }
  }
  return at;
}

std::vector<Op> StepCase::ops(const std::vector<void*>& given) const {
  const std::vector<void*> at = starts(given);
  std::vector<Op> list;
  const bool sums = at[kPartial] != nullptr;
  const auto gradient_sums = [&](In<float> prepared) {
    list.push_back(GradientSums{options.dtype, count, 0, tiles, tiles, options.far + g_size,
                                in<int64_t>(at[kTable]), prepared, in<Raw>(at[kG]),
                                inout<float>(at[kPartial])});
  };
  if (options.norm_first) {
    gradient_sums({});
    list.push_back(fold(at, kGradientSums, false));
  }
  list.push_back(Advance{row.id,
                         options.groups,
                         options.slots,
                         in<double>(at[kHyper]),
                         inout<double>(at[kRunning]),
                         in<double>(at[kSettings]),
                         inout<double>(at[kGuard]),
                         inout<double>(at[kSnapshots]),
                         in<float>(at[kLoss]),
                         in<float>(options.norm_first ? at[kTotals] : nullptr),
                         {static_cast<float*>(at[kNorm])},
                         {static_cast<float*>(at[kPrepared])}});
  if (options.tensor_norm) list.push_back(settle(at, SettleFn::kGradientNorm, kFactors));
  if (options.trust_ratio || options.update_rms) {
    Update measured = update(at);
    measured.measure = true;
    measured.scales.data = nullptr;
    list.push_back(measured);
    list.push_back(fold(at, kSums, false));
    list.push_back(settle(at, options.trust_ratio ? SettleFn::kTrustRatio : SettleFn::kUpdateRms, kScales));
  }
  if (options.slots > 0) {
    const auto bytes = static_cast<int64_t>(images[kP].bytes.size() / 2 * 2);
    list.push_back(Snapshot{bytes, options.slots, in<float>(at[kPrepared]), inout<uint16_t>(at[kP]),
                            inout<uint16_t>(at[kRing])});
  }
  if (rule_size(row.id).measures) {
    Update measured = update(at);
    measured.measure = true;
    measured.scales.data = nullptr;
    list.push_back(measured);
    list.push_back(fold(at, kSums, false));
    list.push_back(Estimate{row.id, in<double>(at[kHyper]), in<float>(at[kTotals]),
                            inout<double>(at[kRunning]), inout<float>(at[kPrepared])});
  }
  if (rule_size(row.id).gathers) {
    Update gathered = update(at);
    gathered.gather = true;
    list.push_back(gathered);
    const int last = rule_size(row.id).states - 1;
    if (at[kKept])
      list.push_back(Commit{state_size, in<float>(at[kPrepared]), in<float>(at[kState + last]),
                            inout<float>(at[kKept])});
  }
  list.push_back(update(at));
  const bool scaled = sums && options.settings.loss_scaling != 0;
  if (scaled) gradient_sums(in<float>(at[kPrepared]));
  if (sums && (scaled || !options.norm_first)) list.push_back(fold(at, kGradientSums, false));
  if (sums) list.push_back(fold(at, kSums, true));
  return list;
}

std::vector<Op> StepCase::ops(const std::vector<void*>& at, int times) const {
  std::vector<Op> list;
  for (int i = 0; i < times; i++) {
    const std::vector<Op> once = ops(at);
    list.insert(list.end(), once.begin(), once.end());
  }
  return list;
}

Segment StepCase::segment(int64_t index) const {
  Segment segment;
  std::memcpy(&segment, images[kTable].bytes.data() + sized(index) * sizeof segment, sizeof segment);
  return segment;
}

std::vector<bool> StepCase::owned(Memory memory) const {
  std::vector<bool> mine(sized(memory == kP ? p_size : memory == kG ? g_size : state_size), false);
  for (int64_t i = 0; i < count; i++) {
    const Segment of = segment(i);
    const int64_t start = memory == kP ? of.p : memory == kG ? of.g : of.state;
    for (int64_t k = 0; k < of.length; k++) mine[sized(start + k)] = true;
  }
  return mine;
}

}  // namespace adastep::test
