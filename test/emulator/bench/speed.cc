// How fast the emulator is, on adastep's own kernels:
//   emulator-bench build/fatbins [part of a name]
// A rate is per second of processor time, so that other work on the machine distorts it less.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "core/ops/gemm.h"
#include "core/ops/update.h"
#include "cuda/kernels/interface.h"
#include "driver/module.h"
#include "exec/launch.h"
#include "exec/thread_pool.h"

namespace emulator {
namespace {

constexpr int kRepetitions = 5;

template <class T>
u64 upload(const std::vector<T>& values) {
  u64 bytes = values.size() * sizeof(T), at = Arena::instance().allocate(bytes, Allocation::kDevice);
  std::memcpy(reinterpret_cast<void*>(at), values.data(), bytes);
  Arena::instance().markWritten(at, bytes);
  return at;
}

std::vector<f32> numbers(size_t count) {
  std::vector<f32> values(count);
  u32 state = 1;
  for (f32& v : values) v = static_cast<f32>((state = state * 1664525u + 1013904223u) >> 8) * 0x1p-24f;
  return values;
}

f64 processorSeconds() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<f64>(now.tv_sec) + static_cast<f64>(now.tv_nsec) * 1e-9;
}

struct Case {
  const char *name, *file, *kernel;
  u32 grid, block;
  std::vector<u8> params;
};

template <class Op>
std::vector<u8> packed(const Op& op, const std::vector<u8>& more = {}) {
  std::vector<u8> bytes(sizeof op);
  std::memcpy(bytes.data(), &op, sizeof op);
  bytes.insert(bytes.end(), more.begin(), more.end());
  return bytes;
}

Case gemmCase(const char* name, const char* kernel, u32 tile, u32 block) {
  constexpr i64 n = 512;
  adastep::Gemm op{};
  op.batch = 1, op.m = op.n = op.k = n, op.lda = op.ldb = op.ldc = n, op.alpha = 1;
  op.a.data = reinterpret_cast<const f32*>(upload(numbers(n * n)));
  op.b.data = reinterpret_cast<const f32*>(upload(numbers(n * n)));
  op.c.data = reinterpret_cast<f32*>(upload(numbers(n * n)));
  std::vector<u8> aligned{adastep::kAlignedA | adastep::kAlignedB | adastep::kAlignedC, 0, 0, 0};
  return {name, "gemm", kernel, static_cast<u32>(n / tile * (n / tile)), block, packed(op, aligned)};
}

template <class T>
T* at(u64 address) {
  return reinterpret_cast<T*>(address);
}

// AdamW over one parameter, at a step that sums its gradient.
Case adamCase() {
  constexpr i64 n = i64{1} << 22;
  adastep::Update op{};
  op.rule = adastep::RuleId::kAdam;
  op.count = op.groups = 1, op.tiles = op.tiles_in_all = n / adastep::kTile;
  op.p_size = op.g_size = op.state_size = n;
  op.segments.data = at<i64>(upload(std::vector<i64>{0, n, 0, 0, 0, 0}));
  const adastep::Control control{0, 1, 1, INFINITY, 0, 0, 1, 1};
  std::vector<f32> prepared(adastep::kControlWords);
  std::memcpy(prepared.data(), &control, sizeof control);
  for (f32 word : {1.f, 1e-3f, 0.f, .99f, .9f, .1f, .999f, .001f, 1e-3f, 1.5f, 1e-8f})
    prepared.push_back(word);
  op.prepared.data = at<f32>(upload(prepared));
  op.g.data = at<adastep::Raw>(upload(numbers(n)));
  for (adastep::Raw** span : {&op.p.data, &op.state[0].data, &op.state[1].data})
    *span = at<adastep::Raw>(upload(numbers(n)));
  op.partial.data = at<f32>(upload(std::vector<f32>(adastep::kSums * n / adastep::kTile)));
  return {"AdamW, 4.19 M parameters", "update", "adastep_update_Adam", 64, adastep::kThreads, packed(op)};
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  if (bytes.empty()) throw std::runtime_error("cannot read " + path);
  return bytes;
}

void measure(const Case& each, const std::string& folder) {
  std::string image = read(folder + "/" + each.file + ".fatbin");
  LoadedModule module(image.data(), 80);
  const Program& program = *module.kernels.at(each.kernel)->program;
  f64 best = 0, shortest = 1e30;
  u64 instructions = 0;
  for (int repetition = 0; repetition < kRepetitions; ++repetition) {
    Launch launch;
    launch.program = &program;
    launch.grid[0] = each.grid;
    launch.block[0] = each.block;
    launch.params = each.params;
    launch.params.resize(program.paramBytes);
    auto begin = std::chrono::steady_clock::now();
    f64 before = processorSeconds();
    Counters counters = execute(launch);
    f64 spent = processorSeconds() - before;
    std::chrono::duration<f64> wall = std::chrono::steady_clock::now() - begin;
    instructions = 0;
    for (u64 count : counters.executed) instructions += count;
    best = std::max(best, static_cast<f64>(instructions) / spent * 1e-6);
    shortest = std::min(shortest, wall.count());
  }
  std::printf("%-28s %6.2f M warp instructions, best of %d: %6.1f M/s per core, %4.0f ms\n", each.name,
              static_cast<f64>(instructions) * 1e-6, kRepetitions, best, shortest * 1e3);
}

}  // namespace
}  // namespace emulator

int main(int argc, char** argv) {
  using namespace emulator;
  if (argc != 2 && argc != 3) {
    std::fprintf(stderr, "usage: emulator-bench <folder of fatbins> [part of a name]\n");
    return 2;
  }
  std::printf("%u threads, all checks on\n", ThreadPool::instance().size());
  try {
    for (const Case& each :
         {gemmCase("GEMM 512^3, tiles of 128", "adastep_gemm_128x128", 128, 256),
          gemmCase("GEMM 512^3, tiles of 64", "adastep_gemm_64x64", 64, 128), adamCase()}) {
      if (argc == 2 || std::string(each.name).find(argv[2]) != std::string::npos) measure(each, argv[1]);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
