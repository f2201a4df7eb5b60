#include "cuda/marks.h"

#include <algorithm>
#include <utility>

namespace adastep::cuda {

Marks::Marks(std::shared_ptr<Context> context, CUstream stream, Faults& faults)
    : context_(std::move(context)), stream_(stream), faults_(faults) {
  try {
    // Blocking: the thread that waits sleeps, it does not spin.
    for (CUevent& event : events_) {
      check(driver().cuEventCreate(&event, kEventBlockingSync | kEventDisableTiming), "cuEventCreate");
    }
  } catch (...) {
    release();
    throw;
  }
}

Marks::~Marks() {
  context_->enter_to_release();
  release();
}

Mark Marks::add() {
  const Mark mark = last_ + 1;
  if (mark > kEvents) wait(mark - kEvents);
  faults_.collect(mark);
  check(driver().cuEventRecord(event_of(mark), stream_), "cuEventRecord");
  return last_ = mark;
}

bool Marks::done(Mark mark) {
  if (mark <= done_) return true;
  const CUresult result = driver().cuEventQuery(event_of(mark));
  if (result == kErrorNotReady) return false;
  check(result, "cuEventQuery");
  done_ = std::max(done_, mark);
  return true;
}

void Marks::wait(Mark mark) {
  if (mark <= done_) return;
  check(driver().cuEventSynchronize(event_of(mark)), "cuEventSynchronize");
  done_ = mark;
}

void Marks::release() noexcept {
  for (CUevent event : events_) {
    if (event) driver().cuEventDestroy(event);
  }
}

}  // namespace adastep::cuda
