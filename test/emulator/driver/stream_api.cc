// Streams, events and graphs. A command waits in its stream until something forces it: whatever the host
// forgets to wait for has not happened yet.
#include "driver/runtime.h"
#include "driver/unknown.h"

using namespace emulator;

namespace {

template <class F>
CUresult withStream(void* handle, F body) {
  return guarded([&](Runtime& runtime) -> CUresult {
    Stream* stream = runtime.find(handle);
    return stream ? body(runtime, *stream) : kInvalidHandle;
  });
}

// For a call that a capturing stream cannot take.
CUresult lookUp(void* handle, Stream*& stream) {
  return withStream(handle, [&](Runtime& runtime, Stream& found) -> CUresult {
    stream = &found;
    return runtime.refuseWait(found);
  });
}

CUresult markOf(Event* event, std::shared_ptr<Mark>& mark) {
  return guarded([&](Runtime& runtime) -> CUresult {
    if (!runtime.events.count(event)) return kInvalidHandle;
    mark = event->mark;
    return kSuccess;
  });
}

}  // namespace

EMULATOR_API CUresult cuStreamCreate(Stream** stream, unsigned flags) {
  return guarded([&](Runtime& runtime) -> CUresult {
    if (!stream) return kInvalidValue;
    if (flags > 1) return unknown("cuStreamCreate", "flags", flags);
    *stream = new Stream;
    (*stream)->number = ++runtime.streamsMade;
    (*stream)->blocking = flags == 0;
    runtime.streams.insert(*stream);
    return kSuccess;
  });
}

// What is queued still runs, as on a GPU.
EMULATOR_API CUresult cuStreamDestroy_v2(Stream* handle) {
  Stream* stream = nullptr;
  if (CUresult result = lookUp(handle, stream)) return result;
  if (!handle) return kInvalidHandle;
  Runtime& runtime = Runtime::instance();
  runtime.drain(*stream, nullptr);
  std::lock_guard<std::mutex> run(runtime.execution);  // another thread may be letting it run ahead
  std::lock_guard<std::mutex> hold(runtime.state);
  runtime.streams.erase(stream);
  delete stream;
  return kSuccess;
}

EMULATOR_API CUresult cuStreamSynchronize(void* handle) {
  Stream* stream = nullptr;
  if (CUresult result = lookUp(handle, stream)) return result;
  Runtime& runtime = Runtime::instance();
  return handle ? runtime.drain(*stream, nullptr) : runtime.drainNullStream();
}

EMULATOR_API CUresult cuStreamQuery(void* handle) {
  Stream* stream = nullptr;
  if (CUresult result = lookUp(handle, stream)) return result;
  bool busy = false;
  guarded([&](Runtime&) -> CUresult {
    busy = !stream->queue.empty();
    return kSuccess;
  });
  if (!busy) return checkReady();
  Runtime::instance().makeProgress(*stream);
  return kNotReady;
}

EMULATOR_API CUresult cuStreamWaitEvent(void* handle, Event* event, unsigned flags) {
  if (flags) return unknown("cuStreamWaitEvent", "flags", flags);
  Stream* stream = nullptr;
  if (CUresult result = lookUp(handle, stream)) return result;
  Command command;
  if (CUresult result = markOf(event, command.waitsFor)) return result;
  return command.waitsFor ? Runtime::instance().enqueue(*stream, std::move(command)) : kSuccess;
}

EMULATOR_API CUresult cuEventCreate(Event** event, unsigned flags) {
  return guarded([&](Runtime& runtime) -> CUresult {
    if (!event) return kInvalidValue;
    if (flags > 3) return unknown("cuEventCreate", "flags", flags);
    *event = new Event;
    runtime.events.insert(*event);
    return kSuccess;
  });
}

EMULATOR_API CUresult cuEventDestroy_v2(Event* event) {
  return guarded([&](Runtime& runtime) -> CUresult {
    if (!runtime.events.erase(event)) return kInvalidHandle;
    delete event;
    return kSuccess;
  });
}

