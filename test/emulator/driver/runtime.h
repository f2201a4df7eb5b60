// The state behind the driver's functions: contexts, streams with their queued commands, modules, and the
// error that stays once a kernel has failed.
//
// Two locks. `state` guards the tables and queues and is held briefly; `execution` is held while commands
// run, one at a time, so that a thread can go on enqueuing while another waits for its stream.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "driver/module.h"
#include "driver/results.h"

namespace emulator {

// One use of an event: done when the stream has come to it.
struct Stream;
struct Mark {
  std::atomic<bool> done{false};
  Stream* stream = nullptr;
};

struct Command {
  std::function<void()> run;       // may throw Fault
  std::shared_ptr<Mark> reaches;   // an event that was recorded here
  std::shared_ptr<Mark> waitsFor;  // an event that must be done first
};

struct Graph {
  std::vector<Command> commands;
};

struct Stream {
  u64 number = 0;        // in the order of their creation
  bool blocking = true;  // ordered with the null stream
  std::deque<Command> queue;
  std::unique_ptr<Graph> capture;
  int captureMode = 0;  // 0 global, 1 thread-local, 2 relaxed
  std::thread::id captureThread;
  bool captureBroken = false;
};

struct Event {
  std::shared_ptr<Mark> mark;
};

struct Context {
  bool alive = true;
};

class Runtime {
 public:
  static Runtime& instance();
  Runtime();

  std::mutex state;
  std::mutex execution;

  bool initialized = false;
  u32 references = 0;  // of the primary context
  Context* primary = nullptr;
  u64 streamsMade = 0;
  CUresult sticky = kSuccess;
  Stream nullStream;
  std::set<Stream*> streams;
  std::set<Event*> events;
  std::set<LoadedModule*> modules;
  std::set<Graph*> graphs, executables;
  std::set<Stream*> capturing;

  u32 computeCapability() const;

  // Locks nothing. The result that a call must give before it does anything: not initialised, no current
  // context on this thread, or the error that stays.
  CUresult ready() const;
  Stream* find(void* handle);  // null: no such stream

  // What captures forbid (captures.cc). These lock nothing; an error that they give has invalidated the
  // captures that it is due to: nothing can be recorded any more, and no graph comes of them.
  CUresult refuseUnsafe();       // a call that is not recorded but could matter to what is
  CUresult refuseUse(Stream&);   // work for a stream
  CUresult refuseWait(Stream&);  // a wait or query, or what cannot be recorded
  CUresult refuseContextWait();
  CUresult endCapture(Stream&, Graph*& graph);

  // Both take `state`. Appends the command, or records it if the stream captures.
  CUresult enqueue(Stream& stream, Command command);
  // These take both locks. Runs commands until the mark is done, or (null) the stream is empty. Other streams
  // may run ahead meanwhile, as far as nothing orders them: chance decides, the same in every run.
  CUresult drain(Stream& stream, const Mark* until);
  CUresult drainNullStream();  // and with it the streams that block
  CUresult drainAll();
  void makeProgress(Stream& stream);  // a few commands, unless another thread runs some now

  void destroyContext();
  void fail(CUresult code, const std::string& report);

 private:
  void orderWithNullStream(Stream& stream);
  // Under `execution`:
  bool runOne(Stream& stream);
  void runUntil(Stream& stream, const Mark* until);
  std::vector<Stream*> shuffledStreams();
  void letOthersRunAhead(const Stream& stream);
  void runAhead(Stream& stream);
  bool luck();
  bool waitsInVain(Stream& stream);  // nothing to do before something of another stream is done

  std::minstd_rand chance_;
};

// The context that this thread has made current.
Context*& currentContext();

// Wraps the body of an API function: state lock, checks, and no exception leaves.
template <class F>
CUresult guarded(F body) {
  Runtime& runtime = Runtime::instance();
  std::lock_guard<std::mutex> hold(runtime.state);
  CUresult result = runtime.ready();
  return result == kSuccess ? body(runtime) : result;
}

// Checks only; for bodies that take the locks themselves.
CUresult checkReady();

}  // namespace emulator

#define EMULATOR_API extern "C" __attribute__((visibility("default")))
