// Modules, kernels and launches.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "driver/runtime.h"
#include "exec/decoder.h"
#include "exec/launch.h"
#include "ptx/error.h"

using namespace emulator;

namespace {

u32 sharedLimit() { return Runtime::instance().computeCapability() == 75 ? 65536 : 166912; }

bool enabled(const char* name, bool otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strcmp(text, "0") != 0 : otherwise;
}

void writeCounters(const Launch& launch, const Counters& counters) {
  const char* path = std::getenv("ADASTEP_EMULATOR_COUNTERS");
  if (!path) return;
  if (std::FILE* file = std::fopen(path, "a")) {
    std::fputs(counters.json(launch, enabled("ADASTEP_EMULATOR_LINES", false)).c_str(), file);
    std::fclose(file);
  }
}

CUresult checkLaunch(const Kernel& kernel, const Launch& launch) {
  u64 threads = u64{1};
  for (int d = 0; d < 3; ++d) {
    if (launch.grid[d] == 0 || launch.block[d] == 0 || (d && launch.grid[d] > 65535)) return kInvalidValue;
    threads *= launch.block[d];
  }
  if (launch.grid[0] > 0x7fffffffu || launch.block[2] > 64 || threads > kernel.maxThreads)
    return kInvalidValue;
  if (u64{launch.grid[0]} * launch.grid[1] * launch.grid[2] > 0x7fffffffu)
    return kInvalidValue;  // the emulator's own limit
  if (launch.dynamicShared + kernel.program->sharedBytes > kernel.maxDynamicShared) return kInvalidValue;
  return kSuccess;
}

Kernel* findKernel(Runtime& runtime, const void* handle) {
  for (LoadedModule* module : runtime.modules) {
    for (auto& [name, kernel] : module->kernels) {
      if (kernel.get() == handle) return kernel.get();
    }
  }
  return nullptr;
}

}  // namespace

EMULATOR_API CUresult cuModuleLoadData(LoadedModule** module, const void* image) {
  return guarded([&](Runtime& runtime) -> CUresult {
    try {
      *module = new LoadedModule(image, runtime.computeCapability());
    } catch (const PtxError& error) {
      std::fprintf(stderr, "adastep emulator: %s\n", error.what());
      return kInvalidPtx;
    }
    runtime.modules.insert(*module);
    return kSuccess;
  });
}

EMULATOR_API CUresult cuModuleUnload(LoadedModule* module) {
  return guarded([&](Runtime& runtime) -> CUresult {
    if (!runtime.modules.erase(module)) return kInvalidHandle;
    delete module;
    return kSuccess;
  });
}

EMULATOR_API CUresult cuModuleGetFunction(Kernel** kernel, LoadedModule* module, const char* name) {
  return guarded([&](Runtime& runtime) -> CUresult {
    if (!runtime.modules.count(module)) return kInvalidHandle;
    auto found = module->kernels.find(name);
    if (found == module->kernels.end()) return kNotFound;
    *kernel = found->second.get();
    return kSuccess;
  });
}

EMULATOR_API CUresult cuModuleGetGlobal_v2(CUdeviceptr* address, size_t* bytes, LoadedModule* module,
                                           const char* name) {
  return guarded([&](Runtime& runtime) -> CUresult {
    if (!runtime.modules.count(module)) return kInvalidHandle;
    auto found = module->addresses.find(name);
    if (found == module->addresses.end()) return kNotFound;
    if (address) *address = found->second;
    if (bytes) *bytes = Arena::instance().find(found->second)->size;
    return kSuccess;
  });
}

EMULATOR_API CUresult cuFuncLoad(Kernel* kernel) {
  return guarded(
      [&](Runtime& runtime) -> CUresult { return findKernel(runtime, kernel) ? kSuccess : kInvalidHandle; });
}

