// Fill, Copy, Strided and Cast.
#pragma once
#include "core/convert.h"
#include "core/ops/memory.h"
#include "cpu/nest.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

template <class T>
static void fill(Raw* y, int64_t n, uint64_t bits, const cpu::Parallel& parallel) {
  T* const to = reinterpret_cast<T*>(y);
  const T value = static_cast<T>(bits);
  for_elements(parallel, n, [=](int64_t i) { to[i] = value; });
}

static void run(const Fill& op, const cpu::Parallel& parallel) {
  const uint64_t bits = fill_bits(op.dtype, op.value);
  switch (op.dtype) {
    case DType::kF32:
    case DType::kI32:
      return fill<uint32_t>(op.y.data, op.n, bits, parallel);
    case DType::kU8:
      return fill<uint8_t>(op.y.data, op.n, bits, parallel);
    case DType::kF64:
      return fill<uint64_t>(op.y.data, op.n, bits, parallel);
    case DType::kBF16:
      return fill<uint16_t>(op.y.data, op.n, bits, parallel);
  }
}

static void copy_bytes(const Raw* x, Raw* y, int64_t bytes, const cpu::Parallel& parallel) {
  const char* const from = reinterpret_cast<const char*>(x);
  char* const to = reinterpret_cast<char*>(y);
  for_parts(parallel, bytes, 16 * kGrain, [=](int64_t first, int64_t last) {
    __builtin_memcpy(to + first, from + first, static_cast<size_t>(last - first));
  });
}

static void run(const Copy& op, const cpu::Parallel& parallel) {
  copy_bytes(op.x.data, op.y.data, op.bytes, parallel);
}

// The order of the dimensions is free, as every index gives its own place in y: largest stride of y first.
static void sort_by_y(Dims& shape, Dims& x, Dims& y) {
  for (int d = 1; d < kMaxRank; ++d) {
    const int64_t size = shape.d[d], x_stride = x.d[d], y_stride = y.d[d];
    int to = d;
    for (; to > 0 && y.d[to - 1] < y_stride; --to) {
      shape.d[to] = shape.d[to - 1];
      x.d[to] = x.d[to - 1];
      y.d[to] = y.d[to - 1];
    }
    shape.d[to] = size;
    x.d[to] = x_stride;
    y.d[to] = y_stride;
  }
}

constexpr int64_t kTransposeTile =
    32;  // rows of a tile: their lines of x and y stay in the first-level cache

// Moves the dimension in which x is contiguous next to the last one; whether there is one worth tiling for.
static bool move_x_inner(Nest<2>& nest) {
  const int last = nest.rank - 1;
  if (nest.stride[0][last] <= 1 || nest.shape[last] < 4) return false;
  for (int d = 0; d < last; ++d) {
    if (nest.stride[0][d] != 1 || nest.shape[d] < 4) continue;
    int64_t* const rows[3] = {nest.shape, nest.stride[0], nest.stride[1]};
    for (int64_t* row : rows) {
      const int64_t value = row[d];
      for (int to = d; to < last - 1; ++to) row[to] = row[to + 1];
      row[last - 1] = value;
    }
    return true;
  }
  return false;
}

// A nest whose last dimension but one is contiguous in x and whose last one is nearly so in y: tile by tile.
static void transpose_tiles(const Nest<2>& nest, const uint32_t* x, uint32_t* y,
                            const cpu::Parallel& parallel) {
  const int last = nest.rank - 1;
  const int64_t rows = nest.shape[last - 1], cols = nest.shape[last];
  const int64_t x_col = nest.stride[0][last], y_row = nest.stride[1][last - 1], y_col = nest.stride[1][last];
  Nest<2> planes = nest;  // the dimensions above the plane, then one that for_runs would run along
  planes.rank = last;
  const int64_t strips = parts_of(rows, kTransposeTile), tasks = count_of_runs(planes) * strips;
  for_parts(parallel, tasks, rows_per_task(kTransposeTile * cols), [&](int64_t first, int64_t end) {
    for (int64_t task = first; task < end; ++task) {
      const Odometer<2> at(planes, task / strips);
      const int64_t row = task % strips * kTransposeTile, row_end = end_of_part(row, kTransposeTile, rows);
      for (int64_t col = 0; col < cols; col += kTransposeTile) {
        const int64_t col_end = end_of_part(col, kTransposeTile, cols);
        uint32_t tile[kTransposeTile][kTransposeTile];  // x is read and y is written a line at a time
        for (int64_t c = col; c < col_end; ++c) {
          const uint32_t* const from = x + at.offset[0] + c * x_col;
          for (int64_t r = row; r < row_end; ++r) tile[r - row][c - col] = from[r];
        }
        for (int64_t r = row; r < row_end; ++r) {
          uint32_t* const to = y + at.offset[1] + r * y_row;
          for (int64_t c = col; c < col_end; ++c) to[c * y_col] = tile[r - row][c - col];
        }
      }
    }
  });
}

static void run(const Strided& op, const cpu::Parallel& parallel) {
  Dims shape = op.shape, x_strides = op.x_strides, y_strides = op.y_strides;
  for (int64_t size : shape.d) {
    if (size == 0) return;
  }
  sort_by_y(shape, x_strides, y_strides);
  const Dims* const strides[2] = {&x_strides, &y_strides};
  Nest<2> nest = simplified(shape, strides);
  if (move_x_inner(nest)) return transpose_tiles(nest, op.x.data, op.y.data, parallel);
  const int64_t x_stride = nest.stride[0][nest.rank - 1], y_stride = nest.stride[1][nest.rank - 1];
  for_runs(parallel, nest, [&](const int64_t(&offset)[2], int64_t count) {
    const uint32_t* const from = op.x.data + offset[0];
    uint32_t* const to = op.y.data + offset[1];
    if (x_stride == 1 && y_stride == 1) {
      __builtin_memcpy(to, from, 4 * static_cast<size_t>(count));
    } else {
      for (int64_t i = 0; i < count; ++i) to[i * y_stride] = from[i * x_stride];
    }
  });
}

template <class From, class To, class F>
static void convert(const Cast& op, const cpu::Parallel& parallel, const F& f) {
  const From* const x = reinterpret_cast<const From*>(op.x.data);
  To* const y = reinterpret_cast<To*>(op.y.data);
  for_elements(parallel, op.n, [=](int64_t i) { y[i] = static_cast<To>(f(x[i])); });
}

static void run(const Cast& op, const cpu::Parallel& parallel) {
  const auto value = [](auto x) { return x; };  // exact, or i32 to f32: rounded to nearest even
  const auto i32 = [](float x) { return to_i32(x); };
  const auto u8 = [](auto x) { return to_u8(x); };
  if (op.from == op.to) {
    copy_bytes(op.x.data, op.y.data, op.n * size_of(op.from), parallel);
  } else if (op.to == DType::kBF16) {
    convert<float, uint16_t>(op, parallel, [](float x) { return to_bf16(x); });
  } else if (op.from == DType::kBF16) {
    convert<uint16_t, float>(op, parallel, [](uint16_t x) { return from_bf16(x); });
  } else if (op.from == DType::kF32) {
    if (op.to == DType::kI32) return convert<float, int32_t>(op, parallel, i32);
    convert<float, uint8_t>(op, parallel, u8);
  } else if (op.from == DType::kI32) {
    if (op.to == DType::kF32) return convert<int32_t, float>(op, parallel, value);
    convert<int32_t, uint8_t>(op, parallel, u8);
  } else {
    if (op.to == DType::kF32) return convert<uint8_t, float>(op, parallel, value);
    convert<uint8_t, int32_t>(op, parallel, value);
  }
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
