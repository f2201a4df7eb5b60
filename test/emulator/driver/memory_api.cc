// Memory: allocation, copies and fills.
#include <cstdlib>
#include <cstring>
#include <limits>

#include "driver/registered.h"
#include "driver/runtime.h"
#include "driver/unknown.h"
#include "exec/launch.h"
#include "exec/memory_access.h"

using namespace emulator;

namespace {

bool checking() {
  const char* text = std::getenv("ADASTEP_EMULATOR_CHECK");
  return !text || std::strcmp(text, "0") != 0;
}

const Allocation* liveAt(u64 address, size_t bytes) {
  const Allocation* found = Arena::instance().find(address);
  return found && found->live && found->contains(address, bytes) ? found : nullptr;
}

// When a copy runs, the memory must still be there.
void demand(const char* what, u64 address, size_t bytes) {
  if (bytes && !liveAt(address, bytes)) {
    throw Fault(kIllegalAddress, std::string(what) + " of " + std::to_string(bytes) + " bytes at " +
                                     hex(address) + ": " + Arena::instance().describe(address));
  }
}

void markWritten(u64 address, size_t bytes) { Arena::instance().markWritten(address, bytes); }

void demandWritten(u64 address, size_t bytes) {
  u64 gap = bytes && checking() ? Arena::instance().firstUnwritten(address, bytes) : 0;
  if (gap)
    throw Fault(kLaunchFailed,
                "copy to the host of device memory that nobody wrote: " + Arena::instance().describe(gap));
}

// "The memory areas may not overlap": what arrives then depends on the order in which a GPU copies.
void demandApart(u64 to, u64 from, size_t bytes) {
  if (checking() && (to - from < bytes || from - to < bytes))
    throw Fault(kLaunchFailed, "copy of " + std::to_string(bytes) + " bytes from " + hex(from) + " to " +
                                   hex(to) + ", which overlap: " + Arena::instance().describe(to));
}

bool pinned(const void* host) {
  u64 address = reinterpret_cast<u64>(host);
  return Arena::instance().holds(address) && liveAt(address, 1);
}

// The registered memory that holds the address, marked as being copied; null if there is none.
RegisteredCopy registeredCopy(const void* host) {
  std::lock_guard<std::mutex> hold(Runtime::instance().state);
  return RegisteredMemory::instance().copy(reinterpret_cast<u64>(host));
}

// What a call gives before it touches any memory.
CUresult checkCall(void* streamHandle, u64 device, size_t bytes, bool wait, Stream*& stream) {
  return guarded([&](Runtime& runtime) -> CUresult {
    stream = runtime.find(streamHandle);
    if (!stream) return kInvalidHandle;
    if (bytes && !liveAt(device, bytes)) return kInvalidValue;
    if (!wait) return runtime.refuseUse(*stream);
    if (CUresult refused = runtime.refuseWait(*stream)) return refused;
    return streamHandle ? kSuccess : runtime.refuseUnsafe();
  });
}

// Checks of the call, then the command goes to the stream. `wait`: the call returns when the stream is done.
CUresult submit(void* streamHandle, u64 device, size_t bytes, std::function<void()> run, bool wait) {
  Stream* stream = nullptr;
  CUresult result = checkCall(streamHandle, device, bytes, wait, stream);
  if (result != kSuccess) return result;
  Command command;
  command.run = std::move(run);
  Runtime& runtime = Runtime::instance();
  result = runtime.enqueue(*stream, std::move(command));
  return result == kSuccess && wait ? runtime.drain(*stream, nullptr) : result;
}

CUresult allocate(Runtime& runtime, u64& address, size_t bytes, Allocation::Kind kind) {
  if (bytes == 0) return kInvalidValue;
  if (CUresult refused = runtime.refuseUnsafe()) return refused;
  address = Arena::instance().allocate(bytes, kind);
  return address ? kSuccess : kOutOfMemory;
}

CUresult toDevice(CUdeviceptr to, const void* from, size_t bytes, void* stream, bool wait) {
  if (bytes && !from) return kInvalidValue;
  Stream* found = nullptr;
  if (CUresult result = checkCall(stream, to, bytes, wait, found)) return result;
  auto run = [=](const void* source) {
    demand("copy to the device", to, bytes);
    std::memcpy(reinterpret_cast<void*>(to), source, bytes);
    markWritten(to, bytes);
  };
  if (const RegisteredCopy copy = registeredCopy(from)) {
    if (!copy->contains(reinterpret_cast<u64>(from), bytes)) return kInvalidValue;
    traceCopy("registered", bytes);
    return submit(
        stream, to, bytes,
        [=] {
          copy->demandMapped();
          run(from);
        },
        wait);
  }
  traceCopy(pinned(from) ? "pinned" : "pageable", bytes);
  if (pinned(from)) {
    return submit(
        stream, to, bytes,
        [=] {
          demand("copy from pinned memory", reinterpret_cast<u64>(from), bytes);
          run(from);
        },
        wait);
  }
  // From pageable memory the driver has taken its copy when the call returns.
  auto taken =
      std::make_shared<std::vector<u8>>(static_cast<const u8*>(from), static_cast<const u8*>(from) + bytes);
  return submit(
      stream, to, bytes, [=] { run(taken->data()); }, wait);
}

CUresult toHost(void* to, CUdeviceptr from, size_t bytes, void* stream, bool wait) {
  if (bytes && !to) return kInvalidValue;
  const RegisteredCopy copy = registeredCopy(to);
  if (copy && !copy->contains(reinterpret_cast<u64>(to), bytes)) return kInvalidValue;
  bool intoPinned = copy || pinned(to);
  auto run = [=] {
    demand("copy from the device", from, bytes);
    if (copy) copy->demandMapped();
    if (!copy && intoPinned) demand("copy into pinned memory", reinterpret_cast<u64>(to), bytes);
    demandWritten(from, bytes);
    std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  };
  return submit(stream, from, bytes, run, wait || !intoPinned);
}

template <class T>
CUresult fill(CUdeviceptr to, T value, size_t count, void* stream) {
  if (to % sizeof(T) || count > std::numeric_limits<size_t>::max() / sizeof(T)) return kInvalidValue;
  return submit(
      stream, to, count * sizeof(T),
      [=] {
        demand("memset", to, count * sizeof(T));
        std::fill_n(reinterpret_cast<T*>(to), count, value);
        markWritten(to, count * sizeof(T));
      },
      false);
}

}  // namespace

