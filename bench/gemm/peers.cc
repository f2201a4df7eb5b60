#include "peers.h"

#include <cblas.h>
#include <dnnl.h>
#include <omp.h>

#include <cstdlib>

namespace adastep {

void openblas_gemm(const Gemm& op) {
  cblas_sgemm(CblasRowMajor, op.trans_a ? CblasTrans : CblasNoTrans, op.trans_b ? CblasTrans : CblasNoTrans,
              op.m, op.n, op.k, op.alpha, op.a.data, op.lda, op.b.data, op.ldb, op.beta, op.c.data, op.ldc);
}

void onednn_gemm(const Gemm& op) {
  const dnnl_status_t status =
      dnnl_sgemm(op.trans_a ? 'T' : 'N', op.trans_b ? 'T' : 'N', op.m, op.n, op.k, op.alpha, op.a.data,
                 op.lda, op.b.data, op.ldb, op.beta, op.c.data, op.ldc);
  if (status != dnnl_success) std::abort();
}

void set_peer_threads(int threads) {
  openblas_set_num_threads(threads);
  omp_set_num_threads(threads);
}

std::string peer_names() {
  const dnnl_version_t* version = dnnl_version();
  return std::string(openblas_get_config()) + ", kernel " + openblas_get_corename() + "; oneDNN " +
         std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->patch) + ", effective ISA number " +
         std::to_string(static_cast<int>(dnnl_get_effective_cpu_isa()));
}

}  // namespace adastep
