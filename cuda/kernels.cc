#include "cuda/kernels.h"

#include "core/error.h"

#ifdef ADASTEP_HAVE_CUDA_KERNELS
extern "C" {
#define ADASTEP_FATBIN(module) extern const char adastep_fatbin_##module[];
ADASTEP_FOR_EACH_MODULE(ADASTEP_FATBIN)
#undef ADASTEP_FATBIN
}
#endif

namespace adastep::cuda {

namespace {

enum class Module : int {
#define ADASTEP_MODULE(module) module,
  ADASTEP_FOR_EACH_MODULE(ADASTEP_MODULE)
#undef ADASTEP_MODULE
};

struct Entry {
  Module module;
  const char* function;
};
constexpr Entry kEntries[] = {
#define ADASTEP_ENTRY(module, name) {Module::module, "adastep_" #name},
    ADASTEP_FOR_EACH_KERNEL(ADASTEP_ENTRY)
#undef ADASTEP_ENTRY
#define ADASTEP_ENTRY(type, name, states) {Module::update, "adastep_update_" #type},
        ADASTEP_FOR_EACH_RULE(ADASTEP_ENTRY)
#undef ADASTEP_ENTRY
};

std::vector<const char*> images() {
#ifdef ADASTEP_HAVE_CUDA_KERNELS
#define ADASTEP_IMAGE(module) adastep_fatbin_##module,
  return {ADASTEP_FOR_EACH_MODULE(ADASTEP_IMAGE)};
#undef ADASTEP_IMAGE
#else
  return {};
#endif
}

}  // namespace

const char* kernels_problem() {
  return images().empty()
             ? "adastep was built without CUDA kernels (they need nvcc 13.0 or later at build time)"
             : "";
}

Kernels::Kernels(std::shared_ptr<Context> context) : context_(std::move(context)) {
  try {
    load();
  } catch (...) {
    unload();
    throw;
  }
}

Kernels::~Kernels() {
  context_->enter_to_release();
  unload();
}

// Functions are loaded now, not at their first launch: that may fall into a capture, where loading is
// refused.
void Kernels::load() {
  for (const char* image : images()) {
    CUmodule module = nullptr;
    const CUresult result = driver().cuModuleLoadData(&module, image);
    if (result == kErrorNoBinaryForGpu) {
      throw Error(ErrorCode::kUnavailable, "this build of adastep has no kernels for the GPU's architecture");
    }
    check(result, "cuModuleLoadData");
    modules_.push_back(module);
  }
  for (const Entry& entry : kEntries) {
    CUfunction function = nullptr;
    check(
        driver().cuModuleGetFunction(&function, modules_[static_cast<size_t>(entry.module)], entry.function),
        "cuModuleGetFunction");
    if (driver().cuFuncLoad) check(driver().cuFuncLoad(function), "cuFuncLoad");
    functions_.push_back(function);
  }
}

void Kernels::unload() noexcept {
  for (CUmodule module : modules_) driver().cuModuleUnload(module);
}

}  // namespace adastep::cuda
