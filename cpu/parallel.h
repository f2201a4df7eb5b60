// How a kernel fans out: a plain function pointer, so that files compiled per instruction-set level need no
// C++ library.
#pragma once
#include <stdint.h>

namespace adastep::cpu {

// Tasks of one call run on several threads at once, in no order; `run` returns when all have ended.
struct Parallel {
  int threads;  // at most so many run at once
  void* pool;
  // `thread` given to a task is in 0 .. threads - 1, unique among the tasks of the call that run at once; the
  // caller is thread 0.
  void (*run)(void* pool, int threads, int64_t tasks, void (*task)(void* context, int64_t index, int thread),
              void* context);
  // Scratch memory of one thread (index 0 .. threads - 1) that stays valid until the next call with the same
  // thread index: 64-byte aligned.
  void* (*scratch)(void* pool, int thread, int64_t bytes);
  // Reports an index out of range (core/fault.h).
  void (*fault)(void* pool, int32_t op, int64_t position, int64_t value, int64_t limit);
};

// f(index, thread) for index in [0, tasks); on the caller alone, as thread 0, if there is nothing to share.
// `static`: each translation unit keeps its own copy, compiled for its own instruction set.
template <class F>
static inline void parallel_for(const Parallel& parallel, int64_t tasks, const F& f) {
  if (tasks <= 1 || parallel.threads <= 1) {
    for (int64_t index = 0; index < tasks; ++index) f(index, 0);
    return;
  }
  auto call = [](void* context, int64_t index, int thread) {
    (*static_cast<const F*>(context))(index, thread);
  };
  parallel.run(parallel.pool, parallel.threads, tasks, call, const_cast<F*>(&f));
}

}  // namespace adastep::cpu
