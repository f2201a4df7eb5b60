#include "core/stream.h"

#include <exception>
#include <new>
#include <string>
#include <utility>

namespace adastep {

namespace {

constexpr size_t kMaxInFlight =
    64;  // commands started ahead of the device: enough to keep it busy, bounded staging

Error describe(const Fault& fault) {
  return Error(ErrorCode::kDevice,
               std::string(kOpNames[fault.op]) + ": index at position " + std::to_string(fault.position),
               std::to_string(fault.value),
               fault.limit > 0 ? "0 to " + std::to_string(fault.limit - 1) : "none: there are no rows");
}

// Runs a step; what it throws is its result.
template <class Step>
std::optional<Error> attempt(const Step& step) {
  try {
    step();
    return std::nullopt;
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    return host_memory_exhausted();
  } catch (const std::exception& error) {
    return Error(ErrorCode::kDevice, error.what());
  }
}

}  // namespace

Stream::Stream(Open open_backend, Opened opened, std::function<void()> leaving)
    : leaving_(std::move(leaving)),
      thread_([this, open_backend = std::move(open_backend), opened = std::move(opened)] {
        open(open_backend, opened);
        if (backend_) loop();
      }) {}

Stream::~Stream() { cancel(); }

void Stream::open(const Open& open, const Opened& opened) {
  std::shared_ptr<Backend> backend;
  failure_ = attempt([&] { backend = open(); });
  {
    std::lock_guard<std::mutex> lock(mutex_);
    backend_ = backend;
  }
  opened(std::move(backend), failure_);
}

bool Stream::enqueue(Command command) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (closing_ || cancelled_) return false;
    queue_.push_back(std::move(command));
  }
  wake_.notify_one();
  return true;
}

void Stream::close(std::function<void()> ended) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (closing_ || cancelled_) return;
    closing_ = true;
    ended_ = std::move(ended);
  }
  wake_.notify_one();
}

void Stream::cancel() {
  std::deque<Command> dropped;  // destroyed outside the lock: commands hold memory and completions
  {
    std::lock_guard<std::mutex> lock(mutex_);
    cancelled_ = true;
    dropped.swap(queue_);
    if (backend_) backend_->cancel();
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Stream::reset() {
  Command command;
  command.work = [this](Backend&) {
    while (!pending_.empty()) complete_oldest();  // what came before is judged before it is forgotten
    failure_.reset();
  };
  command.always = true;
  enqueue(std::move(command));
}

void Stream::loop() {
  for (;;) {
    std::optional<Command> next;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [&] { return cancelled_ || closing_ || !queue_.empty() || !pending_.empty(); });
      if (cancelled_) break;
      if (!queue_.empty() && pending_.size() < kMaxInFlight) {
        next = std::move(queue_.front());
        queue_.pop_front();
      } else if (pending_.empty()) {
        break;  // closing, and all is done
      }
    }
    if (next) {
      start(std::move(*next));
      while (!pending_.empty() && oldest_done()) complete_oldest();
    } else {
      complete_oldest();
    }
  }
  // Cancelled: the device may still be using what these commands hold; how it ends is of no interest.
  for (const Pending& pending : pending_) {
    attempt([&] {
      if (pending.mark) backend_->wait(*pending.mark);
    });
  }
  pending_.clear();
  leaving_();
  if (ended_) ended_();
}

void Stream::start(Command command) {
  Pending pending{std::move(command), std::nullopt, failure_};
  if (pending.command.always || !failure_) {
    pending.error = attempt([&] { pending.command.work(*backend_); });
    // A command that failed half-way has started something too, which has to end before its memory is given
    // back.
    const auto marking = attempt([&] { pending.mark = backend_->mark(); });
    if (!pending.error) pending.error = marking;
    if (pending.error) fail(*pending.error);
  }
  pending_.push_back(std::move(pending));
}

bool Stream::oldest_done() {
  const auto& mark = pending_.front().mark;
  bool done = true;  // where the question fails, waiting meets the same error and can report it
  attempt([&] { done = !mark || backend_->done(*mark); });
  return done;
}

void Stream::complete_oldest() {
  Pending oldest = std::move(pending_.front());
  pending_.pop_front();
  const auto fault = attempt([&] {
    if (!oldest.mark) return;
    backend_->wait(*oldest.mark);
    const Fault found = backend_->take_fault(*oldest.mark);
    if (found.op >= 0) throw describe(found);
  });
  if (fault) {  // what was started after it ran on its results
    fail(*fault);
    if (!oldest.error) oldest.error = fault;
    for (Pending& later : pending_) {
      if (!later.error) later.error = fault;
    }
  }
  if (!oldest.error && oldest.command.finish) oldest.error = attempt(oldest.command.finish);
  if (oldest.command.done) oldest.command.done(oldest.error);
}

// The device refuses work from its first failure on, with that failure, until reset.
void Stream::fail(const Error& error) {
  if (!failure_) failure_ = error;
}

}  // namespace adastep
