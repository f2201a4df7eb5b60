// The GPUs of this machine, each usable or with the reason why it is not.
#include "core/backend.h"
#include "core/error.h"
#include "cuda/driver.h"
#include "cuda/kernels.h"

namespace adastep::cuda {

namespace {

constexpr int kOldestCapability = 75;  // Turing: our oldest machine code

DeviceInfo unusable(int index, std::string reason) {
  DeviceInfo info;
  info.kind = "cuda";
  info.index = index;
  info.unavailable = std::move(reason);
  return info;
}

DeviceInfo describe(int index) {
  DeviceInfo info;
  info.kind = "cuda";
  info.index = index;
  CUdevice device = 0;
  check(driver().cuDeviceGet(&device, index), "cuDeviceGet");
  char name[256] = "";
  check(driver().cuDeviceGetName(name, sizeof name, device), "cuDeviceGetName");
  info.name = name;
  size_t bytes = 0;
  check(driver().cuDeviceTotalMem(&bytes, device), "cuDeviceTotalMem");
  info.memory_bytes = static_cast<int64_t>(bytes);
  int major = 0, minor = 0;
  check(driver().cuDeviceGetAttribute(&major, kAttributeComputeCapabilityMajor, device),
        "cuDeviceGetAttribute");
  check(driver().cuDeviceGetAttribute(&minor, kAttributeComputeCapabilityMinor, device),
        "cuDeviceGetAttribute");
  info.capability = std::to_string(major) + "." + std::to_string(minor);
  if (major >= 8) info.precisions.push_back(Precision::kBF16);
  if (major * 10 + minor < kOldestCapability) {
    info.unavailable = "its compute capability is " + info.capability + ", 7.5 or later is needed";
  } else {
    info.unavailable = kernels_problem();
  }
  return info;
}

}  // namespace

std::vector<DeviceInfo> devices() {
  if (!driver_problem().empty()) return {unusable(0, driver_problem())};
  int count = 0;
  const CUresult counted = driver().cuDeviceGetCount(&count);
  if (counted == kSuccess && count == 0) return {unusable(0, "no NVIDIA GPU was found")};
  std::vector<DeviceInfo> list;
  try {
    check(counted, "cuDeviceGetCount");
    for (int index = 0; index < count; index++) list.push_back(describe(index));
  } catch (const Error& error) {
    list.push_back(unusable(static_cast<int>(list.size()), error.what()));
  }
  return list;
}

}  // namespace adastep::cuda
