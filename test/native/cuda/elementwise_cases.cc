#include <algorithm>

#include "core/elementwise.h"
#include "twin.h"

namespace adastep::test {

namespace {
// Four rounds of all threads that the emulated GPU has at once, four elements each: the compiler unrolls by
// four. Without vectors 70003 elements are as many.
constexpr int64_t kRounds = 4 * 4 * 16384;
}  // namespace

void unary_cases(Report& report, Backend& cpu, Backend& cuda) {
  // All functions with the small sizes first: the mutants of scripts/mutants.mjs are found the sooner.
  for (int64_t n :
       {int64_t{0}, int64_t{1}, int64_t{3}, int64_t{4}, int64_t{1023}, int64_t{70003}, kRounds + 1003}) {
    for (int fn = 0; fn < numerics::kUnaryFnCount; fn++) {
      for (size_t shift : {0, 1}) {
        if (shift == 1 && n > kRounds) continue;
        Twin twin(report, cpu, cuda, 1);
        const auto x = twin.slot(twin.floats(n, true), shift);
        const auto y = twin.slot(std::vector<float>(static_cast<size_t>(n)), shift);
        twin.run(std::string("unary ") + kUnaryFnNames[fn], [&](Side side) {
          return std::vector<Op>{
              Unary{static_cast<UnaryFn>(fn), n, 1.5f, -0.25f, {x.on(side)}, {y.on(side)}}};
        });
        if (shift == 0 && n > 4 && n < kRounds) {
          twin.run(std::string("unary in place ") + kUnaryFnNames[fn], [&](Side side) {
            return std::vector<Op>{
                Unary{static_cast<UnaryFn>(fn), n, 1.5f, -0.25f, {x.on(side)}, {x.on(side)}}};
          });
        }
      }
    }
  }
}

void binary_cases(Report& report, Backend& cpu, Backend& cuda) {
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
      {"longer", {{1, 1, 1, 1, 1, kRounds + 1003}}, {{0, 0, 0, 0, 0, 1}}, {{0, 0, 0, 0, 0, 1}}},
      {"none", {{1, 1, 1, 1, 0, 3}}, {{0, 0, 0, 0, 3, 1}}, {{0, 0, 0, 0, 3, 1}}},
  };
  for (const auto& c : cases) {
    for (int fn = 0; fn < numerics::kBinaryFnCount; fn++) {
      for (size_t shift : {0, 1}) {
        if (shift == 1 && c.shape.d[5] > kRounds) continue;
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

}  // namespace adastep::test
