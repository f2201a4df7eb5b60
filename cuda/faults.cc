#include "cuda/faults.h"

#include <utility>

#include "core/op.h"

namespace adastep::cuda {

namespace {

constexpr FaultCell kEmpty = {kNoPlace, {kNoPlace, kNoPlace}, {kNoPlace, kNoPlace}};
constexpr unsigned char kEmptyByte = 0xff;

Fault fault_in(const FaultCell& slot) {
  if (slot.place == kNoPlace) return kNoFault;
  const auto op = static_cast<int32_t>(slot.place % kOpCount);
  Fault found = kNoFault;
  for (int kind = 0; kind < kFaultKinds; kind++) {
    const unsigned long long first = slot.first[kind], limit = slot.limit[kind];
    if (limit == kNoPlace) continue;
    const Fault fault = {op, static_cast<int64_t>(first >> 32), static_cast<int32_t>(first),
                         static_cast<int64_t>(limit & 0xffffffffu)};
    if (found.op < 0 || precedes(fault, found)) found = fault;
  }
  return found;
}

}  // namespace

Faults::Faults(std::shared_ptr<Context> context, CUstream stream)
    : context_(std::move(context)), stream_(stream), cell_(context_, sizeof(FaultCell)) {
  clear_cell();
  slots_ = static_cast<FaultCell*>(allocate_pinned(kSlots * sizeof(FaultCell)));
}

Faults::~Faults() {
  context_->enter_to_release();
  driver().cuMemFreeHost(slots_);
}

void Faults::collect(Mark mark) {
  if (mark > kSlots) read_slots(mark - kSlots);
  FaultCell& slot = slot_of(mark);
  slot = kEmpty;
  if (!expected_) return;
  check(driver().cuMemcpyDtoHAsync(&slot, address_of(cell()), sizeof slot, stream_), "cuMemcpyDtoHAsync");
  clear_cell();
  expected_ = false;
}

Fault Faults::take(Mark mark) {
  read_slots(mark);
  return log_.take(mark);
}

void Faults::clear_cell() {
  check(driver().cuMemsetD8Async(address_of(cell()), kEmptyByte, sizeof(FaultCell), stream_),
        "cuMemsetD8Async");
}

void Faults::read_slots(Mark last) {
  while (read_ < last) {
    const Fault fault = fault_in(slot_of(++read_));
    if (fault.op >= 0) log_.add(read_, fault);
  }
}

}  // namespace adastep::cuda
