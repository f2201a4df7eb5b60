// Points in the order of a stream's work, as a ring of events.
#pragma once
#include <array>
#include <memory>

#include "core/backend.h"
#include "cuda/context.h"
#include "cuda/faults.h"

namespace adastep::cuda {

// Used by the stream thread only. Mark 0 is the beginning: done from the start.
class Marks {
 public:
  Marks(std::shared_ptr<Context> context, CUstream stream, Faults& faults);
  ~Marks();
  Marks(const Marks&) = delete;
  Marks& operator=(const Marks&) = delete;

  Mark add();
  bool done(Mark mark);
  void wait(Mark mark);

 private:
  // More than a stream keeps in flight; a mark that needs an event still in use waits for it.
  static constexpr size_t kEvents = Faults::kSlots;
  CUevent event_of(Mark mark) const { return events_[mark % kEvents]; }
  void release() noexcept;

  const std::shared_ptr<Context> context_;
  const CUstream stream_;
  Faults& faults_;
  std::array<CUevent, kEvents> events_{};
  Mark last_ = 0, done_ = 0;  // the newest mark; the newest one known to be done
};

}  // namespace adastep::cuda
