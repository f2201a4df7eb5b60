// Nanoseconds per parameter of a step of AdamW on the CPU, for few large and many small parameters, in every
// precision of its memory, beside PyTorch's in the same round. A figure is the least of all steps of all
// rounds: what else runs on a machine only adds to it.
//   optim [rounds] [threads]
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "core/backend.h"

using namespace adastep;

namespace {

constexpr int kSteps = 8;

struct Model {
  const char* name;
  int64_t tensors, elements;
};
constexpr Model kModels[] = {
    {"1 x 32 Mi", 1, 1 << 25}, {"1000 x 1 Ki", 1000, 1 << 10}, {"1000 x 64", 1000, 64}};

struct Precision {
  const char* name;
  DType dtype, state_type;
  bool watched;  // everything that telemetry has
};
constexpr Precision kPrecisions[] = {{"f32", DType::kF32, DType::kF32, false},
                                     {"f32, watched", DType::kF32, DType::kF32, true},
                                     {"f32, bf16 states", DType::kF32, DType::kBF16, false},
                                     {"f32, u8 states", DType::kF32, DType::kU8, false},
                                     {"bf16, u8 states", DType::kBF16, DType::kU8, false}};

// An optimizer as lib/optim lays it out: states from multiples of 256 on.
class Adam {
 public:
  Adam(Backend& backend, const Model& model, const Precision& precision) : backend_(backend) {
    const int64_t padded = (model.elements + 255) / 256 * 256, tiles = (model.elements + kTile - 1) / kTile;
    const int64_t n = model.tensors * model.elements, states = model.tensors * padded;
    std::vector<Segment> table;
    for (int64_t i = 0; i < model.tensors; i++)
      table.push_back({i * tiles, model.elements, i * model.elements, i * model.elements, i * padded, 0});
    const int64_t all = model.tensors * tiles;
    Settings settings = {};
    settings.clip_value = INFINITY, settings.watch_gradient = 1, settings.recovery = 1;
    settings.watch_every = precision.watched ? 1 : 0;
    Guard guard = {};
    guard.lr_factor = guard.loss_scale = 1;
    const double hyper[] = {1e-3, 0.01, 0, 1, 0.9, 0.999, 1e-8, 0}, running[] = {0, 1, 1};

    const auto segments = place<int64_t>(table.data(), table.size() * sizeof(Segment));
    const auto prepared = room<float>(static_cast<size_t>(prepared_size(RuleId::kAdam, 1)));
    const auto partial = room<float>(static_cast<size_t>(kSums * all));
    const auto sums = room<float>(static_cast<size_t>(kSums * model.tensors)), totals = room<float>(kSums);
    ops_.push_back(Advance{RuleId::kAdam,
                           1,
                           0,
                           {place<double>(hyper, sizeof hyper)},
                           {place<double>(running, sizeof running)},
                           {place<double>(&settings, sizeof settings)},
                           {place<double>(&guard, sizeof guard)},
                           {nullptr},
                           {nullptr},
                           {nullptr},
                           {room<float>(1)},
                           {prepared}});
    Update update = {};
    update.rule = RuleId::kAdam, update.dtype = precision.dtype, update.state_type = precision.state_type;
    update.count = model.tensors, update.groups = 1, update.tiles = update.tiles_in_all = all;
    update.p_size = update.g_size = n, update.state_size = states;
    update.segments.data = segments, update.prepared.data = prepared, update.partial.data = partial;
    update.g.data = noise(n, precision.dtype), update.p.data = noise(n, precision.dtype);
    for (int s = 0; s < 2; s++) {
      update.state[s].data =
          reinterpret_cast<Raw*>(room<char>(static_cast<size_t>(states * size_of(precision.state_type))));
      update.largest[s].data = room<float>(static_cast<size_t>(update.scale_blocks()));
    }
    ops_.push_back(update);
    const FoldSums fold = {model.tensors, all,       kGradientSums, {segments},
                           {nullptr},     {partial}, {sums},        {totals}};
    ops_.push_back(fold);
    if (precision.watched) {
      ops_.push_back(fold);
      std::get<FoldSums>(ops_.back()).columns = kSums;
    }
  }
  ~Adam() {
    for (void* data : owned_) backend_.free(data);
  }

