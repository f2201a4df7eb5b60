// Every kernel of the CPU, compiled once per instruction-set level (ADASTEP_NUMERICS names it). C headers
// only: an inline function of the C++ library compiled here with AVX-512 could replace the baseline's.
#include "cpu/kernels.h"

#include "cpu/accumulate.h"
#include "cpu/bag.h"
#include "cpu/clip.h"
#include "cpu/elementwise.h"
#include "cpu/embedding.h"
#include "cpu/gemm.h"
#include "cpu/memory_ops.h"
#include "cpu/norm.h"
#include "cpu/random.h"
#include "cpu/reduce.h"
#include "cpu/softmax.h"
#include "cpu/sort_rows.h"
#include "cpu/sparse.h"
#include "cpu/sums.h"
#include "cpu/update.h"
#include "cpu/window.h"

#define ADASTEP_JOIN_(a, b) a##b
#define ADASTEP_JOIN(a, b) ADASTEP_JOIN_(a, b)

namespace adastep::cpu {

const Kernels ADASTEP_JOIN(kernels_, ADASTEP_NUMERICS) = {
#define ADASTEP_KERNEL(op) &ADASTEP_NUMERICS::run,
    ADASTEP_FOR_EACH_OP(ADASTEP_KERNEL)
#undef ADASTEP_KERNEL
};

}  // namespace adastep::cpu
