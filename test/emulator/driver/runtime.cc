#include "driver/runtime.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "driver/registered.h"
#include "exec/launch.h"

namespace emulator {
namespace {

// A stream longer than this runs its oldest commands at an enqueue, as a real queue would have begun to by
// then.
constexpr size_t kLongestQueue = 512, kShortenedQueue = 256;
constexpr int kCommandsPerQuery = 8;

}  // namespace

Runtime& Runtime::instance() {
  static Runtime* runtime = new Runtime;
  return *runtime;
}

Runtime::Runtime() {
  const char* seed = std::getenv("ADASTEP_EMULATOR_SEED");
  chance_.seed(seed ? static_cast<u32>(std::strtoul(seed, nullptr, 10)) : 1);
}

Context*& currentContext() {
  thread_local Context* current = nullptr;
  return current;
}

u32 Runtime::computeCapability() const {
  const char* text = std::getenv("ADASTEP_EMULATED_CC");
  return text && !std::strcmp(text, "7.5") ? 75 : 80;
}

CUresult Runtime::ready() const {
  if (!initialized) return kNotInitialized;
  Context* current = currentContext();
  if (!current || !current->alive) return kInvalidContext;
  return sticky;
}

CUresult checkReady() {
  return guarded([](Runtime&) { return kSuccess; });
}

Stream* Runtime::find(void* handle) {
  if (!handle) return &nullStream;
  auto* stream = static_cast<Stream*>(handle);
  return streams.count(stream) ? stream : nullptr;
}

void Runtime::fail(CUresult code, const std::string& report) {
  std::lock_guard<std::mutex> hold(state);
  if (sticky != kSuccess) return;
  sticky = code;
  std::string text = "adastep emulator: " + report + "\n";
  std::fputs(text.c_str(), stderr);
  const char* path = std::getenv("ADASTEP_EMULATOR_REPORT");
  if (!path) return;
  if (std::FILE* file = std::fopen(path, "a")) {
    std::fputs(text.c_str(), file);
    std::fclose(file);
  }
}

// The null stream and every blocking stream wait for one another. What must come first is run at once.
void Runtime::orderWithNullStream(Stream& stream) {
  if (&stream != &nullStream) {
    if (stream.blocking && !nullStream.queue.empty()) drain(nullStream, nullptr);
    return;
  }
  std::vector<Stream*> others;
  {
    std::lock_guard<std::mutex> hold(state);
    for (Stream* other : streams) {
      if (other->blocking && !other->queue.empty()) others.push_back(other);
    }
  }
  for (Stream* other : others) drain(*other, nullptr);
}

CUresult Runtime::enqueue(Stream& stream, Command command) {
  {
    std::lock_guard<std::mutex> hold(state);
    if (CUresult refused = refuseUse(stream)) return refused;
  }
  if (!stream.capture) orderWithNullStream(stream);
  bool shorten = false;
  {
    std::lock_guard<std::mutex> hold(state);
    if (sticky != kSuccess) return sticky;
    if (stream.capture) {
      stream.capture->commands.push_back(std::move(command));
      return kSuccess;
    }
    stream.queue.push_back(std::move(command));
    shorten = stream.queue.size() > kLongestQueue;
  }
  if (!shorten) return kSuccess;
  std::lock_guard<std::mutex> run(execution);
  for (size_t k = kShortenedQueue; k < kLongestQueue; ++k) runOne(stream);
  return kSuccess;
}

// Takes the oldest command and runs it. What it waits for in another stream runs first. False: nothing to do.
bool Runtime::runOne(Stream& stream) {
  std::shared_ptr<Mark> first;
  {
    std::lock_guard<std::mutex> hold(state);
    if (stream.queue.empty()) return false;
    if (stream.queue.front().waitsFor && !stream.queue.front().waitsFor->done)
      first = stream.queue.front().waitsFor;
  }
  if (first) runUntil(*first->stream, first.get());
  Command command;
  bool failed = false;
  {
    std::lock_guard<std::mutex> hold(state);
    command = std::move(stream.queue.front());
    stream.queue.pop_front();
    failed = sticky != kSuccess;
  }
  if (command.run && !failed) {
    try {
      command.run();
    } catch (const Fault& fault) {
      fail(fault.code, fault.what());
    }
  }
  std::lock_guard<std::mutex> hold(state);
  if (command.reaches) command.reaches->done = true;
  return true;
}

void Runtime::runUntil(Stream& stream, const Mark* until) {
  while (!(until && until->done) && runOne(stream)) {
  }
}

bool Runtime::waitsInVain(Stream& stream) {
  std::lock_guard<std::mutex> hold(state);
  if (stream.queue.empty()) return true;
  const std::shared_ptr<Mark>& first = stream.queue.front().waitsFor;
  return first && !first->done;
}

void Runtime::runAhead(Stream& stream) {
  while (!waitsInVain(stream)) runOne(stream);
}

bool Runtime::luck() { return chance_() / 16 % 2; }  // its low bits are the worst

// In an order that depends on chance, but not on where the heap put them.
std::vector<Stream*> Runtime::shuffledStreams() {
  std::vector<Stream*> all{&nullStream};
  {
    std::lock_guard<std::mutex> hold(state);
    all.insert(all.end(), streams.begin(), streams.end());
  }
  std::sort(all.begin(), all.end(), [](Stream* a, Stream* b) { return a->number < b->number; });
  for (size_t k = all.size() - 1; k > 0; --k) std::swap(all[k], all[chance_() / 16 % (k + 1)]);
  return all;
}

// What nothing orders may already be done when the host waits for something else, or not begun. Only one of
// the two shows a wait that is missing between the streams, and only the other a wait that the host forgot.
void Runtime::letOthersRunAhead(const Stream& stream) {
  for (Stream* other : shuffledStreams()) {
    if (other != &stream && luck()) runAhead(*other);
  }
}

CUresult Runtime::drain(Stream& stream, const Mark* until) {
  std::lock_guard<std::mutex> run(execution);
  if (!(until && until->done)) letOthersRunAhead(stream);
  runUntil(stream, until);
  if (until && luck()) runAhead(stream);  // what follows the mark
  std::lock_guard<std::mutex> hold(state);
  return sticky;
}

CUresult Runtime::drainNullStream() {
  std::lock_guard<std::mutex> run(execution);
  letOthersRunAhead(nullStream);
  for (Stream* stream : shuffledStreams()) {
    if (stream->blocking) runUntil(*stream, nullptr);
  }
  std::lock_guard<std::mutex> hold(state);
  return sticky;
}

CUresult Runtime::drainAll() {
  std::lock_guard<std::mutex> run(execution);
  for (Stream* stream : shuffledStreams()) runUntil(*stream, nullptr);
  std::lock_guard<std::mutex> hold(state);
  return sticky;
}

void Runtime::makeProgress(Stream& stream) {
  std::unique_lock<std::mutex> run(execution, std::try_to_lock);
  if (!run.owns_lock()) return;
  for (int k = 0; k < kCommandsPerQuery && runOne(stream); ++k) {
  }
}

// With the last reference to the primary context all that belongs to it goes, an error that stayed included.
void Runtime::destroyContext() {
  if (primary) primary->alive = false;
  primary = nullptr;
  sticky = kSuccess;
  nullStream.queue.clear();
  for (Stream* stream : streams) delete stream;
  for (Event* event : events) delete event;
  for (LoadedModule* module : modules) delete module;
  for (Graph* graph : graphs) delete graph;
  for (Graph* graph : executables) delete graph;
  streams.clear(), events.clear(), modules.clear(), graphs.clear(), executables.clear(), capturing.clear();
  Arena::instance().releaseAll();
  RegisteredMemory::instance().clear();
}

}  // namespace emulator