EMULATOR_API CUresult cuEventRecord(Event* event, void* handle) {
  Stream* stream = nullptr;
  if (CUresult result = lookUp(handle, stream)) return result;
  Command command;
  command.reaches = std::make_shared<Mark>();
  command.reaches->stream = stream;
  CUresult result = guarded([&](Runtime& runtime) -> CUresult {
    if (!runtime.events.count(event)) return kInvalidHandle;
    event->mark = command.reaches;
    return kSuccess;
  });
  return result ? result : Runtime::instance().enqueue(*stream, std::move(command));
}

EMULATOR_API CUresult cuEventQuery(Event* event) {
  std::shared_ptr<Mark> mark;
  if (CUresult result = markOf(event, mark)) return result;
  if (!mark) return kSuccess;
  bool done = false;
  guarded([&](Runtime&) -> CUresult {
    done = mark->done;
    return kSuccess;
  });
  if (done) return kSuccess;
  Runtime::instance().makeProgress(*mark->stream);
  CUresult result = checkReady();
  return result ? result : kNotReady;
}

EMULATOR_API CUresult cuEventSynchronize(Event* event) {
  std::shared_ptr<Mark> mark;
  if (CUresult result = markOf(event, mark)) return result;
  return !mark || mark->done ? kSuccess : Runtime::instance().drain(*mark->stream, mark.get());
}

EMULATOR_API CUresult cuStreamBeginCapture_v2(void* handle, int mode) {
  return withStream(handle, [&](Runtime& runtime, Stream& stream) -> CUresult {
    if (mode < 0 || mode > 2) return unknown("cuStreamBeginCapture", "mode", mode);
    if (!handle || stream.capture) return kIllegalState;
    stream.capture = std::make_unique<Graph>();
    stream.captureMode = mode;
    stream.captureBroken = false;
    stream.captureThread = std::this_thread::get_id();
    runtime.capturing.insert(&stream);
    return kSuccess;
  });
}

EMULATOR_API CUresult cuStreamEndCapture(void* handle, Graph** graph) {
  return withStream(handle, [&](Runtime& runtime, Stream& stream) -> CUresult {
    if (!graph) return kInvalidValue;
    return runtime.endCapture(stream, *graph);
  });
}

EMULATOR_API CUresult cuGraphInstantiateWithFlags(Graph** executable, Graph* graph,
                                                  unsigned long long flags) {
  return guarded([&](Runtime& runtime) -> CUresult {
    if (!runtime.graphs.count(graph)) return kInvalidHandle;
    if (!executable) return kInvalidValue;
    if (flags) return unknown("cuGraphInstantiateWithFlags", "flags", static_cast<long long>(flags));
    *executable = new Graph(*graph);
    runtime.executables.insert(*executable);
    return kSuccess;
  });
}

EMULATOR_API CUresult cuGraphLaunch(Graph* executable, void* handle) {
  Stream* stream = nullptr;
  if (CUresult result = lookUp(handle, stream)) return result;
  auto commands = std::make_shared<std::vector<Command>>();
  CUresult result = guarded([&](Runtime& runtime) -> CUresult {
    if (!runtime.executables.count(executable)) return kInvalidHandle;
    *commands = executable->commands;
    return kSuccess;
  });
  if (result != kSuccess) return result;
  Command command;
  command.run = [commands] {
    for (const Command& each : *commands) each.run();
  };
  return Runtime::instance().enqueue(*stream, std::move(command));
}

EMULATOR_API CUresult cuGraphExecDestroy(Graph* executable) {
  return guarded([&](Runtime& runtime) -> CUresult {
    if (!runtime.executables.erase(executable)) return kInvalidHandle;
    delete executable;
    return kSuccess;
  });
}

EMULATOR_API CUresult cuGraphDestroy(Graph* graph) {
  return guarded([&](Runtime& runtime) -> CUresult {
    if (!runtime.graphs.erase(graph)) return kInvalidHandle;
    delete graph;
    return kSuccess;
  });
}
