// Words from TypeScript -> operations. The one place where what crosses the boundary is checked: after it, an
// operation touches only memory that it may touch, whatever the words were.
//
// A list is a sequence of numbers (doubles): the index of the operation, then its fields in the order of its
// `visit`: choices, counts and flags as integers, reals as they are, dims as kMaxRank counts, a span as two
// numbers: an index into the list of buffers (-1 = absent, where the operation allows it) and a byte offset.
#pragma once
#include <memory>
#include <vector>

#include "core/op.h"
#include "core/pool.h"

namespace adastep {

// Throws kArgument, naming the operation, the field, what it got and what is accepted.
std::vector<Op> decode(const double* words, size_t count,
                       const std::vector<std::shared_ptr<Storage>>& buffers);

}  // namespace adastep