EMULATOR_API CUresult cuMemAlloc_v2(CUdeviceptr* data, size_t bytes) {
  return guarded([&](Runtime& runtime) -> CUresult {
    if (!data) return kInvalidValue;
    u64 address = 0;
    CUresult result = allocate(runtime, address, bytes, Allocation::kDevice);
    *data = address;
    return result;
  });
}

EMULATOR_API CUresult cuMemFree_v2(CUdeviceptr data) {
  return guarded([&](Runtime&) -> CUresult {
    return !data || Arena::instance().release(data, Allocation::kDevice) ? kSuccess : kInvalidValue;
  });
}

EMULATOR_API CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  return guarded([&](Runtime&) -> CUresult {
    if (!free || !total) return kInvalidValue;
    *total = Arena::instance().total();
    *free = *total - Arena::instance().used();
    return kSuccess;
  });
}

EMULATOR_API CUresult cuMemHostAlloc(void** data, size_t bytes, unsigned flags) {
  return guarded([&](Runtime& runtime) -> CUresult {
    if (!data) return kInvalidValue;
    if (flags > 7) return unknown("cuMemHostAlloc", "flags", flags);
    u64 address = 0;
    CUresult result = allocate(runtime, address, bytes, Allocation::kHost);
    *data = reinterpret_cast<void*>(address);
    return result;
  });
}

EMULATOR_API CUresult cuMemFreeHost(void* data) {
  return guarded([&](Runtime&) -> CUresult {
    return Arena::instance().release(reinterpret_cast<u64>(data), Allocation::kHost) ? kSuccess
                                                                                     : kInvalidValue;
  });
}

EMULATOR_API CUresult cuMemHostRegister_v2(void* data, size_t bytes, unsigned flags) {
  return guarded([&](Runtime& runtime) -> CUresult {
    if (flags > 3) return unknown("cuMemHostRegister", "flags", flags);  // but portable, device map
    if (CUresult refused = runtime.refuseUnsafe()) return refused;
    return RegisteredMemory::instance().add(reinterpret_cast<u64>(data), bytes);
  });
}

EMULATOR_API CUresult cuMemHostUnregister(void* data) {
  std::string busy;
  const CUresult result = guarded([&](Runtime& runtime) -> CUresult {
    if (CUresult refused = runtime.refuseUnsafe()) return refused;
    return RegisteredMemory::instance().remove(reinterpret_cast<u64>(data), busy);
  });
  if (!busy.empty()) Runtime::instance().fail(kIllegalAddress, busy);
  return busy.empty() ? result : kIllegalAddress;
}

EMULATOR_API CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* device, void* host, unsigned flags) {
  return guarded([&](Runtime&) -> CUresult {
    if (flags) return unknown("cuMemHostGetDevicePointer", "flags", flags);
    if (!device || !pinned(host)) return kInvalidValue;
    *device = reinterpret_cast<u64>(host);
    return kSuccess;
  });
}

EMULATOR_API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, void* stream) {
  return toDevice(to, from, bytes, stream, false);
}
EMULATOR_API CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t bytes) {
  return toDevice(to, from, bytes, nullptr, true);
}
EMULATOR_API CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, void* stream) {
  return toHost(to, from, bytes, stream, false);
}
EMULATOR_API CUresult cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t bytes) {
  return toHost(to, from, bytes, nullptr, true);
}

EMULATOR_API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, void* stream) {
  if (bytes && !liveAt(from, bytes)) return kInvalidValue;
  return submit(
      stream, to, bytes,
      [=] {
        demand("copy from the device", from, bytes);
        demand("copy to the device", to, bytes);
        demandApart(to, from, bytes);
        std::memmove(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
        Arena::instance().copyWritten(to, from, bytes);
      },
      false);
}

EMULATOR_API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, void* stream) {
  return fill<u8>(to, value, count, stream);
}
EMULATOR_API CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, void* stream) {
  return fill<u32>(to, value, count, stream);
}
