#include "driver/module.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "exec/decoder.h"
#include "fatbin.h"
#include "memory/arena.h"
#include "ptx/error.h"

namespace emulator {
namespace {

Allocation::Kind kindOf(const Variable& variable) {
  return variable.space == Space::kConst ? Allocation::kConstant : Allocation::kGlobalVariable;
}

// The name of the first kernel of a module, up to its parameters.
std::string firstKernel(const std::string& ptx) {
  constexpr const char* kEntry = ".entry ";
  size_t at = ptx.find(kEntry);
  return at == std::string::npos ? "" : ptx.substr(at, ptx.find('(', at) - at);
}

// The module that begins with the same kernel as the text in ADASTEP_EMULATOR_PTX is that text: for trying
// out changes, and for mutants.
std::string ptxToRun(const void* image, u32 computeCapability) {
  std::string ptx = ptxOfImage(image, computeCapability);
  const char* path = std::getenv("ADASTEP_EMULATOR_PTX");
  if (!path) return ptx;
  std::ifstream file(path);
  if (!file) throw PtxError(std::string("no file ") + path + " (ADASTEP_EMULATOR_PTX)");
  std::string other{std::istreambuf_iterator<char>(file), {}};
  return firstKernel(ptx) == firstKernel(other) ? other : ptx;
}

}  // namespace

LoadedModule::LoadedModule(const void* image, u32 computeCapability)
    : module(std::make_shared<Module>(parseModule(ptxToRun(image, computeCapability)))) {
  if (module->target > computeCapability)
    throw PtxError("PTX for sm_" + std::to_string(module->target) + " on a device of compute capability " +
                   std::to_string(computeCapability / 10) + "." + std::to_string(computeCapability % 10));
  try {
    placeVariables();
    decodeKernels();
  } catch (...) {  // of what was not made no destructor runs
    releaseVariables();
    throw;
  }
}

void LoadedModule::decodeKernels() {
  for (const auto& [name, function] : module->functions) {
    if (!function->entry) continue;
    auto kernel = std::make_unique<Kernel>();
    kernel->module = module;
    kernel->program =
        decodeKernel(*module, *function, [this](const Variable& v) { return addresses.at(v.name); });
    u32 bound = function->requiredThreads ? function->requiredThreads : function->maxThreads;
    kernel->maxThreads = bound ? std::min(bound, 1024u) : 1024;
    kernels[name] = std::move(kernel);
  }
}

// Initialised bytes are copied, all others are zero, as the linker of a GPU leaves them.
void LoadedModule::placeVariables() {
  Arena& arena = Arena::instance();
  for (const auto& variable : module->variables) {
    if (variable->space != Space::kGlobal && variable->space != Space::kConst) continue;
    u64 at = arena.allocate(variable->size, kindOf(*variable), variable->name);
    if (!at) throw PtxError("no memory for the variable " + variable->name);
    addresses[variable->name] = at;
    std::memcpy(reinterpret_cast<void*>(at), variable->initial.data(), variable->initial.size());
  }
  for (const auto& variable : module->variables) {
    for (const Variable::Pointer& pointer : variable->pointers) {
      auto target = addresses.find(pointer.symbol);
      if (target == addresses.end())
        throw PtxError("unknown symbol " + pointer.symbol +
                       " in an initial value (test/emulator/driver/module.cc)");
      u64 value = target->second + static_cast<u64>(pointer.offset);
      std::memcpy(reinterpret_cast<u8*>(addresses.at(variable->name)) + pointer.at, &value, sizeof value);
    }
  }
}

LoadedModule::~LoadedModule() { releaseVariables(); }

void LoadedModule::releaseVariables() {
  for (const auto& variable : module->variables) {
    auto at = addresses.find(variable->name);
    if (at != addresses.end()) Arena::instance().release(at->second, kindOf(*variable));
  }
}

}  // namespace emulator
