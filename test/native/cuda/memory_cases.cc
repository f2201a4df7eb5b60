#include <algorithm>

#include "twin.h"

namespace adastep::test {

namespace {

// Of the emulated GPU. Loops over more are unrolled by four, or not at all.
constexpr int64_t kThreadsAtOnce = 16384;

template <class T>
In<Raw> raw_in(const Slot<T>& slot, Side side) {
  return {reinterpret_cast<const Raw*>(slot.on(side))};
}
template <class T>
Out<Raw> raw_out(const Slot<T>& slot, Side side) {
  return {reinterpret_cast<Raw*>(slot.on(side))};
}

}  // namespace

void fill_cases(Report& report, Backend& cpu, Backend& cuda) {
  for (DType dtype : {DType::kF32, DType::kI32, DType::kU8, DType::kF64, DType::kBF16}) {
    // The last: more than four rounds of all threads that the emulated GPU has at once, 16 bytes each.
    for (int64_t n : {int64_t{0}, int64_t{1}, int64_t{15}, int64_t{16}, int64_t{1000},
                      4 * kThreadsAtOnce * 16 / size_of(dtype) + 1003}) {
      for (double value : {0.0, -1.7, 1e10, 200.9}) {
        for (size_t shift : {0, 8}) {
          Twin twin(report, cpu, cuda, 1);
          const auto y =
              twin.slot(std::vector<uint8_t>(static_cast<size_t>(n * size_of(dtype)) + 16, 7), shift);
          twin.run(std::string("fill ") + kDTypeNames[static_cast<int>(dtype)], [&](Side side) {
            return std::vector<Op>{Fill{dtype, n, value, raw_out(y, side)}};
          });
        }
      }
    }
  }
}

void copy_cases(Report& report, Backend& cpu, Backend& cuda) {
  for (int64_t bytes : {0, 1, 4096, 10007}) {
    Twin twin(report, cpu, cuda, 2);
    const auto x = twin.slot(twin.integers(3000, -99, 99));
    const auto y = twin.slot(std::vector<int32_t>(3000));
    twin.run("copy", [&](Side side) {
      return std::vector<Op>{Copy{bytes, raw_in(x, side), raw_out(y, side)}};
    });
  }
}

void strided_cases(Report& report, Backend& cpu, Backend& cuda) {
  struct {
    const char* name;
    Dims shape, x, y;
  } const cases[] = {
      // Of the 32 rows or columns of a tile of transposes exist 1, 5, 6, 10, 11, 13, 15, 16, 20, 28 or all.
      {"contiguous", {{1, 1, 1, 2, 3, 50}}, {{0, 0, 0, 150, 50, 1}}, {{0, 0, 0, 150, 50, 1}}},
      {"transpose", {{1, 1, 1, 1, 70, 45}}, {{0, 0, 0, 0, 1, 70}}, {{0, 0, 0, 0, 45, 1}}},
      {"batched transpose", {{1, 1, 1, 3, 33, 64}}, {{0, 0, 0, 2200, 1, 33}}, {{0, 0, 0, 2112, 64, 1}}},
      {"many transposes", {{1, 1, 1, 70, 10, 11}}, {{0, 0, 0, 110, 1, 10}}, {{0, 0, 0, 110, 11, 1}}},
      {"long", {{1, 1, 1, 70, 16, 15}}, {{0, 0, 0, 1, 70, 1120}}, {{0, 0, 0, 240, 15, 1}}},
      {"other transpose", {{1, 1, 1, 1, 52, 60}}, {{0, 0, 0, 0, 1, 52}}, {{0, 0, 0, 0, 60, 1}}},
      {"its inverse", {{1, 1, 1, 1, 60, 52}}, {{0, 0, 0, 0, 1, 60}}, {{0, 0, 0, 0, 52, 1}}},
      {"narrow transpose", {{1, 1, 1, 1, 64, 37}}, {{0, 0, 0, 0, 1, 64}}, {{0, 0, 0, 0, 37, 1}}},
      {"slice", {{1, 1, 1, 4, 5, 6}}, {{0, 0, 0, 400, 20, 2}}, {{0, 0, 0, 30, 6, 1}}},
      {"permute", {{2, 3, 4, 5, 6, 7}}, {{1, 2, 6, 24, 120, 720}}, {{2520, 840, 210, 42, 7, 1}}},
      {"broadcast", {{1, 1, 1, 4, 5, 6}}, {{0, 0, 0, 0, 1, 0}}, {{0, 0, 0, 30, 6, 1}}},
      {"one", {{1, 1, 1, 1, 1, 1}}, {{0, 0, 0, 0, 0, 0}}, {{0, 0, 0, 0, 0, 0}}},
      {"none", {{1, 1, 1, 1, 0, 3}}, {{0, 0, 0, 0, 3, 1}}, {{0, 0, 0, 0, 3, 1}}},
  };
  // Not one element more than is used: the emulator reports what is read or written beyond.
  const auto extent = [](const Dims& shape, const Dims& strides) {
    int64_t last = 0;
    for (int d = 0; d < kMaxRank; d++) last += (shape.d[d] - 1) * strides.d[d];
    return std::max<int64_t>(0, last + 1);
  };
  for (const auto& c : cases) {
    Twin twin(report, cpu, cuda, 3);
    const int64_t n = extent(c.shape, c.x);
    const auto x = twin.slot(std::vector<uint32_t>(static_cast<size_t>(n)));
    const auto y = twin.slot(std::vector<uint32_t>(static_cast<size_t>(extent(c.shape, c.y))));
    const auto numbers = twin.slot(twin.integers(n, -1000000, 1000000));
    twin.run(std::string("strided ") + c.name, [&](Side side) {
      return std::vector<Op>{Copy{4 * n, raw_in(numbers, side), raw_out(x, side)},
                             Strided{c.shape, c.x, c.y, {x.on(side)}, {y.on(side)}}};
    });
  }
}

namespace {

void cast(Report& report, Backend& cpu, Backend& cuda, int64_t n) {
  Twin twin(report, cpu, cuda, 4);
  std::vector<float> values = twin.floats(n, true);
  for (size_t i = 0; i < values.size(); i += 3) values[i] *= 1e3f;
  for (size_t i = 0; i < values.size(); i += 100) values[i] *= 1e9f;
  std::vector<int32_t> integers = twin.integers(n, INT32_MIN, INT32_MAX);
  for (size_t i = 0; i < integers.size(); i += 2) integers[i] %= 300;
  const auto f = twin.slot(values);
  const auto i = twin.slot(integers);
  const auto u = twin.slot(std::vector<uint8_t>(static_cast<size_t>(n), 250));
  const auto to_f = twin.slot(std::vector<float>(static_cast<size_t>(n)));
  const auto to_i = twin.slot(std::vector<int32_t>(static_cast<size_t>(n)));
  const auto to_u = twin.slot(std::vector<uint8_t>(static_cast<size_t>(n)));
  for (DType from : {DType::kF32, DType::kI32, DType::kU8}) {
    for (DType to : {DType::kF32, DType::kI32, DType::kU8}) {
      twin.run(std::string("cast ") + kDTypeNames[static_cast<int>(from)] + " to " +
                   kDTypeNames[static_cast<int>(to)],
               [&](Side side) {
                 const In<Raw> x = from == DType::kF32   ? raw_in(f, side)
                                   : from == DType::kI32 ? raw_in(i, side)
                                                         : raw_in(u, side);
                 const Out<Raw> y = to == DType::kF32   ? raw_out(to_f, side)
                                    : to == DType::kI32 ? raw_out(to_i, side)
                                                        : raw_out(to_u, side);
                 return std::vector<Op>{Cast{from, to, n, x, y}};
               });
    }
  }
  const auto h = twin.slot(std::vector<uint16_t>(static_cast<size_t>(n)));
  const auto to_h = twin.slot(std::vector<uint16_t>(static_cast<size_t>(n)));
  for (const auto& [from, to] : {std::pair{DType::kF32, DType::kBF16}, std::pair{DType::kBF16, DType::kF32},
                                 std::pair{DType::kBF16, DType::kBF16}}) {
    twin.run(std::string("cast ") + kDTypeNames[static_cast<int>(from)] + " to " +
                 kDTypeNames[static_cast<int>(to)],
             [&, from = from, to = to](Side side) {
               const In<Raw> x = from == DType::kF32 ? raw_in(f, side) : raw_in(h, side);
               const Out<Raw> y = to == DType::kF32     ? raw_out(to_f, side)
                                  : from == DType::kF32 ? raw_out(h, side)
                                                        : raw_out(to_h, side);
               return std::vector<Op>{Cast{from, to, n, x, y}};
             });
  }
}

}  // namespace

void cast_cases(Report& report, Backend& cpu, Backend& cuda) {
  // The last block is not full; more than four rounds of all threads.
  for (int64_t n : {int64_t{3001}, 4 * kThreadsAtOnce + 1003}) cast(report, cpu, cuda, n);
}

void random_cases(Report& report, Backend& cpu, Backend& cuda) {
  for (RandomKind kind : {RandomKind::kUniform, RandomKind::kNormal}) {
    for (int64_t n : {0, 1, 2, 3, 4, 1000, 1001, 1002, 1003, 70001}) {
      for (int64_t seed : {int64_t{0}, int64_t{123456789012345}}) {
        Twin twin(report, cpu, cuda, 5);
        const size_t shift = seed == 0 ? 0 : 1;
        const auto y = twin.slot(std::vector<float>(static_cast<size_t>(n)), shift);
        twin.run("random", [&](Side side) {
          return std::vector<Op>{Random{kind, seed, 7, n, -1.5f, 2.5f, {y.on(side)}}};
        });
      }
    }
  }
}

void dropout_cases(Report& report, Backend& cpu, Backend& cuda) {
  for (float p : {0.0f, 0.3f, 0.9f}) {
    for (int64_t n : {1, 2, 3, 5, 1000, 1002, 4096, 70003}) {
      for (size_t shift : {0, 1}) {
        Twin twin(report, cpu, cuda, 6);
        const auto step = twin.slot(std::vector<double>{17});
        const auto x = twin.slot(twin.floats(n, true), shift);
        const auto y = twin.slot(std::vector<float>(static_cast<size_t>(n)), shift);
        twin.run("dropout", [&](Side side) {
          return std::vector<Op>{Dropout{n, 42, 3, p, {step.on(side)}, {x.on(side)}, {y.on(side)}}};
        });
      }
    }
  }
}

}  // namespace adastep::test
