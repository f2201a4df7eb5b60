#include "core/stream.h"

#include <new>
#include <utility>

namespace adastep {

namespace {

constexpr size_t kMaxInFlight =
    64;  // commands started ahead of the device: enough to keep it busy, bounded staging

Error describe(const Fault& fault) {
  return Error(ErrorCode::kDevice,
               std::string(kOpNames[fault.op]) + ": index at position " + std::to_string(fault.position),
               std::to_string(fault.value), "0 to " + std::to_string(fault.limit - 1));
}

}  // namespace

Stream::Stream(Open open_backend, Opened opened)
    : thread_([this, open_backend = std::move(open_backend), opened = std::move(opened)] {
        open(open_backend, opened);
        if (backend_) loop();
      }) {}

Stream::~Stream() { cancel(); }

void Stream::open(const Open& open, const Opened& opened) {
  std::shared_ptr<Backend> backend;
  attempt([&] { backend = open(); });
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
  command.work = [this](Backend& backend) {
    backend.take_fault();
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
      while (!pending_.empty() && backend_->done(pending_.front().mark)) complete_oldest();
    } else {
      complete_oldest();
    }
  }
  if (!pending_.empty()) {  // cancelled: the device may still be using what these commands hold
    attempt([&] { backend_->wait(pending_.back().mark); });
    pending_.clear();
  }
  if (ended_) ended_();
}

void Stream::start(Command command) {
  if (failure_ && !command.always) {
    if (command.done) command.done(failure_);
    return;
  }
  if (!attempt([&] { command.work(*backend_); })) {
    if (command.done) command.done(failure_);
    return;
  }
  Mark mark = 0;
  attempt([&] { mark = backend_->mark(); });
  pending_.push_back({std::move(command), mark});
}

void Stream::complete_oldest() {
  Pending oldest = std::move(pending_.front());
  pending_.pop_front();
  attempt([&] {
    backend_->wait(oldest.mark);
    const Fault fault = backend_->take_fault();
    if (fault.op >= 0) throw describe(fault);
    if (!failure_ && oldest.command.finish) oldest.command.finish();
  });
  if (oldest.command.done) oldest.command.done(failure_);
}

// Runs a step of a command; the first failure is kept, and everything after it is refused with it until
// reset.
bool Stream::attempt(const std::function<void()>& step) {
  try {
    step();
    return true;
  } catch (const Error& error) {
    if (!failure_) failure_ = error;
  } catch (const std::bad_alloc&) {
    if (!failure_) failure_ = Error(ErrorCode::kOutOfMemory, "host memory is exhausted");
  }
  return false;
}

}  // namespace adastep
