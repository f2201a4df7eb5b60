// A lock for a few instructions, one of a small set chosen by an address.
#pragma once

#include <atomic>

#include "ptx/integers.h"

namespace emulator {

class SpinLock {
 public:
  explicit SpinLock(const void* address) : flag_(flags()[reinterpret_cast<u64>(address) / 8 % kFlags]) {
    while (flag_.exchange(true, std::memory_order_acquire)) {
    }
  }
  ~SpinLock() { flag_.store(false, std::memory_order_release); }
  SpinLock(const SpinLock&) = delete;

 private:
  static constexpr u64 kFlags = 256;
  static std::atomic<bool>* flags() {
    static std::atomic<bool> all[kFlags];
    return all;
  }
  std::atomic<bool>& flag_;
};

}  // namespace emulator
