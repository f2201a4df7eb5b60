// What a backend found wrong, until it is asked.
#pragma once
#include <deque>

#include "core/backend.h"

namespace adastep {

class FaultLog {
 public:
  // In the order of the marks: `mark` is the first one after the work that had the fault.
  void add(Mark mark, const Fault& fault) { found_.push_back({mark, fault}); }

  // The first of the faults up to `mark`; all of those are forgotten.
  Fault take(Mark mark) {
    Fault first = kNoFault;
    for (; !found_.empty() && found_.front().mark <= mark; found_.pop_front()) {
      if (first.op < 0) first = found_.front().fault;
    }
    return first;
  }

 private:
  struct Entry {
    Mark mark;
    Fault fault;
  };
  std::deque<Entry> found_;
};

}  // namespace adastep
