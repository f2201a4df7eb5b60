// What must not happen while a stream captures, and what becomes of the capture when it does.
#include <thread>

#include "tests/driver_functions.h"
#include "tests/harness.h"

namespace emulator::tests {
namespace {

enum Mode { kGlobal, kThreadLocal, kRelaxed };
constexpr unsigned kBlocking = 0, kNonBlocking = 1;

// A stream that captures one memset, and what else a case needs.
struct Capturing {
  Device device;
  u64 buffer = device.upload(std::vector<u32>{1});
  void *stream = nullptr, *event = nullptr, *context = nullptr;

  Capturing(Mode mode, unsigned flags) {
    expectResult(cuCtxGetCurrent(&context), kSuccess, "the context");
    expectResult(cuEventCreate(&event, 2), kSuccess, "event");
    expectResult(cuStreamCreate(&stream, flags), kSuccess, "stream");
    expectResult(cuStreamBeginCapture_v2(stream, mode), kSuccess, "begin");
    expectResult(fill(), kSuccess, "a memset is captured");
  }
  CUresult fill() { return cuMemsetD32Async(buffer, 7, 1, stream); }
  CUresult inThread(bool another, const std::function<CUresult()>& call) {
    if (!another) return call();
    CUresult result = kSuccess;
    std::thread([&] {
      cuCtxSetCurrent(context);
      result = call();
    }).join();
    return result;
  }
  // Ends the capture, which must not have suffered.
  void expectWhole(const std::string& what) {
    void* graph = nullptr;
    expectResult(cuStreamEndCapture(stream, &graph), kSuccess, "the end after " + what);
    expect(graph != nullptr, "a graph after " + what);
  }
  // Further use is refused, the end gives no graph, and then the stream is as any other.
  void expectInvalidated(const std::string& what) {
    expectResult(fill(), kCaptureInvalidated, "a memset after " + what);
    void* graph = this;
    expectResult(cuStreamEndCapture(stream, &graph), kCaptureInvalidated, "the end after " + what);
    expect(graph == nullptr, "no graph after " + what);
    expectResult(fill(), kSuccess, "a memset after the end");
    expectResult(cuStreamSynchronize(stream), kSuccess, "wait");
    expect(device.download<u32>(buffer, 1)[0] == 7, "what was enqueued after the end has run");
    expectResult(cuStreamBeginCapture_v2(stream, kThreadLocal), kSuccess, "begin again");
    expectWhole("another begin");
  }
};

void refuses(CUresult wanted, const std::string& what, Mode mode, unsigned flags, bool another,
             const std::function<CUresult(Capturing&)>& call) {
  Capturing capture(mode, flags);
  expectResult(capture.inThread(another, [&] { return call(capture); }), wanted, what);
  wanted ? capture.expectInvalidated(what) : capture.expectWhole(what);
}

CUresult allocate(Capturing&) {
  CUdeviceptr data = 0;
  return cuMemAlloc_v2(&data, 4);
}

EMULATOR_TEST(capturesForbidAllocations) {
  refuses(900, "another thread during a global capture", kGlobal, kNonBlocking, true, allocate);
  refuses(900, "the thread of a global capture", kGlobal, kNonBlocking, false, allocate);
  refuses(0, "another thread during a thread-local capture", kThreadLocal, kNonBlocking, true, allocate);
  refuses(900, "the thread of a thread-local capture", kThreadLocal, kNonBlocking, false, allocate);
  refuses(0, "the thread of a relaxed capture", kRelaxed, kNonBlocking, false, allocate);
}

EMULATOR_TEST(capturingStreamsCannotBeWaitedFor) {
  for (Mode mode : {kGlobal, kThreadLocal, kRelaxed}) {
    for (bool another : {false, true}) {
      const auto refused = [&](const std::string& what, const std::function<CUresult(Capturing&)>& call) {
        refuses(900, what, mode, kNonBlocking, another, call);
      };
      refused("synchronize", [](Capturing& c) { return cuStreamSynchronize(c.stream); });
      refused("query", [](Capturing& c) { return cuStreamQuery(c.stream); });
      refused("record", [](Capturing& c) { return cuEventRecord(c.event, c.stream); });
      refused("wait for an event", [](Capturing& c) { return cuStreamWaitEvent(c.stream, c.event, 0); });
      refused("destroy", [](Capturing& c) { return cuStreamDestroy_v2(c.stream); });
      refused("copy to pageable memory", [](Capturing& c) {
        u32 host = 0;
        return cuMemcpyDtoHAsync_v2(&host, c.buffer, 4, c.stream);
      });
      refused("wait for the context", [](Capturing&) { return cuCtxSynchronize(); });
    }
  }
}

// While a blocking stream captures, the null stream cannot be used; one that does not block leaves it alone.
EMULATOR_TEST(capturesForbidTheNullStream) {
  for (unsigned flags : {kBlocking, kNonBlocking}) {
    const CUresult wanted = flags == kBlocking ? 906 : 0;
    const auto uses = [&](const std::string& what, const std::function<CUresult(Capturing&)>& call) {
      for (bool another : {false, true}) refuses(wanted, what, kThreadLocal, flags, another, call);
    };
    uses("synchronize", [](Capturing&) { return cuStreamSynchronize(nullptr); });
    uses("memset", [](Capturing& c) { return cuMemsetD32Async(c.buffer, 1, 1, nullptr); });
    uses("record", [](Capturing& c) { return cuEventRecord(c.event, nullptr); });
  }
}

EMULATOR_TEST(capturesForbidSynchronousCopies) {
  const auto copy = [](Capturing& c) {
    u32 host = 0;
    const CUresult result = cuMemcpyDtoH_v2(&host, c.buffer, 4);
    expect(result || host == 1, "what the copy read");
    return result;
  };
  refuses(900, "a copy during a global capture", kGlobal, kNonBlocking, true, copy);
  refuses(900, "a copy by the thread of the capture", kThreadLocal, kNonBlocking, false, copy);
  refuses(906, "a copy while a blocking stream captures", kThreadLocal, kBlocking, true, copy);
  refuses(0, "a copy by another thread", kThreadLocal, kNonBlocking, true, copy);
  refuses(0, "a copy during a relaxed capture", kRelaxed, kNonBlocking, false, copy);
}

EMULATOR_TEST(capturesEndInTheirThread) {
  for (Mode mode : {kGlobal, kThreadLocal, kRelaxed}) {
    Capturing capture(mode, kNonBlocking);
    void* graph = nullptr;
    const CUresult wanted = mode == kRelaxed ? 0 : 908;
    expectResult(capture.inThread(true, [&] { return cuStreamEndCapture(capture.stream, &graph); }), wanted,
                 "the end in another thread");
    expect(!graph == !!wanted, "a graph");
    if (wanted) capture.expectWhole("a wrong thread");
  }
}

}  // namespace
}  // namespace emulator::tests
