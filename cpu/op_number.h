// The place of each operation in FOR_EACH_OP (op_index of core/op.h) without the C++ library: kFillNumber,
// ...
#pragma once
#include "core/ops.h"

namespace adastep {

enum OpNumber : int32_t {
#define ADASTEP_NUMBER(op) k##op##Number,
  ADASTEP_FOR_EACH_OP(ADASTEP_NUMBER)
#undef ADASTEP_NUMBER
};

}  // namespace adastep
