// CUB's primitives, compiled by nvcc from the toolkit's headers, against the host.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <numeric>

#include "tests/harness.h"

#ifdef ADASTEP_CUB_FATBIN

namespace emulator::tests {
namespace {

constexpr u32 kThreads = 128;

std::vector<int> numbers(size_t count) {
  std::vector<int> values(count);
  u32 state = 12345;
  for (int& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<int>(state >> 8) - (1 << 23);
  }
  return values;
}

std::vector<int> run(const std::string& kernel, const std::vector<int>& in, size_t outputs, u32 grid = 1) {
  std::ifstream file(ADASTEP_CUB_FATBIN, std::ios::binary);
  std::string image(std::istreambuf_iterator<char>(file), {});
  Device device;
  device.load(image.c_str());
  u64 source = device.upload(in), target = device.allocate(outputs * sizeof(int));
  expectResult(device.launch(kernel, grid, kThreads, {&source, &target}), kSuccess,
               kernel + " " + device.report());
  return device.download<int>(target, outputs);
}

EMULATOR_TEST(cubBlockReduce) {
  std::vector<int> in = numbers(kThreads * 3), wanted;
  for (u32 b = 0; b < 3; ++b)
    wanted.push_back(std::accumulate(in.begin() + b * kThreads, in.begin() + (b + 1) * kThreads, 0));
  expect(run("reduce_shuffles", in, 3, 3) == wanted, "by shuffles");
  expect(run("reduce_raking", in, 3, 3) == wanted, "by raking");
}

EMULATOR_TEST(cubBlockScan) {
  std::vector<int> in = numbers(kThreads), wanted(kThreads);
  std::partial_sum(in.begin(), in.end(), wanted.begin());
  expect(run("scan_shuffles", in, kThreads) == wanted, "by shuffles");
  expect(run("scan_raking", in, kThreads) == wanted, "by raking");
}

EMULATOR_TEST(cubBlockRadixSort) {
  std::vector<int> in = numbers(kThreads * 4), wanted = in;
  std::sort(wanted.begin(), wanted.end());
  expect(run("radix_sort", in, in.size()) == wanted, "sorted");
}

EMULATOR_TEST(cubWarpReduce) {
  std::vector<int> in = numbers(kThreads), wanted;
  for (u32 s = 0; s < kThreads / 8; ++s)
    wanted.push_back(std::accumulate(in.begin() + s * 8, in.begin() + (s + 1) * 8, 0));
  expect(run("warp_segments", in, wanted.size()) == wanted, "segments of 8");
}

}  // namespace
}  // namespace emulator::tests

#endif
