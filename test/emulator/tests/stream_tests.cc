// What the host forgets to wait for must not have happened.
#include <cstring>
#include <set>
#include <thread>

#include "tests/driver_functions.h"
#include "tests/harness.h"

namespace emulator::tests {
namespace {

constexpr int kTries = 40;  // of what chance decides: what comes in a quarter of them is then never missed

struct Pinned {
  u32* data = nullptr;
  explicit Pinned(u32 value) {
    void* at = nullptr;
    expectResult(cuMemHostAlloc(&at, 4, 0), kSuccess, "pinned");
    data = static_cast<u32*>(at);
    *data = value;
  }
};

void* stream(bool blocking = false) {
  void* made = nullptr;
  expectResult(cuStreamCreate(&made, blocking ? 0 : 1), kSuccess, "stream");
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
  expectResult(cuEventRecord(event, a), kSuccess, "record");
  expectResult(cuEventQuery(event), kNotReady, "the first query");
  expectResult(cuStreamWaitEvent(b, event, 0), kSuccess, "wait for the event");
  expectResult(cuMemcpyDtoHAsync_v2(out.data, buffer, 4, b), kSuccess, "copy back");
  expectResult(cuStreamSynchronize(b), kSuccess, "wait");
  expect(*out.data == 7, "the event orders them");
  expectResult(cuEventQuery(event), kSuccess, "a later query");
}

enum class Wait { kWriterThenReader, kReader, kAll, kEventOfReader };

// One stream writes 7 and another copies it on; what has arrived when the host has waited, in several tries.
std::set<u32> copiedOn(bool ordered, Wait wait) {
  std::set<u32> seen;
  for (int k = 0; k < kTries; ++k) {
    Device device;
    Pinned in(7), out(0);
    u64 buffer = device.upload(std::vector<u32>{1});
    void *writer = stream(), *reader = stream(), *written = nullptr, *read = nullptr;
    expectResult(cuEventCreate(&written, 2), kSuccess, "event");
    expectResult(cuEventCreate(&read, 2), kSuccess, "event");
    expectResult(cuMemcpyHtoDAsync_v2(buffer, in.data, 4, writer), kSuccess, "write");
    if (ordered) {
      expectResult(cuEventRecord(written, writer), kSuccess, "record");
      expectResult(cuStreamWaitEvent(reader, written, 0), kSuccess, "wait for the event");
    }
    expectResult(cuMemcpyDtoHAsync_v2(out.data, buffer, 4, reader), kSuccess, "read");
    expectResult(cuEventRecord(read, reader), kSuccess, "record");
    if (wait == Wait::kWriterThenReader)
      expectResult(cuStreamSynchronize(writer), kSuccess, "wait for the writer");
    expectResult(wait == Wait::kAll             ? cuCtxSynchronize()
                 : wait == Wait::kEventOfReader ? cuEventSynchronize(read)
                                                : cuStreamSynchronize(reader),
                 kSuccess, "wait for the reader");
    seen.insert(*out.data);
  }
  return seen;
}

EMULATOR_TEST(streamsRunAhead) {
  for (Wait wait : {Wait::kWriterThenReader, Wait::kReader, Wait::kAll, Wait::kEventOfReader}) {
    expect(copiedOn(true, wait) == std::set<u32>{7}, "an event orders them");
    expect(copiedOn(false, wait) == std::set<u32>{1, 7}, "what nothing orders comes in either order");
  }
}

// What the host waited for is not all that may have happened, nor all that must.
EMULATOR_TEST(hostsThatWaitForTooLittle) {
  std::set<u32> other, later;
  for (int k = 0; k < kTries; ++k) {
    Device device;
    Pinned second(2), out(0), outOfOther(0);
    u64 buffer = device.upload(std::vector<u32>{5});
    void *a = stream(), *b = stream(), *event = nullptr;
    expectResult(cuEventCreate(&event, 2), kSuccess, "event");
    expectResult(cuMemcpyDtoHAsync_v2(out.data, buffer, 4, a), kSuccess, "read");
    expectResult(cuEventRecord(event, a), kSuccess, "record");
    expectResult(cuMemcpyHtoDAsync_v2(buffer, second.data, 4, a), kSuccess, "write");
    expectResult(cuMemcpyDtoHAsync_v2(out.data, buffer, 4, a), kSuccess, "read again");
    u64 apart = device.upload(std::vector<u32>{9});
    expectResult(cuMemcpyDtoHAsync_v2(outOfOther.data, apart, 4, b), kSuccess, "read the other");
    expectResult(cuEventSynchronize(event), kSuccess, "wait for the event");
    later.insert(*out.data);
    other.insert(*outOfOther.data);
    expectResult(cuCtxSynchronize(), kSuccess, "wait for all");
    expect(*out.data == 2 && *outOfOther.data == 9, "in the end all is done");
  }
  expect(later == std::set<u32>{2, 5}, "what follows the event in its stream");
  expect(other == std::set<u32>{0, 9}, "what another stream does");
}

// The null stream is ordered with those that block only: a wait for it is none for the others.
EMULATOR_TEST(hostsThatWaitForTheNullStream) {
  std::set<u32> blocking, other, own;
  for (int k = 0; k < kTries; ++k) {
    Device device;
    Pinned outOfBlocking(0), outOfOther(0), outOfOwn(0);
    u64 buffer = device.upload(std::vector<u32>{5});
    expectResult(cuMemcpyDtoHAsync_v2(outOfOwn.data, buffer, 4, nullptr), kSuccess, "read");
    expectResult(cuMemcpyDtoHAsync_v2(outOfBlocking.data, buffer, 4, stream(true)), kSuccess, "read");
    expectResult(cuMemcpyDtoHAsync_v2(outOfOther.data, buffer, 4, stream()), kSuccess, "read");
    expectResult(cuStreamSynchronize(nullptr), kSuccess, "wait");
    own.insert(*outOfOwn.data);
    blocking.insert(*outOfBlocking.data);
    other.insert(*outOfOther.data);
  }
  expect(own == std::set<u32>{5} && blocking == std::set<u32>{5}, "what the wait is for");
  expect(other == std::set<u32>{0, 5}, "a stream that does not block comes sooner or later");
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
  expectResult(cuStreamEndCapture(s, &graph), kSuccess, "end");
  expectResult(cuGraphInstantiateWithFlags(&executable, graph, 0), kSuccess, "instantiate");
  for (int k = 0; k < 3; ++k) expectResult(cuGraphLaunch(executable, s), kSuccess, "replay");
  expectResult(cuStreamSynchronize(s), kSuccess, "wait");
  expect(device.download<u32>(buffer, 1)[0] == 3, "three replays, and nothing at the capture");
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

// Sizes whose sums and products are small only because they wrap.
EMULATOR_TEST(limitsDoNotWrap) {
  Device device;
  device.load(wrap("mov.u32 %r1, s;", 1, ".shared .align 4 .b8 s[16];\n").c_str());
  u64 buffer = device.allocate(4);
  for (u32 shared : {0xffffffffu, 0xfffffff0u})
    expectResult(device.launch("test", 1, 1, {&buffer}, shared), kInvalidValue, "dynamic shared memory");
  void* params[] = {&buffer};
  const u32 blocks[][3] = {{1u << 31, 1u << 31, 4}, {1u << 30, 4, 1}, {1, 2048, 1}, {1, 1, 65}};
  for (const auto& block : blocks)
    expectResult(cuLaunchKernel(device.function("test"), 1, 1, 1, block[0], block[1], block[2], 0, nullptr,
                                params, nullptr),
                 kInvalidValue, "threads of a block");
  expectResult(cuLaunchKernel(device.function("test"), 1, 65535, 65535, 1, 1, 1, 0, nullptr, params, nullptr),
               kInvalidValue, "blocks of a grid");
  expectResult(cuMemsetD32Async(buffer, 1, size_t{1} << 62, nullptr), kInvalidValue, "memset");
  expectResult(cuCtxSynchronize(), kSuccess, "nothing has run");
}

}  // namespace
}  // namespace emulator::tests
