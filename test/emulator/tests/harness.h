// A small test harness: cases register themselves, checks count, kernels run through the driver's own
// functions.
#pragma once

#include <cstdio>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "driver/results.h"
#include "ptx/integers.h"

namespace emulator::tests {

struct Case {
  const char* name;
  void (*run)();
  Case(const char* name, void (*run)());
};

#define EMULATOR_TEST(name)                                     \
  static void name();                                           \
  static const ::emulator::tests::Case name##Case{#name, name}; \
  static void name()

// Ends the case with a message if it does not hold.
void expect(bool holds, const std::string& message);
void expectResult(CUresult got, CUresult wanted, const std::string& what);

// A fresh context for one case, with the report of whatever goes wrong in it.
class Device {
 public:
  Device();
  ~Device();
  u64 allocate(size_t bytes);
  u64 upload(const void* data, size_t bytes);
  template <class T>
  u64 upload(const std::vector<T>& data) {
    return upload(data.data(), data.size() * sizeof(T));
  }
  template <class T>
  std::vector<T> download(u64 address, size_t count) {
    std::vector<T> data(count);
    download(data.data(), address, count * sizeof(T));
    return data;
  }
  void download(void* to, u64 address, size_t bytes);
  void load(const char* image);  // fatbin or PTX text
  // Launches and waits; gives the result of the wait.
  CUresult launch(const std::string& kernel, u32 grid, u32 block, std::vector<void*> params, u32 shared = 0);
  std::string report() const;  // what the emulator wrote
  void* function(const std::string& kernel);
  void* module() const { return module_; }

 private:
  void* module_ = nullptr;
};

std::string printed();  // all that the emulator wrote to stderr

// A module around a kernel `test(p0, p1, ...)` of 64-bit parameters whose body is given.
std::string wrap(const std::string& body, int params, const std::string& globals = "");

}  // namespace emulator::tests
