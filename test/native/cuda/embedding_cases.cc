#include "twin.h"

namespace adastep::test {

void embedding_cases(Report& report, Backend& cpu, Backend& cuda) {
  // The last lane that has a column is any of those that a warp has for a tile of 128.
  struct {
    int64_t rows, vocabulary, dim;
  } const shapes[] = {{0, 5, 8},        {1, 1, 1},      {50, 7, 3},  {200, 40, 64}, {100, 3, 130},
                      {300, 1000, 300}, {1000, 2, 129}, {9, 2, 100}, {40, 3, 208}};
  for (const auto& s : shapes) {
    Twin twin(report, cpu, cuda, 1);
    const auto table = twin.slot(twin.floats(s.vocabulary * s.dim));
    const auto indices = twin.slot(twin.integers(s.rows, 0, static_cast<int32_t>(s.vocabulary) - 1));
    const auto y = twin.slot(std::vector<float>(static_cast<size_t>(s.rows * s.dim)));
    const auto gy = twin.slot(twin.floats(s.rows * s.dim));
    const auto gtable = twin.slot(twin.floats(s.vocabulary * s.dim));
    twin.run("embedding " + std::to_string(s.rows) + "x" + std::to_string(s.dim), [&](Side side) {
      return std::vector<Op>{
          Embedding{s.rows, s.vocabulary, s.dim, {table.on(side)}, {indices.on(side)}, {y.on(side)}},
          EmbeddingGrad{s.rows, s.vocabulary, s.dim, {indices.on(side)}, {gy.on(side)}, {gtable.on(side)}}};
    });
  }
}

}  // namespace adastep::test
