// OpenBLAS and oneDNN on the product of a Gemm (no batch, no epilogue).
#pragma once
#include <string>

#include "core/ops/gemm.h"

namespace adastep {

void openblas_gemm(const Gemm& op);
void onednn_gemm(const Gemm& op);
void set_peer_threads(int threads);
// Version and kernel of each: OpenBLAS picks its own, or obeys OPENBLAS_CORETYPE.
std::string peer_names();

}  // namespace adastep
