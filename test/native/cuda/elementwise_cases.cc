#include <algorithm>

#include "core/elementwise.h"
#include "twin.h"

namespace adastep::test {

namespace {

void unary(Report& report, Backend& cpu, Backend& cuda) {
  for (int fn = 0; fn < numerics::kUnaryFnCount; fn++) {
    for (int64_t n : {0, 1, 3, 4, 1023, 70003}) {
      for (size_t shift : {0, 1}) {
        Twin twin(report, cpu, cuda, 1);
        const auto x = twin.slot(twin.floats(n, true), shift);
        const auto y = twin.slot(std::vector<float>(static_cast<size_t>(n)), shift);
        twin.run(std::string("unary ") + kUnaryFnNames[fn], [&](Side side) {
          return std::vector<Op>{
              Unary{static_cast<UnaryFn>(fn), n, 1.5f, -0.25f, {x.on(side)}, {y.on(side)}}};
        });
        if (shift == 0 && n > 4) {
          twin.run(std::string("unary in place ") + kUnaryFnNames[fn], [&](Side side) {
            return std::vector<Op>{
                Unary{static_cast<UnaryFn>(fn), n, 1.5f, -0.25f, {x.on(side)}, {x.on(side)}}};
          });
        }
      }
    }
  }
}

void binary(Report& report, Backend& cpu, Backend& cuda) {
  struct {
    const char* name;
    Dims shape, a, b;
  } const cases[] = {
      {"contiguous", {{1, 1, 1, 7, 11, 13}}, {{0, 0, 0, 143, 13, 1}}, {{0, 0, 0, 143, 13, 1}}},
      {"row", {{1, 1, 1, 1, 37, 29}}, {{0, 0, 0, 0, 29, 1}}, {{0, 0, 0, 0, 0, 1}}},
      {"column", {{1, 1, 1, 1, 37, 29}}, {{0, 0, 0, 0, 29, 1}}, {{0, 0, 0, 0, 1, 0}}},
      {"scalar", {{1, 1, 1, 1, 1, 1000}}, {{0, 0, 0, 0, 0, 1}}, {{0, 0, 0, 0, 0, 0}}},
      {"scalars", {{1, 1, 1, 1, 1, 100}}, {{0, 0, 0, 0, 0, 0}}, {{0, 0, 0, 0, 0, 0}}},
      {"six", {{2, 3, 2, 3, 2, 5}}, {{90, 0, 15, 5, 0, 1}}, {{1, 2, 6, 12, 36, 72}}},
      {"long", {{1, 1, 1, 1, 1, 70003}}, {{0, 0, 0, 0, 0, 1}}, {{0, 0, 0, 0, 0, 1}}},
      {"long rows", {{1, 1, 1, 1, 300, 71}}, {{0, 0, 0, 0, 71, 1}}, {{0, 0, 0, 0, 0, 1}}},
      {"none", {{1, 1, 1, 1, 0, 3}}, {{0, 0, 0, 0, 3, 1}}, {{0, 0, 0, 0, 3, 1}}},
  };
  for (int fn = 0; fn < numerics::kBinaryFnCount; fn++) {
    for (const auto& c : cases) {
      for (size_t shift : {0, 1}) {
        Twin twin(report, cpu, cuda, 2);
        const int64_t n = std::max<int64_t>(2000, c.shape.d[4] * c.shape.d[5]);
        const auto a = twin.slot(twin.floats(n, true), shift);
        const auto b = twin.slot(twin.floats(n, true), shift);
        const auto y = twin.slot(std::vector<float>(static_cast<size_t>(n)), shift);
        twin.run(std::string("binary ") + kBinaryFnNames[fn] + " " + c.name, [&](Side side) {
          return std::vector<Op>{
              Binary{static_cast<BinaryFn>(fn), c.shape, c.a, c.b, {a.on(side)}, {b.on(side)}, {y.on(side)}}};
        });
      }
    }
  }
}

}  // namespace

void elementwise_cases(Report& report, Backend& cpu, Backend& cuda) {
  unary(report, cpu, cuda);
  binary(report, cpu, cuda);
}

}  // namespace adastep::test
