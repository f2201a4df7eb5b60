// Page-locked memory of the client's: when it is read, and the bugs that the driver must find.
#include <sys/mman.h>

#include "tests/driver_functions.h"
#include "tests/harness.h"

namespace emulator::tests {
namespace {

constexpr size_t kPage = 65536;  // of any machine
constexpr CUresult kPortable = 1;

// Whole pages of the client's own.
struct Pages {
  u32* const data;
  Pages()
      : data(static_cast<u32*>(
            mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {}
  ~Pages() { munmap(data, kPage); }
  u32* at(size_t bytes) const { return data + bytes / sizeof(u32); }
};

struct WorkStream {
  void* handle = nullptr;
  WorkStream() { expectResult(cuStreamCreate(&handle, 1), kSuccess, "stream"); }
};

EMULATOR_TEST(registeredMemoryIsReadWhenTheCopyRuns) {
  Device device;
  Pages pages;
  WorkStream stream;
  const u64 to = device.allocate(4);
  pages.data[0] = 1;
  expectResult(cuMemcpyHtoDAsync_v2(to, pages.data, 4, stream.handle), kSuccess, "copy");
  pages.data[0] = 2;
  expectResult(cuStreamSynchronize(stream.handle), kSuccess, "wait");
  expect(device.download<u32>(to, 1)[0] == 1, "pageable memory is read at the call");
  expectResult(cuMemHostRegister_v2(pages.data, kPage, kPortable), kSuccess, "register");
  expectResult(cuMemcpyHtoDAsync_v2(to, pages.at(256), 4, stream.handle), kSuccess, "copy");
  *pages.at(256) = 3;
  expectResult(cuStreamSynchronize(stream.handle), kSuccess, "wait");
  expect(device.download<u32>(to, 1)[0] == 3, "registered memory is read when the copy runs");
  expectResult(cuMemHostUnregister(pages.data), kSuccess, "unregister");
  expectResult(cuMemcpyHtoDAsync_v2(to, pages.data, 4, stream.handle), kSuccess, "copy");
  pages.data[0] = 4;
  expectResult(cuStreamSynchronize(stream.handle), kSuccess, "wait");
  expect(device.download<u32>(to, 1)[0] == 2, "and no more after that");
}

EMULATOR_TEST(registrationsAreCheckedAtTheCall) {
  Device device;
  Pages pages;
  WorkStream stream;
  const u64 to = device.allocate(2 * kPage);
  expectResult(cuMemHostUnregister(pages.data), kHostMemoryNotRegistered, "unregister what is not");
  expectResult(cuMemHostRegister_v2(pages.data, 0, kPortable), kInvalidValue, "no bytes");
  expectResult(cuMemHostRegister_v2(pages.data, 8, 64), kInvalidValue, "flags");
  expectResult(cuMemHostRegister_v2(pages.data, 16, kPortable), kSuccess, "register");
  expectResult(cuMemHostRegister_v2(pages.data, 16, kPortable), kHostMemoryAlreadyRegistered, "twice");
  expectResult(cuMemHostRegister_v2(pages.at(64), 16, kPortable), kHostMemoryAlreadyRegistered,
               "the same page");
  expectResult(cuMemHostUnregister(pages.at(8)), kInvalidValue, "unregister the inside");
  expectResult(cuMemcpyHtoDAsync_v2(to, pages.at(8), 16, stream.handle), kInvalidValue, "over its end");
  expectResult(cuMemHostUnregister(pages.data), kSuccess, "unregister");
  expectResult(cuMemHostUnregister(pages.data), kHostMemoryNotRegistered, "unregister twice");
  void* pinned = nullptr;
  expectResult(cuMemHostAlloc(&pinned, 64, 1), kSuccess, "pinned");
  expectResult(cuMemHostRegister_v2(pinned, 64, kPortable), kInvalidValue, "pinned memory");
  expectResult(cuMemHostUnregister(pinned), kInvalidValue, "unregister pinned memory");
}

EMULATOR_TEST(unregisteringUnderACopyIsReported) {
  Device device;
  Pages pages;
  WorkStream stream;
  const u64 to = device.allocate(4);
  expectResult(cuMemHostRegister_v2(pages.data, kPage, kPortable), kSuccess, "register");
  expectResult(cuMemcpyHtoDAsync_v2(to, pages.data, 4, stream.handle), kSuccess, "copy");
  expectResult(cuMemHostUnregister(pages.data), 700, "unregister");
  expect(device.report().find("being unregistered") != std::string::npos, device.report());
  expectResult(cuStreamSynchronize(stream.handle), 700, "the error stays");
}

EMULATOR_TEST(freedRegisteredMemoryIsReported) {
  Device device;
  WorkStream stream;
  const u64 to = device.allocate(4);
  {
    Pages pages;
    expectResult(cuMemHostRegister_v2(pages.data, kPage, kPortable), kSuccess, "register");
    expectResult(cuMemcpyHtoDAsync_v2(to, pages.data, 4, stream.handle), kSuccess, "copy");
  }
  expectResult(cuStreamSynchronize(stream.handle), 700, "wait");
  expect(device.report().find("registered memory") != std::string::npos, device.report());
}

}  // namespace
}  // namespace emulator::tests
