// The pool under several streams at once, and its failures. Runs under ThreadSanitizer too.
#include "cpu/pool.h"

#include <atomic>
#include <thread>

#include "check.h"
#include "cpu/context.h"

namespace adastep::test {

namespace {

// Every index once, thread numbers in range and not used twice at a time.
void one_region(cpu::Pool& pool, int threads, int64_t tasks) {
  struct State {
    std::vector<std::atomic<int>> calls, busy;
    std::atomic<bool> ok{true};
    State(size_t tasks, size_t threads) : calls(tasks), busy(threads) {}
  } state(static_cast<size_t>(tasks), static_cast<size_t>(threads));
  pool.run(
      threads, tasks,
      [](void* context, int64_t index, int thread) {
        auto& s = *static_cast<State*>(context);
        if (thread < 0 || static_cast<size_t>(thread) >= s.busy.size()) {
          s.ok = false;
          return;
        }
        if (s.busy[static_cast<size_t>(thread)].exchange(1) != 0) s.ok = false;
        ++s.calls[static_cast<size_t>(index)];
        s.busy[static_cast<size_t>(thread)] = 0;
      },
      &state);
  for (auto& calls : state.calls) {
    if (calls != 1) state.ok = false;
  }
  check(state.ok, "pool: " + std::to_string(tasks) + " tasks on " + std::to_string(threads));
}

void many_callers() {
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; c++) {
    callers.emplace_back([c] {
      for (int i = 0; i < 300; i++) one_region(cpu::Pool::process(), 1 + (c + i) % 4, 1 + (i * 37) % 200);
    });
  }
  for (auto& caller : callers) caller.join();
}

// Pauses between regions let the workers fall asleep, so that waking is tested as well.
void sleepers() {
  for (int i = 0; i < 20; i++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    one_region(cpu::Pool::process(), 3, 50);
  }
}

void error_passes() {
  bool thrown = false;
  try {
    cpu::Pool::process().run(
        3, 1000, [](void*, int64_t, int) { throw Error(ErrorCode::kOutOfMemory, "test"); }, nullptr);
  } catch (const Error& error) {
    thrown = error.code() == ErrorCode::kOutOfMemory;
  }
  check(thrown, "pool: an Error of a task reaches the caller");
  one_region(cpu::Pool::process(), 3, 100);
}

void scratch_of_streams() {
  cpu::Context one(cpu::Pool::process(), 2), other(cpu::Pool::process(), 2);
  const auto scratch = [](cpu::Context& context, int thread, int64_t bytes) {
    return context.parallel().scratch(context.parallel().pool, thread, bytes);
  };
  void* mine = scratch(one, 0, 100);
  check(mine != scratch(one, 1, 100) && mine != scratch(other, 0, 100),
        "scratch: one for each thread and stream");
  check(reinterpret_cast<uintptr_t>(scratch(one, 0, 1 << 20)) % 64 == 0, "scratch: aligned");
  bool thrown = false;
  try {
    scratch(one, 0, int64_t{1} << 60);
  } catch (const Error& error) {
    thrown = error.code() == ErrorCode::kOutOfMemory;
  }
  check(thrown, "scratch: too much is an Error");
}

// Devices on threads of their own, as in several worker_threads, give the same bits.
void many_devices() {
  const std::vector<float> x = numbers(200000);
  const Unary make{UnaryFn::kGelu, 200000, 0, 0, {x.data()}, {nullptr}};
  std::vector<float> results[4];
  std::vector<std::thread> streams;
  for (auto& result : results) {
    result.resize(x.size());
    streams.emplace_back([&result, op = make]() mutable {
      op.y.data = result.data();
      const auto backend = open_cpu("", 3);
      for (int i = 0; i < 20; i++) backend->run({op});
    });
  }
  for (auto& stream : streams) stream.join();
  for (const auto& result : results) check(result == results[0], "devices at once: the same bits");
}

}  // namespace

void test_pool() {
  for (int threads = 1; threads <= 5; threads++) {
    for (int64_t tasks : {0, 1, 2, 3, 1000}) one_region(cpu::Pool::process(), threads, tasks);
  }
  many_callers();
  sleepers();
  error_passes();
  scratch_of_streams();
  many_devices();
}

}  // namespace adastep::test
