// Waiting on an atomic word (Linux futex): C++17 has no std::atomic::wait.
#pragma once
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace adastep::cpu {

static_assert(sizeof(std::atomic<uint32_t>) == 4, "the kernel reads the atomic as a plain word");

// Returns when woken, at once if the word does not hold `expected`, and now and then without a reason.
inline void futex_wait(std::atomic<uint32_t>& word, uint32_t expected) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

inline void futex_wake(std::atomic<uint32_t>& word, int waiters) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, waiters, nullptr, nullptr, 0);
}

}  // namespace adastep::cpu
