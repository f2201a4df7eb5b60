#include "cuda/collapse.h"

namespace adastep::cuda {

int collapse(Dims& shape, Dims& first, Dims& second) {
  Dims to_shape, to_first, to_second;
  for (int d = 0; d < kMaxRank; d++) to_shape.d[d] = 1, to_first.d[d] = to_second.d[d] = 0;
  int rank = 0;  // dimensions written, from the last one on
  for (int d = kMaxRank - 1; d >= 0; d--) {
    if (shape.d[d] == 1) continue;
    const int inner = kMaxRank - rank;
    const bool merges = rank > 0 && first.d[d] == to_first.d[inner] * to_shape.d[inner] &&
                        second.d[d] == to_second.d[inner] * to_shape.d[inner];
    if (merges) {
      to_shape.d[inner] *= shape.d[d];
      continue;
    }
    rank++;
    to_shape.d[inner - 1] = shape.d[d];
    to_first.d[inner - 1] = first.d[d];
    to_second.d[inner - 1] = second.d[d];
  }
  shape = to_shape, first = to_first, second = to_second;
  return rank > 0 ? rank : 1;
}

}  // namespace adastep::cuda
