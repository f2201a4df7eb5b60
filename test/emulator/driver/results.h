// The driver API's result codes and small types, declared after its reference manual (cuda.h is not needed to
// build).
#pragma once

#include <cstddef>

#include "ptx/integers.h"

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = unsigned long long;

namespace emulator {

enum : CUresult {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotInitialized = 3,
  kInvalidDevice = 101,
  kInvalidContext = 201,
  kNoBinaryForGpu = 209,
  kInvalidPtx = 218,
  kInvalidHandle = 400,
  kNotFound = 500,
  kNotReady = 600,
  kLaunchOutOfResources = 701,
  kHostMemoryAlreadyRegistered = 712,
  kHostMemoryNotRegistered = 713,
  kCaptureUnsupported = 900,
  kCaptureInvalidated = 901,
  kCaptureImplicit = 906,
  kCaptureWrongThread = 908,
  kIllegalState = 401,
  kUnknown = 999,
};

}  // namespace emulator
