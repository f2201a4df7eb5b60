// What a capture forbids meanwhile, and how it ends. By the reference manual and the section on stream
// capture in the programming guide.
#include "driver/runtime.h"

namespace emulator {
namespace {

bool own(const Stream& stream) { return stream.captureThread == std::this_thread::get_id(); }

// Whether a capture forbids this thread what is unsafe: one of its own, unless relaxed, and a global one of
// any.
bool forbidsUnsafe(const Stream& stream) {
  return stream.captureMode == 0 || (stream.captureMode == 1 && own(stream));
}

bool waitsForNullStream(const Stream& stream) { return stream.blocking; }

template <class Concerns>
CUresult invalidate(const std::set<Stream*>& capturing, CUresult error, Concerns concerns) {
  CUresult result = kSuccess;
  for (Stream* stream : capturing) {
    if (!concerns(*stream)) continue;
    stream->captureBroken = true;
    result = error;
  }
  return result;
}

}  // namespace

CUresult Runtime::refuseUnsafe() { return invalidate(capturing, kCaptureUnsupported, forbidsUnsafe); }

// The null stream and a blocking stream wait for one another, which no graph can hold.
CUresult Runtime::refuseUse(Stream& stream) {
  if (&stream == &nullStream) return invalidate(capturing, kCaptureImplicit, waitsForNullStream);
  return stream.capture && stream.captureBroken ? kCaptureInvalidated : kSuccess;
}

CUresult Runtime::refuseWait(Stream& stream) {
  if (CUresult result = refuseUse(stream)) return result;
  if (!stream.capture) return kSuccess;
  stream.captureBroken = true;
  return kCaptureUnsupported;
}

// Whatever their mode and thread.
CUresult Runtime::refuseContextWait() {
  return invalidate(capturing, kCaptureUnsupported, [](const Stream&) { return true; });
}

CUresult Runtime::endCapture(Stream& stream, Graph*& graph) {
  if (!stream.capture) return kIllegalState;
  if (stream.captureMode != 2 && !own(stream)) return kCaptureWrongThread;  // and goes on
  capturing.erase(&stream);
  std::unique_ptr<Graph> made = std::move(stream.capture);
  graph = stream.captureBroken ? nullptr : made.release();
  if (!graph) return kCaptureInvalidated;
  graphs.insert(graph);
  return kSuccess;
}

}  // namespace emulator