  double seconds() {
    const auto began = std::chrono::steady_clock::now();
    backend_.run(ops_);
    backend_.wait(backend_.mark());
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  }

 private:
  template <class T>
  T* room(size_t count) {
    owned_.push_back(backend_.allocate(count * sizeof(T)));
    std::memset(owned_.back(), 0, count * sizeof(T));
    return static_cast<T*>(owned_.back());
  }
  template <class T>
  T* place(const void* from, size_t bytes) {
    T* const at = room<T>(bytes / sizeof(T));
    std::memcpy(at, from, bytes);
    return at;
  }
  Raw* noise(int64_t n, DType dtype) {
    char* const data = room<char>(static_cast<size_t>(n * size_of(dtype)));
    uint32_t state = 1;
    for (int64_t i = 0; i < n; i++) {
      const float value = static_cast<float>((state = state * 1664525u + 1013904223u) >> 8) * 0x1p-23f - 1;
      // The upper half of an f32 is a bf16.
      const char* const from = reinterpret_cast<const char*>(&value) + (4 - size_of(dtype));
      std::memcpy(data + i * size_of(dtype), from, static_cast<size_t>(size_of(dtype)));
    }
    return reinterpret_cast<Raw*>(data);
  }

  Backend& backend_;
  std::vector<void*> owned_;
  std::vector<Op> ops_;
};

// NaN if there is none, or if one is.
double least(const std::vector<double>& values) {
  double best = values.empty() ? NAN : values[0];
  for (double value : values) best = value < best || std::isnan(value) ? value : best;
  return best;
}

// NaN if there is no PyTorch.
double peer(const Model& model, int threads) {
  const std::string command = "/usr/bin/python3 " PEER " " + std::to_string(model.tensors) + " " +
                              std::to_string(model.elements) + " " + std::to_string(threads) + " 2>/dev/null";
  double value = NAN;
  FILE* const pipe = popen(command.c_str(), "r");
  if (!pipe) return NAN;
  if (std::fscanf(pipe, "%lf", &value) != 1) value = NAN;
  pclose(pipe);
  return value;
}

double ours(Backend& backend, const Model& model, const Precision& precision) {
  Adam adam(backend, model, precision);
  double best = INFINITY;
  for (int i = 0; i < kSteps; i++) best = std::min(best, adam.seconds());
  return best / static_cast<double>(model.tensors * model.elements) * 1e9;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 3;
  DeviceOptions options;
  options.threads = argc > 2 ? std::atoi(argv[2]) : static_cast<int>(std::thread::hardware_concurrency());
  const auto backend = cpu::open(0, options);
  std::printf("AdamW, ns per parameter, %d threads, %s\n%-12s %-18s %8s %8s %7s\n", options.threads,
              backend->info().capability.c_str(), "parameters", "memory", "adastep", "PyTorch", "ratio");
  for (const Model& model : kModels) {
    std::vector<double> theirs;
    std::vector<std::vector<double>> mine(std::size(kPrecisions));
    for (int round = 0; round < rounds; round++) {
      theirs.push_back(peer(model, options.threads));
      for (size_t i = 0; i < mine.size(); i++) mine[i].push_back(ours(*backend, model, kPrecisions[i]));
    }
    for (size_t i = 0; i < mine.size(); i++)
      std::printf("%-12s %-18s %8.2f %8.2f %7.1f\n", model.name, kPrecisions[i].name, least(mine[i]),
                  least(theirs), least(theirs) / least(mine[i]));
  }
  return 0;
}
