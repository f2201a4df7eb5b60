#include "check.h"

#include <atomic>
#include <cfloat>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <set>

#include "cpu/level.h"

namespace adastep::test {

namespace {

std::atomic<int> passed{0}, failed{0};
std::set<size_t> seen;

template <class T>
Array array_of(const std::vector<T>& values, DType dtype) {
  Array array;
  array.before.resize(values.size() * sizeof(T));
  if (!values.empty()) std::memcpy(array.before.data(), values.data(), array.before.size());
  array.dtype = dtype;
  return array;
}

template <class T>
double read_as(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return static_cast<double>(value);
}

double element(const std::vector<char>& bytes, DType dtype, size_t i) {
  const char* at = bytes.data() + i * static_cast<size_t>(size_of(dtype));
  switch (dtype) {
    case DType::kF32:
      return read_as<float>(at);
    case DType::kI32:
      return read_as<int32_t>(at);
    case DType::kU8:
      return read_as<uint8_t>(at);
    case DType::kF64:
      return read_as<double>(at);
    case DType::kBF16:
      return read_as<uint16_t>(at);  // its bits
  }
  return 0;
}

bool close(double got, double want, double tolerance) {
  if (std::isnan(want)) return std::isnan(got);
  if (std::isinf(want)) return got == want;
  return std::fabs(got - want) <= tolerance * (1 + std::fabs(want));
}

void compare(const std::string& what, const Array& array, const std::vector<char>& after) {
  for (size_t i = 0; i < array.expected.size(); i++) {
    const double got = element(after, array.dtype, i);
    const bool overflows = array.dtype == DType::kF32 && std::fabs(array.expected[i]) > FLT_MAX;
    const double want = overflows ? std::copysign(INFINITY, array.expected[i]) : array.expected[i];
    if (close(got, want, array.tolerance)) continue;
    check(false,
          what + "[" + std::to_string(i) + "]: " + std::to_string(got) + ", not " + std::to_string(want));
    return;
  }
  check(true, what);
}

// The arrays after the operation.
Bytes run_on(Backend& backend, const std::vector<Array>& arrays, const MakeList& make, Fault* fault) {
  std::vector<void*> data;
  for (const Array& array : arrays) {
    data.push_back(backend.allocate(array.before.size()));
    if (!array.before.empty()) backend.write(data.back(), array.before.data(), array.before.size());
  }
  const std::vector<Op> ops = make(data);
  for (const Op& op : ops) seen.insert(op.index());
  backend.run(ops);
  *fault = backend.take_fault(backend.mark());
  Bytes after;
  for (size_t i = 0; i < arrays.size(); i++) {
    after.emplace_back(arrays[i].before.size());
    if (!after[i].empty()) backend.read(after[i].data(), data[i], after[i].size());
    backend.free(data[i]);
  }
  return after;
}

}  // namespace

void check(bool holds, const std::string& what) {
  holds ? ++passed : ++failed;
  if (!holds) std::printf("FAILED %s\n", what.c_str());
}
int failures() { return failed; }
int passes() { return passed; }

Array in(const std::vector<float>& values) { return array_of(values, DType::kF32); }
Array in(const std::vector<int32_t>& values) { return array_of(values, DType::kI32); }
Array in(const std::vector<uint8_t>& values) { return array_of(values, DType::kU8); }
Array in(const std::vector<double>& values) { return array_of(values, DType::kF64); }

Array out(std::vector<double> expected, double tolerance, DType dtype) {
  Array array;
  array.before.assign(expected.size() * static_cast<size_t>(size_of(dtype)),
                      '\xff');  // NaN: must be overwritten
  array.expected = std::move(expected);
  array.tolerance = tolerance;
  array.dtype = dtype;
  return array;
}

Array inout(const std::vector<float>& values, std::vector<double> expected, double tolerance) {
  Array array = in(values);
  array.expected = std::move(expected);
  array.tolerance = tolerance;
  return array;
}

void run_case(const std::string& name, const std::vector<Array>& arrays, const Make& make,
              const Fault& expected) {
  run_list(
      name, arrays, [&make](const auto& data) { return std::vector<Op>{make(data)}; },
      [](const auto&, const auto&) {}, expected);
}

void run_steps(const std::string& name, const StepCase& step, int times, const Inspect& inspect) {
  std::vector<Array> arrays;
  for (const Image& image : step.images) {
    arrays.emplace_back();
    arrays.back().before = image.bytes;
    arrays.back().dtype = image.dtype;
  }
  run_list(
      name, arrays, [&](const auto& data) { return step.ops(data, times); }, inspect);
}

void run_list(const std::string& name, const std::vector<Array>& arrays, const MakeList& make,
              const Inspect& inspect, const Fault& expected) {
  Bytes reference;  // of the levels with fma
  for (const cpu::Level& level : cpu::levels()) {
    const bool has_fma = std::string(level.name) != "baseline";
    Bytes of_level;
    for (int threads = 1; threads <= 3; threads++) {
      const std::string what = name + " on " + level.name + " with " + std::to_string(threads);
      Fault fault = kNoFault;
      const auto after = run_on(*open_cpu(level.name, threads), arrays, make, &fault);
      for (size_t i = 0; i < arrays.size(); i++)
        compare(what + ", array " + std::to_string(i), arrays[i], after[i]);
      check(fault.op == expected.op &&
                (fault.op < 0 || (fault.position == expected.position && fault.value == expected.value &&
                                  fault.limit == expected.limit)),
            what + ": fault " + std::to_string(fault.op) + " at " + std::to_string(fault.position));
      inspect(what, after);
      if (of_level.empty()) of_level = after;
      check(after == of_level, what + ": the same bits as with 1 thread");
    }
    if (!has_fma) continue;
    if (reference.empty()) reference = of_level;
    check(of_level == reference, name + ": " + level.name + " gives the bits of " + cpu::levels()[0].name);
  }
}

void check_all_ops_seen() {
  for (size_t op = 0; op < static_cast<size_t>(kOpCount); op++)
    check(seen.count(op) == 1, std::string(kOpNames[op]) + " has a case");
}

std::shared_ptr<Backend> open_cpu(const std::string& level, int threads) {
  DeviceOptions options;
  options.level = level;
  options.threads = threads;
  return cpu::open(0, options);
}

}  // namespace adastep::test
