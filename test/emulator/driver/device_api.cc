// Initialisation, devices, contexts and error texts.
#include <cstdlib>
#include <cstring>
#include <map>

#include "driver/runtime.h"
#include "driver/unknown.h"
#include "memory/arena.h"

using namespace emulator;

namespace {

u32 driverVersion() {
  const char* text = std::getenv("ADASTEP_EMULATED_DRIVER_VERSION");
  return text ? static_cast<u32>(std::strtoul(text, nullptr, 10)) : 13000;
}

int attribute(int which, u32 cc, bool& known) {
  static const std::map<int, int> common = {
      {1, 1024},                                // threads per block
      {2, 1024},       {3, 1024},  {4, 64},     // block x, y, z
      {5, 2147483647}, {6, 65535}, {7, 65535},  // grid x, y, z
      {8, 49152},                               // shared memory per block
      {9, 65536},                               // constant memory
      {10, 32},                                 // warp size
      {12, 65536},                              // registers per block
      {16, 4},                                  // multiprocessors
      {13, 1000000},                            // clock, kHz
      {15, 1},                                  // copies and kernels overlap
      {18, 0},                                  // integrated
      {19, 1},                                  // host memory can be mapped
      {20, 0},                                  // compute mode: default
      {31, 1},                                  // concurrent kernels
      {33, 0},         {34, 0},    {50, 0},     // PCI bus, device, domain
      {36, 1000000},   {37, 256},               // memory clock and bus
      {38, 1 << 20},                            // L2 cache
      {40, 2},                                  // copy engines
      {41, 1},                                  // unified addressing
      {82, 65536},                              // registers per multiprocessor
      {83, 0},                                  // managed memory
      {115, 0},                                 // memory pools
  };
  known = true;
  switch (which) {
    case 75:
      return static_cast<int>(cc / 10);
    case 76:
      return static_cast<int>(cc % 10);
    case 39:
      return cc == 75 ? 1024 : 2048;  // threads per multiprocessor
    case 81:
      return cc == 75 ? 65536 : 167936;  // shared memory per multiprocessor
    case 97:
      return cc == 75 ? 65536 : 166912;  // shared memory per block, opted in
    default:
      break;
  }
  auto found = common.find(which);
  known = found != common.end();
  return known ? found->second : 0;
}

struct ResultText {
  const char *name, *text;
};
const std::map<CUresult, ResultText> kResults = {
    {0, {"CUDA_SUCCESS", "no error"}},
    {1, {"CUDA_ERROR_INVALID_VALUE", "invalid argument"}},
    {2, {"CUDA_ERROR_OUT_OF_MEMORY", "out of memory"}},
    {3, {"CUDA_ERROR_NOT_INITIALIZED", "initialization error"}},
    {100, {"CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"}},
    {101, {"CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"}},
    {201, {"CUDA_ERROR_INVALID_CONTEXT", "invalid device context"}},
    {209, {"CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for execution on the device"}},
    {218, {"CUDA_ERROR_INVALID_PTX", "a PTX JIT compilation failed"}},
    {400, {"CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"}},
    {401, {"CUDA_ERROR_ILLEGAL_STATE", "the operation cannot be performed in the present state"}},
    {500, {"CUDA_ERROR_NOT_FOUND", "named symbol not found"}},
    {600, {"CUDA_ERROR_NOT_READY", "device not ready"}},
    {700, {"CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"}},
    {701, {"CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES", "too many resources requested for launch"}},
    {702, {"CUDA_ERROR_LAUNCH_TIMEOUT", "the launch timed out and was terminated"}},
    {715, {"CUDA_ERROR_ILLEGAL_INSTRUCTION", "an illegal instruction was encountered"}},
    {716, {"CUDA_ERROR_MISALIGNED_ADDRESS", "misaligned address"}},
    {719, {"CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"}},
    {900, {"CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED", "operation not permitted when stream is capturing"}},
    {901,
     {"CUDA_ERROR_STREAM_CAPTURE_INVALIDATED", "operation failed due to a previous error during capture"}},
    {906,
     {"CUDA_ERROR_STREAM_CAPTURE_IMPLICIT",
      "operation would make the legacy stream depend on a capturing blocking stream"}},
    {908,
     {"CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD",
      "attempt to terminate a thread-local capture sequence from another thread"}},
    {999, {"CUDA_ERROR_UNKNOWN", "unknown error"}},
};

CUresult onDevice(CUdevice device) {
  if (!Runtime::instance().initialized) return kNotInitialized;
  return device == 0 ? kSuccess : kInvalidDevice;
}

}  // namespace

