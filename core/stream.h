// The thread of a device: runs commands in order and completes them when the device has really done them.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "core/backend.h"
#include "core/error.h"

namespace adastep {

// What to do on the stream thread. `work` starts something on the backend; `finish` runs once that has ended
// (it may copy results out of staging); `done` hears the outcome, exactly once, unless the stream is
// cancelled.
struct Command {
  std::function<void(Backend&)> work;
  std::function<void()> finish;
  std::function<void(const std::optional<Error>&)> done;
  bool always = false;  // runs on a failed device too
};

class Stream {
 public:
  // `open` and then `opened` run on the new thread: opening a GPU takes a while. Without a backend the thread
  // ends.
  using Open = std::function<std::shared_ptr<Backend>()>;
  using Opened = std::function<void(std::shared_ptr<Backend>, const std::optional<Error>&)>;
  // `leaving` runs on it as the last thing, however the stream ends.
  Stream(Open open, Opened opened, std::function<void()> leaving);
  ~Stream();  // cancels

  // Returns at once. After close or cancel nothing may be enqueued: false.
  bool enqueue(Command command);
  // No more commands; those queued still run, then `ended` is called on the stream thread.
  void close(std::function<void()> ended);
  // Drops what is queued and waits for what is running.
  void cancel();
  // Forgets a fault, so that the device accepts work again.
  void reset();

 private:
  struct Pending {
    Command command;
    std::optional<Mark> mark;    // none: it started nothing
    std::optional<Error> error;  // of this command
  };
  void open(const Open& open, const Opened& opened);
  void loop();
  void start(Command command);
  void complete_oldest();
  bool oldest_done();
  void fail(const Error& error);

  std::mutex mutex_;
  std::shared_ptr<Backend> backend_;  // set once, by the stream thread
  std::condition_variable wake_;
  std::deque<Command> queue_;
  bool closing_ = false, cancelled_ = false;
  std::function<void()> ended_;
  const std::function<void()> leaving_;
  std::deque<Pending> pending_;   // of the stream thread: started, not known to have ended
  std::optional<Error> failure_;  // of the stream thread: refuses work until reset
  std::thread thread_;
};

}  // namespace adastep
