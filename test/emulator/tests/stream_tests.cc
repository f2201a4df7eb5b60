// What the host forgets to wait for must not have happened.
#include <cstring>
#include <thread>

#include "tests/driver_functions.h"
#include "tests/harness.h"

namespace emulator::tests {
namespace {

struct Pinned {
  u32* data = nullptr;
  explicit Pinned(u32 value) {
    void* at = nullptr;
    expectResult(cuMemHostAlloc(&at, 4, 0), kSuccess, "pinned");
    data = static_cast<u32*>(at);
    *data = value;
  }
};

void* stream() {
  void* made = nullptr;
  expectResult(cuStreamCreate(&made, 1), kSuccess, "stream");
  return made;
}

EMULATOR_TEST(copiesAreDeferred) {
  Device device;
  Pinned in(1), out(0);
  u64 buffer = device.allocate(4);
  void* s = stream();
  expectResult(cuMemcpyHtoDAsync_v2(buffer, in.data, 4, s), kSuccess, "copy");
  *in.data = 2;  // reused too early: the device sees it
  expectResult(cuMemcpyDtoHAsync_v2(out.data, buffer, 4, s), kSuccess, "copy back");
  expect(*out.data == 0, "nothing has run yet");
  expectResult(cuStreamSynchronize(s), kSuccess, "wait");
  expect(*out.data == 2, "pinned memory is read when the copy runs");
}

EMULATOR_TEST(pageableMemoryIsTakenAtTheCall) {
  Device device;
  u32 in = 1, out = 0;
  u64 buffer = device.allocate(4);
  void* s = stream();
  expectResult(cuMemcpyHtoDAsync_v2(buffer, &in, 4, s), kSuccess, "copy");
  in = 2;
  expectResult(cuMemcpyDtoHAsync_v2(&out, buffer, 4, s), kSuccess, "copy back");
  expect(out == 1, "a copy to pageable memory waits");
}

EMULATOR_TEST(eventsOrderStreams) {
  Device device;
  Pinned in(7), out(0);
  u64 buffer = device.upload(std::vector<u32>{1});
  void *a = stream(), *b = stream(), *event = nullptr;
  expectResult(cuEventCreate(&event, 2), kSuccess, "event");
  expectResult(cuMemcpyHtoDAsync_v2(buffer, in.data, 4, a), kSuccess, "copy");
  // Without the event, b is far ahead of a.
  expectResult(cuMemcpyDtoHAsync_v2(out.data, buffer, 4, b), kSuccess, "copy back");
  expectResult(cuStreamSynchronize(b), kSuccess, "wait");
  expect(*out.data == 1, "streams do not wait for one another");
  expectResult(cuEventRecord(event, a), kSuccess, "record");
  expectResult(cuEventQuery(event), kNotReady, "the first query");
  expectResult(cuStreamWaitEvent(b, event, 0), kSuccess, "wait for the event");
  expectResult(cuMemcpyDtoHAsync_v2(out.data, buffer, 4, b), kSuccess, "copy back");
  expectResult(cuStreamSynchronize(b), kSuccess, "wait");
  expect(*out.data == 7, "the event orders them");
  expectResult(cuEventQuery(event), kSuccess, "a later query");
}

EMULATOR_TEST(graphsReplay) {
  Device device;
  device.load(wrap("ld.param.u64 %rd1, [p0];\nld.global.u32 %r1, [%rd1];\nadd.s32 %r1, %r1, "
                   "1;\nst.global.u32 [%rd1], %r1;",
                   1)
                  .c_str());
  u64 buffer = device.upload(std::vector<u32>{0});
  void *s = stream(), *graph = nullptr, *executable = nullptr, *params[] = {&buffer};
  expectResult(cuStreamBeginCapture_v2(s, 1), kSuccess, "begin");
  expectResult(cuLaunchKernel(device.function("test"), 1, 1, 1, 1, 1, 1, 0, s, params, nullptr), kSuccess,
               "launch");
  CUdeviceptr more = 0;
  expectResult(cuMemAlloc_v2(&more, 4), 900, "no allocation while a stream captures");
  expectResult(cuStreamEndCapture(s, &graph), kSuccess, "end");
  expectResult(cuGraphInstantiateWithFlags(&executable, graph, 0), kSuccess, "instantiate");
  for (int k = 0; k < 3; ++k) expectResult(cuGraphLaunch(executable, s), kSuccess, "replay");
  expectResult(cuStreamSynchronize(s), kSuccess, "wait");
  expect(device.download<u32>(buffer, 1)[0] == 3, "three replays, and nothing at the capture");
}

CUresult allocatedMeanwhile(int mode, bool byAnother) {
  Device device;
  void *s = stream(), *graph = nullptr, *context = nullptr;
  expectResult(cuCtxGetCurrent(&context), kSuccess, "the context");
  CUresult result = kSuccess;
  const auto allocate = [&] {
    CUdeviceptr data = 0;
    cuCtxSetCurrent(context);
    result = cuMemAlloc_v2(&data, 4);
  };
  expectResult(cuStreamBeginCapture_v2(s, mode), kSuccess, "begin");
  byAnother ? std::thread(allocate).join() : allocate();
  expectResult(cuStreamEndCapture(s, &graph), kSuccess, "end");
  return result;
}

EMULATOR_TEST(capturesForbidAllocations) {
  expectResult(allocatedMeanwhile(0, true), 900, "another thread during a global capture");
  expectResult(allocatedMeanwhile(1, true), kSuccess, "another thread during a thread-local capture");
  expectResult(allocatedMeanwhile(1, false), 900, "the thread of a thread-local capture");
  expectResult(allocatedMeanwhile(2, false), kSuccess, "the thread of a relaxed capture");
}

EMULATOR_TEST(threadsNeedAContext) {
  Device device;
  CUresult result = kSuccess;
  std::thread([&] {
    CUdeviceptr data = 0;
    result = cuMemAlloc_v2(&data, 4);
  }).join();
  expectResult(result, 201, "a thread without a current context");
}

EMULATOR_TEST(launchLimits) {
  Device device;
  device.load(wrap("", 1, ".extern .shared .align 16 .b8 dyn[];\n").c_str());
  u64 zero = 0;
  expectResult(device.launch("test", 1, 1025, {&zero}), kInvalidValue, "too many threads");
  expectResult(device.launch("test", 0, 1, {&zero}), kInvalidValue, "no blocks");
  expectResult(device.launch("test", 1, 1, {&zero}, 50000), kInvalidValue, "more than 48 KB without asking");
  expectResult(cuFuncSetAttribute(device.function("test"), 8, 100000), kSuccess, "asking");
  expectResult(device.launch("test", 1, 1, {&zero}, 100000), kSuccess, "after asking");
}

}  // namespace
}  // namespace emulator::tests
