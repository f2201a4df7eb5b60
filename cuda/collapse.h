// Strided operations in as few dimensions as possible: each dimension costs a kernel one division.
#pragma once
#include "core/span.h"

namespace adastep::cuda {

// Drops dimensions of 1 and merges neighbours that both arrays walk as one. The result is padded in front, as
// Dims are; returns its rank, at least 1. No dimension may be 0.
int collapse(Dims& shape, Dims& first, Dims& second);

}  // namespace adastep::cuda
