// How element loops are written and divided among threads.
#pragma once
#include <stddef.h>

#include "core/numerics.h"
#include "cpu/parallel.h"

// The iterations of the loop that follows do not depend on each other: an output is either exactly an input
// or apart from it (core/span.h), which the compiler cannot know.
#if defined(__clang__)
#define ADASTEP_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define ADASTEP_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace adastep {
namespace ADASTEP_NUMERICS {

// Elements worth a task: a few microseconds of a light loop, above what it costs to wake a thread. A multiple
// of a cache line, so that two tasks never write the same one.
constexpr int64_t kGrain = 1 << 14;

ADASTEP_HD int64_t parts_of(int64_t n, int64_t part) { return (n + part - 1) / part; }
ADASTEP_HD int64_t end_of_part(int64_t first, int64_t part, int64_t n) {
  return n - first < part ? n : first + part;
}
// Rows of `cols` elements worth a task.
ADASTEP_HD int64_t rows_per_task(int64_t cols) { return cols >= kGrain || cols <= 0 ? 1 : kGrain / cols; }

// Out of line, so that the code of a loop exists once, not for the calling thread and again for the others.
template <class F>
static __attribute__((noinline)) void call_part(const F& f, int64_t first, int64_t last) {
  f(first, last);
}

// f(first, last) for the parts of [0, n), each of `part` items but the last.
template <class F>
static inline void for_parts(const cpu::Parallel& parallel, int64_t n, int64_t part, const F& f) {
  cpu::parallel_for(parallel, parts_of(n, part), [&](int64_t index, int) {
    const int64_t first = index * part;
    call_part(f, first, end_of_part(first, part, n));
  });
}

// f(i) for i in [0, n), vectorised. A task has a copy of f: a store of bytes could change what is elsewhere.
template <class F>
static inline void for_elements(const cpu::Parallel& parallel, int64_t n, const F& f) {
  for_parts(parallel, n, kGrain, [&](int64_t first, int64_t last) {
    const F mine = f;
    ADASTEP_INDEPENDENT
    for (int64_t i = first; i < last; ++i) mine(i);
  });
}

// f(row) for each of `rows` rows of `cols` elements.
template <class F>
static inline void for_rows(const cpu::Parallel& parallel, int64_t rows, int64_t cols, const F& f) {
  for_parts(parallel, rows, rows_per_task(cols), [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row) f(row);
  });
}

// f(first, last) for parts of `cols` columns, where each task goes through all `rows` rows of its own
// columns. A part is a cache line at least, of elements of so many bytes.
template <class F>
static inline void for_columns(const cpu::Parallel& parallel, int64_t rows, int64_t cols, int64_t bytes,
                               const F& f) {
  if (cols == 0) return;
  const int64_t line = 64 / bytes, parts = rows * cols < 2 * kGrain ? 1 : parallel.threads;
  for_parts(parallel, cols, parts_of(parts_of(cols, parts), line) * line, f);
}

// Turns a number chosen at run time into a template argument: calls f(Constant<T, value>{}).
template <class T, T kValue>
struct Constant {
  static constexpr T value = kValue;
};

template <class T, int kCount, int kFirst = 0, class F>
static inline void with_constant(T value, const F& f) {
  if constexpr (kFirst < kCount) {
    if (static_cast<int>(value) == kFirst) {
      f(Constant<T, static_cast<T>(kFirst)>{});
    } else {
      with_constant<T, kCount, kFirst + 1>(value, f);
    }
  }
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
