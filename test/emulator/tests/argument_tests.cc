// Calls of the driver with arguments that it does not know.
#include "tests/driver_functions.h"
#include "tests/harness.h"

namespace emulator::tests {
namespace {

void expectUnknown(CUresult got, const std::string& call, const std::string& argument) {
  expectResult(got, kInvalidValue, call);
  const std::string words = call + " does not know the " + argument + " ";
  expect(printed().find(words) != std::string::npos, "wanted " + words + ", printed: " + printed());
}

EMULATOR_TEST(unknownArgumentsAreNamed) {
  Device device;
  int value = 0;
  expectUnknown(cuDeviceGetAttribute(&value, 95, 0), "cuDeviceGetAttribute", "attribute 95");
  expectUnknown(cuDeviceGetAttribute(&value, -1, 0), "cuDeviceGetAttribute", "attribute -1");
  void *made = nullptr, *event = nullptr;
  expectUnknown(cuStreamCreate(&made, 2), "cuStreamCreate", "flags 2");
  expectUnknown(cuEventCreate(&event, 4), "cuEventCreate", "flags 4");
  expectResult(cuEventCreate(&event, 2), kSuccess, "event");
  expectUnknown(cuStreamWaitEvent(nullptr, event, 1), "cuStreamWaitEvent", "flags 1");
  expectUnknown(cuMemHostAlloc(&made, 4, 8), "cuMemHostAlloc", "flags 8");
  expectUnknown(cuMemHostRegister_v2(&made, 8, 4), "cuMemHostRegister", "flags 4");
  expectResult(cuEventDestroy_v2(event), kSuccess, "event");
}

EMULATOR_TEST(attributesOfFunctions) {
  Device device;
  device.load(wrap("mov.u32 %r1, s;", 0, ".shared .align 16 .b8 s[64];\n").c_str());
  void* function = device.function("test");
  auto of = [&](int which) {
    int value = 0;
    expectResult(cuFuncGetAttribute(&value, which, function), kSuccess, "attribute " + std::to_string(which));
    return value;
  };
  expect(of(0) == 1024, "threads per block");
  expect(of(1) == 64, "static shared memory");
  expect(of(3) == 0, "local memory");
  expect(of(5) == 80 && of(6) == 80, "versions");
  expect(of(8) == 49152 - 64, "dynamic shared memory");
  int value = 0;
  expectUnknown(cuFuncGetAttribute(&value, 4, function), "cuFuncGetAttribute", "attribute 4");
  expectUnknown(cuFuncGetAttribute(&value, 2, function), "cuFuncGetAttribute", "attribute 2");
  expectUnknown(cuFuncSetAttribute(function, 1, 1), "cuFuncSetAttribute", "attribute 1");
  void* options[] = {nullptr};
  expectUnknown(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, options), "cuLaunchKernel",
                "number of extra options 1");
}

EMULATOR_TEST(nullsAreRefused) {
  Device device;
  device.load(wrap("", 1).c_str());
  void *function = device.function("test"), *made = nullptr, *no[] = {nullptr};
  const u64 buffer = device.upload(std::vector<u32>{1, 2});
  const std::pair<const char*, CUresult> calls[] = {
      {"cuDriverGetVersion", cuDriverGetVersion(nullptr)},
      {"cuDeviceGetAttribute", cuDeviceGetAttribute(nullptr, 75, 0)},
      {"cuDevicePrimaryCtxRetain", cuDevicePrimaryCtxRetain(nullptr, 0)},
      {"cuCtxGetCurrent", cuCtxGetCurrent(nullptr)},
      {"cuModuleLoadData", cuModuleLoadData(&made, nullptr)},
      {"cuModuleLoadData", cuModuleLoadData(nullptr, wrap("", 0).c_str())},
      {"cuModuleGetFunction", cuModuleGetFunction(&made, device.module(), nullptr)},
      {"cuModuleGetFunction", cuModuleGetFunction(nullptr, device.module(), "test")},
      {"cuFuncGetAttribute", cuFuncGetAttribute(nullptr, 0, function)},
      {"cuMemAlloc", cuMemAlloc_v2(nullptr, 4)},
      {"cuMemHostAlloc", cuMemHostAlloc(nullptr, 4, 0)},
      {"cuMemcpyHtoD", cuMemcpyHtoD_v2(buffer, nullptr, 8)},
      {"cuMemcpyDtoH", cuMemcpyDtoH_v2(nullptr, buffer, 8)},
      {"cuStreamCreate", cuStreamCreate(nullptr, 0)},
      {"cuEventCreate", cuEventCreate(nullptr, 0)},
      {"cuLaunchKernel", cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, nullptr, no, nullptr)},
  };
  for (const auto& [name, got] : calls) expectResult(got, kInvalidValue, name);
  expectResult(cuMemcpyHtoD_v2(0, nullptr, 0), kSuccess, "no bytes of nothing");
}

EMULATOR_TEST(rangesAreCheckedBeforeTheyAreRead) {
  Device device;
  std::vector<u32> host(16);
  const u64 buffer = device.upload(host);
  for (size_t bytes : {size_t{65}, size_t{1} << 40, ~size_t{0}}) {
    expectResult(cuMemcpyHtoD_v2(buffer, host.data(), bytes), kInvalidValue, "copy to the device");
    expectResult(cuMemcpyDtoH_v2(host.data(), buffer, bytes), kInvalidValue, "copy to the host");
  }
  for (size_t bytes : {size_t{1} << 47, ~size_t{0}, ~size_t{0} - 4096})
    expectResult(cuMemHostRegister_v2(host.data(), bytes, 0), kInvalidValue, "register");
}

EMULATOR_TEST(contextsThatAreNone) {
  Device device;
  void *context = nullptr, *other = &context;
  expectResult(cuCtxGetCurrent(&context), kSuccess, "the context");
  expectResult(cuCtxSetCurrent(other), kInvalidContext, "no context");
  expectResult(cuCtxGetCurrent(&other), kSuccess, "the context");
  expect(other == context, "the old one stays current");
}

}  // namespace
}  // namespace emulator::tests
