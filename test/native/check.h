// Counters, and cases of operations: run on every level and number of threads, compared with a reference in
// double, and bit by bit between all levels that have fma.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/backend.h"
#include "step_case.h"

namespace adastep::test {

// Counts; prints what failed.
void check(bool holds, const std::string& what);
int failures();
int passes();

// One array of device memory that an operation touches.
struct Array {
  std::vector<char> before;      // what it holds at first
  std::vector<double> expected;  // empty: not checked against a reference
  double tolerance = 0;          // |got - expected| <= tolerance * (1 + |expected|)
  DType dtype = DType::kF32;
};

Array in(const std::vector<float>& values);
Array in(const std::vector<int32_t>& values);
Array in(const std::vector<uint8_t>& values);
Array in(const std::vector<double>& values);
Array out(std::vector<double> expected, double tolerance, DType dtype = DType::kF32);
Array inout(const std::vector<float>& values, std::vector<double> expected, double tolerance);

// `make` gives the operation for the addresses of the arrays.
using Make = std::function<Op(const std::vector<void*>&)>;
void run_case(const std::string& name, const std::vector<Array>& arrays, const Make& make,
              const Fault& fault = kNoFault);
// The same for a list of operations; `inspect` sees the arrays after it.
using Bytes = std::vector<std::vector<char>>;
using MakeList = std::function<std::vector<Op>(const std::vector<void*>&)>;
using Inspect = std::function<void(const std::string& what, const Bytes& after)>;
void run_list(const std::string& name, const std::vector<Array>& arrays, const MakeList& make,
              const Inspect& inspect, const Fault& fault = kNoFault);
// `times` steps of an optimizer.
void run_steps(const std::string& name, const StepCase& step, int times, const Inspect& inspect);
// Whether every operation of FOR_EACH_OP had a case.
void check_all_ops_seen();

template <class T>
In<T> input(void* data) {
  return {static_cast<const T*>(data)};
}
template <class T>
Out<T> output(void* data) {
  return {static_cast<T*>(data)};
}
template <class T>
InOut<T> both(void* data) {
  return {static_cast<T*>(data)};
}

// A backend of this level with so many threads.
std::shared_ptr<Backend> open_cpu(const std::string& level, int threads);

void test_accumulate();
void test_backend();
void test_clip();
void test_elementwise();
void test_embedding();
void test_gemm();
void test_guard();
void test_memory();
void test_norm();
void test_packed();
void test_pool();
void test_reduce();
void test_softmax();
void test_rows();
void test_sparse();
void test_sums();
void test_update();
void test_window();

}  // namespace adastep::test
