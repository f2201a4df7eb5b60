#include "check.h"
#include "cpu/op_number.h"

namespace adastep::test {

namespace {

// Position 9 and (with more than 20 rows) position 20 hold indices out of range.
void embedding_case(int64_t rows, int64_t vocabulary, int64_t dim) {
  const std::vector<float> table = numbers(vocabulary * dim), gy = numbers(rows * dim);
  std::vector<int32_t> indices;
  std::vector<double> y;
  std::vector<float> gtable = numbers(vocabulary * dim);
  const std::vector<float> before = gtable;
  for (int64_t r = 0; r < rows; r++) {
    const int64_t index = r == 9 ? -3 : r == 20 ? vocabulary : r * r % vocabulary;
    const bool valid = index >= 0 && index < vocabulary;
    indices.push_back(static_cast<int32_t>(index));
    for (int64_t j = 0; j < dim; j++) {
      y.push_back(valid ? table[static_cast<size_t>(index * dim + j)] : 0);
      if (valid) gtable[static_cast<size_t>(index * dim + j)] += gy[static_cast<size_t>(r * dim + j)];
    }
  }
  const std::string name = "embedding " + std::to_string(rows) + " " + std::to_string(dim);
  run_case(
      name, {in(table), in(indices), out(y, 0)},
      [=](const auto& d) {
        return Embedding{
            rows, vocabulary, dim, input<float>(d[0]), input<int32_t>(d[1]), output<float>(d[2])};
      },
      rows > 9 ? Fault{kEmbeddingNumber, 9, -3, vocabulary} : kNoFault);
  run_case(
      name + " gradient", {in(indices), in(gy), inout(before, {gtable.begin(), gtable.end()}, 0)},
      [=](const auto& d) {
        return EmbeddingGrad{
            rows, vocabulary, dim, input<int32_t>(d[0]), input<float>(d[1]), both<float>(d[2])};
      },
      rows > 9 ? Fault{kEmbeddingGradNumber, 9, -3, vocabulary} : kNoFault);
}

}  // namespace

void test_embedding() {
  embedding_case(8, 5, 3);
  embedding_case(1000, 77, 100);
  embedding_case(4000, 50, 5);
  embedding_case(0, 5, 3);
}

}  // namespace adastep::test
