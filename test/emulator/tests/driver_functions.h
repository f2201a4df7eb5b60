// The driver's functions as a client sees them.
#pragma once

#include "driver/results.h"

extern "C" {
CUresult cuInit(unsigned flags);
CUresult cuDriverGetVersion(int* version);
CUresult cuDeviceGetAttribute(int* value, int which, CUdevice device);
CUresult cuDevicePrimaryCtxRetain(void** context, CUdevice device);
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device);
CUresult cuCtxSetCurrent(void* context);
CUresult cuCtxGetCurrent(void** context);
CUresult cuCtxSynchronize();
CUresult cuModuleLoadData(void** module, const void* image);
CUresult cuModuleGetFunction(void** function, void* module, const char* name);
CUresult cuFuncGetAttribute(int* value, int which, void* function);
CUresult cuFuncSetAttribute(void* function, int which, int value);
CUresult cuMemAlloc_v2(CUdeviceptr* data, size_t bytes);
CUresult cuMemFree_v2(CUdeviceptr data);
CUresult cuMemGetInfo_v2(size_t* free, size_t* total);
CUresult cuMemHostAlloc(void** data, size_t bytes, unsigned flags);
CUresult cuMemFreeHost(void* data);
CUresult cuMemHostRegister_v2(void* data, size_t bytes, unsigned flags);
CUresult cuMemHostUnregister(void* data);
CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t bytes);
CUresult cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t bytes);
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, void* stream);
CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, void* stream);
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, void* stream);
CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, void* stream);
CUresult cuStreamCreate(void** stream, unsigned flags);
CUresult cuStreamDestroy_v2(void* stream);
CUresult cuStreamSynchronize(void* stream);
CUresult cuStreamQuery(void* stream);
CUresult cuStreamWaitEvent(void* stream, void* event, unsigned flags);
CUresult cuEventCreate(void** event, unsigned flags);
CUresult cuEventRecord(void* event, void* stream);
CUresult cuEventQuery(void* event);
CUresult cuEventSynchronize(void* event);
CUresult cuEventDestroy_v2(void* event);
CUresult cuLaunchKernel(void* function, unsigned gridX, unsigned gridY, unsigned gridZ, unsigned blockX,
                        unsigned blockY, unsigned blockZ, unsigned sharedBytes, void* stream,
                        void** parameters, void** extra);
CUresult cuStreamBeginCapture_v2(void* stream, int mode);
CUresult cuStreamEndCapture(void* stream, void** graph);
CUresult cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long flags);
CUresult cuGraphLaunch(void* executable, void* stream);
CUresult cuGraphExecDestroy(void* executable);
CUresult cuGraphDestroy(void* graph);
}
