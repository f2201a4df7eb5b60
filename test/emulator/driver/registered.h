// Host memory of the client's that cuMemHostRegister has page-locked: copies from it are deferred and read it
// when they run.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "driver/results.h"

namespace emulator {

struct RegisteredRange {
  u64 base = 0, size = 0;
  std::atomic<int> copies{0};  // that were submitted and have not run

  bool contains(u64 address, u64 bytes) const {  // without the end of the access, which may wrap
    return address - base <= size && bytes <= size - (address - base);
  }
  // Throws Fault if the client has unmapped pages of it meanwhile.
  void demandMapped() const;
};

// A copy that is under way, for as long as this lives.
using RegisteredCopy = std::shared_ptr<RegisteredRange>;

// Under Runtime's `state`.
class RegisteredMemory {
 public:
  static RegisteredMemory& instance();

  CUresult add(u64 base, u64 size);
  // `busy` says what is wrong if copies are under way: a bug of the client's that a GPU would not report.
  CUresult remove(u64 base, std::string& busy);
  RegisteredCopy copy(u64 address) const;  // null: the address is not registered
  void clear() { ranges_.clear(); }        // with the context

 private:
  std::map<u64, std::shared_ptr<RegisteredRange>> ranges_;
};

// ADASTEP_EMULATOR_COPIES=file appends a JSON line per copy to the device and per registration.
void traceCopy(const char* kind, u64 bytes);

}  // namespace emulator
