// A loaded module: its variables placed in device memory, its kernels decoded.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "exec/instruction.h"

namespace emulator {

struct LoadedModule;

struct Kernel {
  std::shared_ptr<const Module> module;  // kept while launches are queued
  std::shared_ptr<const Program> program;
  u32 maxShared = 48 * 1024;  // static and dynamic
  u32 maxThreads = 1024;
};

struct LoadedModule {
  std::shared_ptr<const Module> module;
  std::map<std::string, std::unique_ptr<Kernel>> kernels;
  std::map<std::string, u64> addresses;  // of global and constant variables

  // Throws PtxError on anything unknown in any kernel, so that it shows at once.
  LoadedModule(const void* image, u32 computeCapability);
  ~LoadedModule();

 private:
  void placeVariables();
  void releaseVariables();
  void decodeKernels();
};

}  // namespace emulator
