#include "cuda/context.h"

namespace adastep::cuda {

Context::Context(int index) {
  check(driver().cuDeviceGet(&device_, index), "cuDeviceGet");
  check(driver().cuDevicePrimaryCtxRetain(&context_, device_), "cuDevicePrimaryCtxRetain");
}

Context::~Context() { driver().cuDevicePrimaryCtxRelease(device_); }

int Context::attribute(int which) const {
  int value = 0;
  check(driver().cuDeviceGetAttribute(&value, which, device_), "cuDeviceGetAttribute");
  return value;
}

}  // namespace adastep::cuda
