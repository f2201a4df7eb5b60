#include "cpu/pool.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <system_error>
#include <thread>

#include "cpu/futex.h"
#include "cpu/machine.h"

namespace adastep::cpu {

namespace {

// How long to look before sleeping: about what a wake costs, so a wait costs at most twice the best choice.
constexpr auto kSpin = std::chrono::microseconds(5);

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Looks until `ready()` or until kSpin has passed; whether it was ready.
template <class Ready>
bool spin_until(const Ready& ready) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 16; ++i) {
      if (ready()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return ready();
}

// The gate: the number of the region (32 bits), how many workers have joined it (16), how many more may (16).
// A closed gate has no room.
struct Gate {
  uint32_t epoch;
  uint16_t joined, room;

  static Gate of(uint64_t word) {
    return {static_cast<uint32_t>(word >> 32), static_cast<uint16_t>(word >> 16),
            static_cast<uint16_t>(word)};
  }
  uint64_t word() const { return uint64_t{epoch} << 32 | uint32_t{joined} << 16 | room; }
};

int threads_of_process() {
  const char* text = std::getenv("ADASTEP_THREADS");
  if (!text || !*text) return std::min(usable_cores(), Pool::kMaxThreads);
  char* end = nullptr;
  const long threads = std::strtol(text, &end, 10);
  if (*end || threads < 1 || threads > Pool::kMaxThreads) {
    throw Error(ErrorCode::kArgument, "ADASTEP_THREADS", text,
                "an integer from 1 to " + std::to_string(Pool::kMaxThreads));
  }
  return static_cast<int>(threads);
}

}  // namespace

Pool& Pool::process() {
  // Never destroyed: its threads are detached and sleep until the process ends, also while static objects are
  // destroyed, so what they sleep on must stay.
  static Pool* const pool = new Pool(threads_of_process());
  return *pool;
}

void Pool::run(int threads, int64_t tasks, Task task, void* context) {
  threads = static_cast<int>(std::min<int64_t>({threads, kMaxThreads, tasks}));
  if (threads <= 1 || owned_.exchange(true, std::memory_order_acquire)) {
    for (int64_t index = 0; index < tasks; ++index) task(context, index, 0);
    return;
  }
  start_workers(threads - 1);
  task_ = task;
  context_ = context;
  tasks_ = tasks;
  next_.store(0, std::memory_order_relaxed);
  left_.store(0, std::memory_order_relaxed);
  open(std::min(threads - 1, workers_));
  claim(0);
  close();
  std::optional<Error> failure;
  failure.swap(failure_);
  owned_.store(false, std::memory_order_release);
  if (failure) throw *failure;
}

void Pool::start_workers(int count) {
  while (workers_ < count && !exhausted_) {
    try {
      std::thread([this] { work(); }).detach();
      ++workers_;
    } catch (const std::system_error&) {
      exhausted_ = true;  // a limit on threads: go on with those there are
    }
  }
}

void Pool::open(int room) {
  const uint32_t epoch = Gate::of(gate_.load(std::memory_order_relaxed)).epoch + 1;
  gate_.store(Gate{epoch, 0, static_cast<uint16_t>(room)}.word());
  // A worker counts itself among the sleepers before its last look at the gate, so it cannot miss both.
  bell_.fetch_add(1);
  const int sleepers = sleepers_.load();
  if (sleepers > 0) futex_wake(bell_, std::min(room, sleepers));
}

// Lets nobody else in and waits for those who are. After it the region may be overwritten.
void Pool::close() {
  const uint32_t joined = Gate::of(gate_.fetch_and(~uint64_t{0xffff})).joined;
  const auto all_left = [&] { return left_.load() == joined; };
  if (spin_until(all_left)) return;
  owner_sleeps_ = true;
  for (uint32_t left; (left = left_.load()) != joined;) futex_wait(left_, left);
  owner_sleeps_ = false;
}

void Pool::work() {
  uint32_t last_epoch = 0;
  int thread = 0;
  for (;;) {
    const auto joined = [&] { return try_join(last_epoch, thread); };
    while (!spin_until(joined)) {
      const uint32_t heard = bell_.load();
      sleepers_.fetch_add(1);
      const bool found = joined();
      if (!found) futex_wait(bell_, heard);
      sleepers_.fetch_sub(1);
      if (found) break;
    }
    claim(thread);
    leave();
  }
}

bool Pool::try_join(uint32_t& last_epoch, int& thread) {
  uint64_t word = gate_.load();
  for (;;) {
    const Gate gate = Gate::of(word);
    if (gate.room == 0 || gate.epoch == last_epoch) return false;
    const auto joined = static_cast<uint16_t>(gate.joined + 1);
    const auto room = static_cast<uint16_t>(gate.room - 1);
    if (gate_.compare_exchange_weak(word, Gate{gate.epoch, joined, room}.word())) {
      last_epoch = gate.epoch;
      thread = joined;
      return true;
    }
  }
}

void Pool::leave() {
  left_.fetch_add(1);
  if (owner_sleeps_) futex_wake(left_, 1);
}

void Pool::claim(int thread) {
  try {
    for (;;) {
      const int64_t index = next_.fetch_add(1, std::memory_order_relaxed);
      if (index >= tasks_) return;
      task_(context_, index, thread);
    }
  } catch (const Error& error) {
    next_.store(tasks_, std::memory_order_relaxed);
    std::lock_guard<std::mutex> lock(failure_mutex_);
    if (!failure_) failure_ = error;
  }
}

}  // namespace adastep::cpu
