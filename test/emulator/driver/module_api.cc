// Modules, kernels and launches.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "driver/runtime.h"
#include "driver/unknown.h"
#include "exec/decoder.h"
#include "exec/launch.h"

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

// Each dimension by itself first: only then can no product wrap.
CUresult checkLaunch(const Kernel& kernel, const Launch& launch) {
  constexpr u32 kMostBlocks[] = {0x7fffffff, 65535, 65535}, kMostThreads[] = {1024, 1024, 64};
  for (int d = 0; d < 3; ++d) {
    if (launch.grid[d] == 0 || launch.grid[d] > kMostBlocks[d]) return kInvalidValue;
    if (launch.block[d] == 0 || launch.block[d] > kMostThreads[d]) return kInvalidValue;
  }
  if (launch.threads() > kernel.maxThreads) return kInvalidValue;
  if (u64{launch.grid[0]} * launch.grid[1] * launch.grid[2] > 0x7fffffffu)
    return kInvalidValue;  // the emulator's own limit
  if (u64{launch.dynamicShared} + kernel.program->sharedBytes > kernel.maxShared) return kInvalidValue;
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

// Of a damaged image the parser may meet anything, but nothing of it is thrown into the client.
EMULATOR_API CUresult cuModuleLoadData(LoadedModule** module, const void* image) {
  return guarded([&](Runtime& runtime) -> CUresult {
    if (!module || !image) return kInvalidValue;
    try {
      *module = new LoadedModule(image, runtime.computeCapability());
    } catch (const std::bad_alloc&) {
      return kOutOfMemory;
    } catch (const std::exception& error) {  // mostly PtxError
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
    if (!kernel || !name) return kInvalidValue;
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
    if (!name) return kInvalidValue;
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
    if (!value) return kInvalidValue;
    switch (which) {
      case 0:
        *value = static_cast<int>(kernel->maxThreads);
        return kSuccess;
      case 1:
        *value = static_cast<int>(kernel->program->sharedBytes);
        return kSuccess;
      case 3:
        *value = static_cast<int>(kernel->program->localBytes);
        return kSuccess;
      case 5:
        *value = static_cast<int>(kernel->module->target);
        return kSuccess;
      case 6:
        *value = static_cast<int>(runtime.computeCapability());
        return kSuccess;
      case 8:
        *value = static_cast<int>(kernel->maxShared - kernel->program->sharedBytes);
        return kSuccess;
      default:  // also 4, the registers: only ptxas knows them
        return unknown("cuFuncGetAttribute", "attribute", which);
    }
  });
}

EMULATOR_API CUresult cuFuncSetAttribute(Kernel* handle, int which, int value) {
  return guarded([&](Runtime& runtime) -> CUresult {
    Kernel* kernel = findKernel(runtime, handle);
    if (!kernel) return kInvalidHandle;
    if (which == 9) return kSuccess;  // preferred carve-out: a hint
    if (which != 8) return unknown("cuFuncSetAttribute", "attribute", which);
    if (value < 0) return kInvalidValue;
    u32 wanted = static_cast<u32>(value) + kernel->program->sharedBytes;
    if (wanted > sharedLimit()) return kInvalidValue;
    kernel->maxShared = wanted;
    return kSuccess;
  });
}

EMULATOR_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Kernel* handle, int blockSize,
                                                                  size_t dynamicShared) {
  return guarded([&](Runtime& runtime) -> CUresult {
    Kernel* kernel = findKernel(runtime, handle);
    if (!kernel) return kInvalidHandle;
    if (!blocks || blockSize <= 0) return kInvalidValue;
    bool turing = runtime.computeCapability() == 75;
    u64 perBlock = kernel->program->sharedBytes + std::min<u64>(dynamicShared, 0xffffffff);
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
    if (extra) return unknown("cuLaunchKernel", "number of extra options", 1);
    if (launch->params.size() > 4096 || (!parameters && !at.empty())) return kInvalidValue;
    size_t index = 0;
    for (const Variable* param : program->kernel->params) {
      const void* value = parameters[index++];
      if (!value) return kInvalidValue;
      std::memcpy(&launch->params[at[param]], value, param->size);
    }
    return kSuccess;
  });
  if (result != kSuccess) return result;
  launch->check = enabled("ADASTEP_EMULATOR_CHECK", true);
  launch->countMemory = std::getenv("ADASTEP_EMULATOR_COUNTERS") != nullptr;
  Command command;
  command.run = [launch, keep, program] { writeCounters(*launch, execute(*launch)); };
  return Runtime::instance().enqueue(*stream, std::move(command));
}
