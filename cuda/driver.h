// The CUDA driver, opened at run time: the addon links to no CUDA library. These are our own declarations of
// the functions and constants used, after the CUDA 13.0 driver API reference.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace adastep::cuda {

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = struct ContextHandle*;
using CUmodule = struct ModuleHandle*;
using CUfunction = struct FunctionHandle*;
using CUstream = struct StreamHandle*;
using CUevent = struct EventHandle*;
using CUgraph = struct GraphHandle*;
using CUgraphExec = struct GraphExecHandle*;

constexpr CUresult kSuccess = 0, kErrorOutOfMemory = 2, kErrorNoDevice = 100, kErrorNoBinaryForGpu = 209,
                   kErrorNotReady = 600;

constexpr int kAttributeMultiprocessorCount = 16, kAttributeComputeCapabilityMajor = 75,
              kAttributeComputeCapabilityMinor = 76;

constexpr unsigned kStreamNonBlocking = 1, kEventBlockingSync = 1, kEventDisableTiming = 2,
                   kHostAllocPortable = 1, kHostRegisterPortable = 1;
constexpr int kCaptureModeThreadLocal = 1;

// X(name, exported symbol, parameters): without these the driver cannot be used.
#define ADASTEP_CUDA_REQUIRED(X)                                                                            \
  X(cuInit, "cuInit", (unsigned flags))                                                                     \
  X(cuDriverGetVersion, "cuDriverGetVersion", (int* version))                                               \
  X(cuGetErrorName, "cuGetErrorName", (CUresult error, const char** name))                                  \
  X(cuGetErrorString, "cuGetErrorString", (CUresult error, const char** text))                              \
  X(cuDeviceGetCount, "cuDeviceGetCount", (int* count))                                                     \
  X(cuDeviceGet, "cuDeviceGet", (CUdevice * device, int ordinal))                                           \
  X(cuDeviceGetName, "cuDeviceGetName", (char* name, int size, CUdevice device))                            \
  X(cuDeviceGetAttribute, "cuDeviceGetAttribute", (int* value, int attribute, CUdevice device))             \
  X(cuDeviceTotalMem, "cuDeviceTotalMem_v2", (size_t * bytes, CUdevice device))                             \
  X(cuDevicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain", (CUcontext * context, CUdevice device))           \
  X(cuDevicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2", (CUdevice device))                           \
  X(cuCtxSetCurrent, "cuCtxSetCurrent", (CUcontext context))                                                \
  X(cuModuleLoadData, "cuModuleLoadData", (CUmodule * module, const void* image))                           \
  X(cuModuleUnload, "cuModuleUnload", (CUmodule module))                                                    \
  X(cuModuleGetFunction, "cuModuleGetFunction", (CUfunction * function, CUmodule module, const char* name)) \
  X(cuMemAlloc, "cuMemAlloc_v2", (CUdeviceptr * data, size_t bytes))                                        \
  X(cuMemFree, "cuMemFree_v2", (CUdeviceptr data))                                                          \
  X(cuMemGetInfo, "cuMemGetInfo_v2", (size_t * free, size_t * total))                                       \
  X(cuMemHostAlloc, "cuMemHostAlloc", (void** data, size_t bytes, unsigned flags))                          \
  X(cuMemFreeHost, "cuMemFreeHost", (void* data))                                                           \
  X(cuMemHostRegister, "cuMemHostRegister_v2", (void* data, size_t bytes, unsigned flags))                  \
  X(cuMemHostUnregister, "cuMemHostUnregister", (void* data))                                               \
  X(cuMemcpyHtoDAsync, "cuMemcpyHtoDAsync_v2",                                                              \
    (CUdeviceptr to, const void* from, size_t bytes, CUstream stream))                                      \
  X(cuMemcpyDtoHAsync, "cuMemcpyDtoHAsync_v2", (void* to, CUdeviceptr from, size_t bytes, CUstream stream)) \
  X(cuMemcpyDtoDAsync, "cuMemcpyDtoDAsync_v2",                                                              \
    (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream))                                      \
  X(cuMemsetD8Async, "cuMemsetD8Async",                                                                     \
    (CUdeviceptr data, unsigned char value, size_t bytes, CUstream stream))                                 \
  X(cuStreamCreate, "cuStreamCreate", (CUstream * stream, unsigned flags))                                  \
  X(cuStreamDestroy, "cuStreamDestroy_v2", (CUstream stream))                                               \
  X(cuStreamSynchronize, "cuStreamSynchronize", (CUstream stream))                                          \
  X(cuEventCreate, "cuEventCreate", (CUevent * event, unsigned flags))                                      \
  X(cuEventDestroy, "cuEventDestroy_v2", (CUevent event))                                                   \
  X(cuEventRecord, "cuEventRecord", (CUevent event, CUstream stream))                                       \
  X(cuEventQuery, "cuEventQuery", (CUevent event))                                                          \
  X(cuEventSynchronize, "cuEventSynchronize", (CUevent event))                                              \
  X(cuLaunchKernel, "cuLaunchKernel",                                                                       \
    (CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,              \
     unsigned block_y, unsigned block_z, unsigned shared_bytes, CUstream stream, void** parameters,         \
     void** extra))

// Null where the driver has none: a recorded list then runs as single launches, and functions load lazily.
#define ADASTEP_CUDA_OPTIONAL(X)                                                  \
  X(cuStreamBeginCapture, "cuStreamBeginCapture_v2", (CUstream stream, int mode)) \
  X(cuStreamEndCapture, "cuStreamEndCapture", (CUstream stream, CUgraph * graph)) \
  X(cuGraphInstantiateWithFlags, "cuGraphInstantiateWithFlags",                   \
    (CUgraphExec * executable, CUgraph graph, unsigned long long flags))          \
  X(cuGraphLaunch, "cuGraphLaunch", (CUgraphExec executable, CUstream stream))    \
  X(cuGraphDestroy, "cuGraphDestroy", (CUgraph graph))                            \
  X(cuGraphExecDestroy, "cuGraphExecDestroy", (CUgraphExec executable))           \
  X(cuFuncLoad, "cuFuncLoad", (CUfunction function))

struct Driver {
#define ADASTEP_CUDA_MEMBER(name, symbol, parameters) CUresult(*name) parameters = nullptr;
  ADASTEP_CUDA_REQUIRED(ADASTEP_CUDA_MEMBER)
  ADASTEP_CUDA_OPTIONAL(ADASTEP_CUDA_MEMBER)
#undef ADASTEP_CUDA_MEMBER
  bool has_graphs() const {
    return cuStreamBeginCapture && cuStreamEndCapture && cuGraphInstantiateWithFlags && cuGraphLaunch &&
           cuGraphDestroy && cuGraphExecDestroy;
  }
};

// Why there is no usable driver in this process, in words; empty if there is one. Opens and initialises it at
// the first call.
const std::string& driver_problem();
// The driver's functions, for callers that have seen driver_problem() empty.
const Driver& driver();

// Throws core Error naming the function and the driver's name and text for the result: kOutOfMemory for that
// result, else kDevice.
void check(CUresult result, const char* function);

}  // namespace adastep::cuda