EMULATOR_API CUresult cuInit(unsigned flags) {
  if (flags) return unknown("cuInit", "flags", flags);
  Runtime::instance().initialized = true;
  return kSuccess;
}

EMULATOR_API CUresult cuDriverGetVersion(int* version) {
  if (!version) return kInvalidValue;
  *version = static_cast<int>(driverVersion());
  return kSuccess;
}

EMULATOR_API CUresult cuDeviceGetCount(int* count) {
  if (!count) return kInvalidValue;
  *count = 1;
  return onDevice(0);
}

EMULATOR_API CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  if (!device) return kInvalidValue;
  *device = ordinal;
  return onDevice(ordinal);
}

EMULATOR_API CUresult cuDeviceGetName(char* name, int size, CUdevice device) {
  if (CUresult result = onDevice(device)) return result;
  if (!name || size <= 0) return kInvalidValue;
  std::strncpy(name, "adastep emulated GPU", static_cast<size_t>(size));
  name[size - 1] = '\0';
  return kSuccess;
}

EMULATOR_API CUresult cuDeviceGetAttribute(int* value, int which, CUdevice device) {
  if (CUresult result = onDevice(device)) return result;
  if (!value) return kInvalidValue;
  bool known = false;
  *value = attribute(which, Runtime::instance().computeCapability(), known);
  return known ? kSuccess : unknown("cuDeviceGetAttribute", "attribute", which);
}

EMULATOR_API CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) {
  if (CUresult result = onDevice(device)) return result;
  if (!bytes) return kInvalidValue;
  *bytes = Arena::instance().total();
  return kSuccess;
}

EMULATOR_API CUresult cuDevicePrimaryCtxRetain(Context** context, CUdevice device) {
  if (CUresult result = onDevice(device)) return result;
  if (!context) return kInvalidValue;
  Runtime& runtime = Runtime::instance();
  std::lock_guard<std::mutex> hold(runtime.state);
  if (!runtime.primary) runtime.primary = new Context;
  ++runtime.references;
  *context = runtime.primary;
  return kSuccess;
}

EMULATOR_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  if (CUresult result = onDevice(device)) return result;
  Runtime& runtime = Runtime::instance();
  std::lock_guard<std::mutex> run(runtime.execution);
  std::lock_guard<std::mutex> hold(runtime.state);
  if (runtime.references == 0) return kInvalidContext;
  if (--runtime.references == 0) runtime.destroyContext();
  return kSuccess;
}

EMULATOR_API CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
  if (CUresult result = onDevice(device)) return result;
  Runtime& runtime = Runtime::instance();
  std::lock_guard<std::mutex> run(runtime.execution);
  std::lock_guard<std::mutex> hold(runtime.state);
  runtime.destroyContext();
  return kSuccess;
}

EMULATOR_API CUresult cuCtxSetCurrent(Context* context) {
  Runtime& runtime = Runtime::instance();
  if (!runtime.initialized) return kNotInitialized;
  std::lock_guard<std::mutex> hold(runtime.state);
  if (context && context != runtime.primary) return kInvalidContext;
  currentContext() = context;
  return kSuccess;
}

EMULATOR_API CUresult cuCtxGetCurrent(Context** context) {
  if (!Runtime::instance().initialized) return kNotInitialized;
  if (!context) return kInvalidValue;
  *context = currentContext();
  return kSuccess;
}

EMULATOR_API CUresult cuCtxSynchronize() {
  const CUresult result = guarded([](Runtime& runtime) { return runtime.refuseContextWait(); });
  return result ? result : Runtime::instance().drainAll();
}

EMULATOR_API CUresult cuGetErrorName(CUresult error, const char** name) {
  if (!name) return kInvalidValue;
  auto found = kResults.find(error);
  *name = found == kResults.end() ? nullptr : found->second.name;
  return found == kResults.end() ? kInvalidValue : kSuccess;
}

EMULATOR_API CUresult cuGetErrorString(CUresult error, const char** text) {
  if (!text) return kInvalidValue;
  auto found = kResults.find(error);
  *text = found == kResults.end() ? nullptr : found->second.text;
  return found == kResults.end() ? kInvalidValue : kSuccess;
}
