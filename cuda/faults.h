// The way of a fault from a kernel to the host: a cell in device memory that kernels report to, and a slot in
// pinned memory per mark, to which the cell is moved in the order of the stream. So a fault belongs to the
// work that had it, however much was started after.
#pragma once
#include <memory>

#include "core/fault_log.h"
#include "cuda/context.h"
#include "cuda/kernels/interface.h"
#include "cuda/memory.h"

namespace adastep::cuda {

// Used by the stream thread only, with the context current.
class Faults {
 public:
  static constexpr size_t kSlots = 128;  // one per mark that may be in flight

  Faults(std::shared_ptr<Context> context, CUstream stream);
  ~Faults();
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;

  FaultCell* cell() const { return static_cast<FaultCell*>(cell_.data()); }

  // Something is being started that may report to the cell.
  void expect() { expected_ = true; }
  bool expected() const { return expected_; }

  // Moves the cell to the slot of a mark that is about to be made, if a report is expected. The mark kSlots
  // before it is done.
  void collect(Mark mark);
  // See Backend::take_fault.
  Fault take(Mark mark);

 private:
  FaultCell& slot_of(Mark mark) const { return slots_[mark % kSlots]; }
  void clear_cell();
  void read_slots(Mark last);

  const std::shared_ptr<Context> context_;
  const CUstream stream_;
  const DeviceBlock cell_;
  FaultCell* slots_ = nullptr;
  bool expected_ = false;
  Mark read_ = 0;  // slots up to this mark's are in the log
  FaultLog log_;
};

}  // namespace adastep::cuda
