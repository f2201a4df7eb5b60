#include "tests/harness.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/coverage.h"
#include "tests/driver_functions.h"

namespace emulator::tests {
namespace {

// What planted bugs report, and what they print: beside other temporary files.
std::string temporary(const char* name) {
  return (std::filesystem::temp_directory_path() / (name + std::to_string(getpid()))).string();
}
const std::string kReport = temporary("emulator-report-"), kErrors = temporary("emulator-stderr-");

std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

}  // namespace

Case::Case(const char* name, void (*run)()) : name(name), run(run) { cases().push_back(*this); }

void expect(bool holds, const std::string& message) {
  if (!holds) throw std::runtime_error(message);
}

void expectResult(CUresult got, CUresult wanted, const std::string& what) {
  expect(got == wanted, what + ": got " + std::to_string(got) + ", wanted " + std::to_string(wanted));
}

Device::Device() {
  std::remove(kReport.c_str());
  expectResult(cuInit(0), kSuccess, "cuInit");
  void* context = nullptr;
  expectResult(cuDevicePrimaryCtxRetain(&context, 0), kSuccess, "retain");
  expectResult(cuCtxSetCurrent(context), kSuccess, "set current");
}

Device::~Device() {
  cuDevicePrimaryCtxRelease_v2(0);
  cuCtxSetCurrent(nullptr);
}

u64 Device::allocate(size_t bytes) {
  CUdeviceptr address = 0;
  expectResult(cuMemAlloc_v2(&address, bytes), kSuccess, "allocate");
  return address;
}

u64 Device::upload(const void* data, size_t bytes) {
  u64 address = allocate(bytes);
  expectResult(cuMemcpyHtoD_v2(address, data, bytes), kSuccess, "upload");
  return address;
}

void Device::download(void* to, u64 address, size_t bytes) {
  expectResult(cuMemcpyDtoH_v2(to, address, bytes), kSuccess, "download");
}

void Device::load(const char* image) {
  expectResult(cuModuleLoadData(&module_, image), kSuccess, "load");
  noteInstructions(image);
}

void* Device::function(const std::string& kernel) {
  void* found = nullptr;
  expectResult(cuModuleGetFunction(&found, module_, kernel.c_str()), kSuccess, "function " + kernel);
  return found;
}

CUresult Device::launch(const std::string& kernel, u32 grid, u32 block, std::vector<void*> params,
                        u32 shared) {
  CUresult result =
      cuLaunchKernel(function(kernel), grid, 1, 1, block, 1, 1, shared, nullptr, params.data(), nullptr);
  return result ? result : cuCtxSynchronize();
}

std::string Device::report() const {
  std::ifstream file(kReport);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string printed() {
  std::fflush(stderr);
  std::ifstream file(kErrors);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::string wrap(const std::string& body, int params, const std::string& globals) {
  std::string text = ".version 9.0\n.target sm_80\n.address_size 64\n" + globals + ".visible .entry test(";
  for (int p = 0; p < params; ++p) text += (p ? ", .param .u64 p" : ".param .u64 p") + std::to_string(p);
  return text +
         ")\n{\n.reg .pred %p<16>;\n.reg .b16 %rs<32>;\n.reg .b32 %r<64>;\n.reg .f32 %f<64>;\n.reg .b64 "
         "%rd<64>;\n.reg .f64 %fd<32>;\n" +
         body + "\nret;\n}\n";
}

}  // namespace emulator::tests

int main(int argc, char** argv) {
  using namespace emulator::tests;
  setenv("ADASTEP_EMULATOR_REPORT", kReport.c_str(), 1);
  if (!std::freopen(kErrors.c_str(), "w", stderr)) return 2;
  int passed = 0, failed = 0;
  for (const Case& each : cases()) {
    if (argc > 1 && std::string(each.name).find(argv[1]) == std::string::npos) continue;
    try {
      each.run();
      ++passed;
    } catch (const std::exception& error) {
      ++failed;
      std::printf("FAILED %s: %s\n", each.name, error.what());
    }
  }
  bool whole = argc == 1 && failed == 0;  // a case that ends early leaves out what follows
  for (const std::string& name : whole ? untestedInstructions() : std::vector<std::string>()) {
    ++failed;
    std::printf("FAILED no test of the instruction %s\n", name.c_str());
  }
  std::remove(kReport.c_str());
  std::remove(kErrors.c_str());
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed || !passed ? 1 : 0;
}
