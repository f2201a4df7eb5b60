#include "cuda/driver.h"

#include <dlfcn.h>

#include <cstdlib>

#include "core/error.h"

namespace adastep::cuda {

namespace {

constexpr int kNeededVersion = 13000;  // of the driver API: our PTX is version 9.0, our fatbins zstd

std::string describe(const Driver& functions, CUresult result) {
  const char* name = nullptr;
  const char* text = nullptr;
  functions.cuGetErrorName(result, &name);
  functions.cuGetErrorString(result, &text);
  return (name ? name : "CUDA error " + std::to_string(result)) +
         (text ? std::string(" (") + text + ")" : "");
}

struct Library {
  Driver functions;
  std::string problem;

  // Never closed: the driver keeps threads of its own.
  Library() { problem = open(); }

 private:
  std::string open() {
    const char* const chosen = std::getenv("ADASTEP_CUDA_DRIVER");
    const bool is_chosen = chosen && *chosen;
    void* const handle = dlopen(is_chosen ? chosen : "libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
      const std::string why = dlerror();
      return is_chosen ? "the driver named by ADASTEP_CUDA_DRIVER cannot be opened: " + why
                       : "libcuda.so.1 was not found: install the NVIDIA driver 580 or later (" + why + ")";
    }
    const std::string missing = look_up(handle);
    if (!missing.empty()) {
      return "the CUDA driver lacks the function " + missing + ": install the NVIDIA driver 580 or later";
    }
    return initialise();
  }

  // The name of the first required symbol that the library does not export, if any.
  std::string look_up(void* handle) {
    std::string missing;
#define ADASTEP_CUDA_LOOK_UP(name, symbol, parameters) \
  functions.name = reinterpret_cast<CUresult(*) parameters>(dlsym(handle, symbol));
#define ADASTEP_CUDA_NEED(name, symbol, parameters) \
  ADASTEP_CUDA_LOOK_UP(name, symbol, parameters)    \
  if (!functions.name && missing.empty()) missing = symbol;
    ADASTEP_CUDA_REQUIRED(ADASTEP_CUDA_NEED)
    ADASTEP_CUDA_OPTIONAL(ADASTEP_CUDA_LOOK_UP)
#undef ADASTEP_CUDA_NEED
#undef ADASTEP_CUDA_LOOK_UP
    return missing;
  }

  std::string initialise() {
    int version = 0;
    CUresult result = functions.cuDriverGetVersion(&version);
    if (result != kSuccess) return "cuDriverGetVersion failed: " + describe(functions, result);
    if (version < kNeededVersion) {
      return "the installed driver supports CUDA " + std::to_string(version / 1000) + "." +
             std::to_string(version % 1000 / 10) +
             ", CUDA 13.0 is needed: install the NVIDIA driver 580 or later";
    }
    result = functions.cuInit(0);
    if (result == kErrorNoDevice) return "no NVIDIA GPU was found";
    if (result != kSuccess) return "cuInit failed: " + describe(functions, result);
    return "";
  }
};

const Library& library() {
  static const Library opened;
  return opened;
}

}  // namespace

const std::string& driver_problem() { return library().problem; }

const Driver& driver() { return library().functions; }

void check(CUresult result, const char* function) {
  if (result == kSuccess) return;
  throw Error(result == kErrorOutOfMemory ? ErrorCode::kOutOfMemory : ErrorCode::kDevice,
              std::string(function) + " failed: " + describe(driver(), result));
}

}  // namespace adastep::cuda