EMULATOR_API CUresult cuFuncGetAttribute(int* value, int which, Kernel* handle) {
  return guarded([&](Runtime& runtime) -> CUresult {
    Kernel* kernel = findKernel(runtime, handle);
    if (!kernel) return kInvalidHandle;
    switch (which) {
      case 0:
        *value = static_cast<int>(kernel->maxThreads);
        return kSuccess;
      case 1:
        *value = static_cast<int>(kernel->program->sharedBytes);
        return kSuccess;
      case 2:
        *value = 0;
        return kSuccess;
      case 3:
        *value = static_cast<int>(kernel->program->localBytes);
        return kSuccess;
      case 4:
        *value = 32;
        return kSuccess;  // registers: ptxas knows, the emulator does not
      case 5:
      case 6:
        *value = static_cast<int>(runtime.computeCapability());
        return kSuccess;
      case 8:
        *value = static_cast<int>(kernel->maxDynamicShared - kernel->program->sharedBytes);
        return kSuccess;
      default:
        return kInvalidValue;
    }
  });
}

EMULATOR_API CUresult cuFuncSetAttribute(Kernel* handle, int which, int value) {
  return guarded([&](Runtime& runtime) -> CUresult {
    Kernel* kernel = findKernel(runtime, handle);
    if (!kernel) return kInvalidHandle;
    if (which == 9) return kSuccess;  // preferred carve-out: a hint
    if (which != 8 || value < 0) return kInvalidValue;
    u32 wanted = static_cast<u32>(value) + kernel->program->sharedBytes;
    if (wanted > sharedLimit()) return kInvalidValue;
    kernel->maxDynamicShared = wanted;
    return kSuccess;
  });
}

EMULATOR_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Kernel* handle, int blockSize,
                                                                  size_t dynamicShared) {
  return guarded([&](Runtime& runtime) -> CUresult {
    Kernel* kernel = findKernel(runtime, handle);
    if (!kernel) return kInvalidHandle;
    if (blockSize <= 0) return kInvalidValue;
    bool turing = runtime.computeCapability() == 75;
    u64 perBlock = kernel->program->sharedBytes + dynamicShared;
    u64 byThreads = (turing ? 1024u : 2048u) / static_cast<u64>(blockSize);
    u64 byShared = perBlock ? (turing ? 65536u : 167936u) / perBlock : byThreads;
    *blocks = static_cast<int>(std::min<u64>({byThreads, byShared, 16}));
    return kSuccess;
  });
}

EMULATOR_API CUresult cuLaunchKernel(Kernel* handle, unsigned gridX, unsigned gridY, unsigned gridZ,
                                     unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes,
                                     void* streamHandle, void** parameters, void** extra) {
  auto launch = std::make_shared<Launch>();
  std::shared_ptr<Module const> keep;
  std::shared_ptr<const Program> program;
  Stream* stream = nullptr;
  CUresult result = guarded([&](Runtime& runtime) -> CUresult {
    Kernel* kernel = findKernel(runtime, handle);
    stream = runtime.find(streamHandle);
    if (!kernel || !stream) return kInvalidHandle;
    keep = kernel->module;
    program = kernel->program;
    launch->program = program.get();
    u32 grid[] = {gridX, gridY, gridZ}, block[] = {blockX, blockY, blockZ};
    std::copy(grid, grid + 3, launch->grid);
    std::copy(block, block + 3, launch->block);
    launch->dynamicShared = sharedBytes;
    if (CUresult bad = checkLaunch(*kernel, *launch)) return bad;
    std::map<const Variable*, u64> at;
    launch->params.resize(layOutParams(*program->kernel, &at));
    if (extra || launch->params.size() > 4096 || (!parameters && !at.empty())) return kInvalidValue;
    size_t index = 0;
    for (const Variable* param : program->kernel->params)
      std::memcpy(&launch->params[at[param]], parameters[index++], param->size);
    return kSuccess;
  });
  if (result != kSuccess) return result;
  launch->check = enabled("ADASTEP_EMULATOR_CHECK", true);
  launch->countMemory = std::getenv("ADASTEP_EMULATOR_COUNTERS") != nullptr;
  Command command;
  command.run = [launch, keep, program] { writeCounters(*launch, execute(*launch)); };
  return Runtime::instance().enqueue(*stream, std::move(command));
}
