// The CPU backend without Node: `cmake -S test/native -B build/native && cmake --build build/native && ctest
// --test-dir build/native`.
#include <cstdio>

#include "check.h"

int main() {
  using namespace adastep::test;
  test_elementwise();
  test_memory();
  test_reduce();
  test_softmax();
  test_norm();
  test_embedding();
  test_update();
  test_sums();
  test_clip();
  test_packed();
  test_guard();
  test_rows();
  test_sparse();
  test_gemm();
  test_window();
  test_accumulate();
  check_all_ops_seen();
  test_pool();
  test_backend();
  std::printf("%d passed, %d failed\n", passes(), failures());
  return failures() == 0 ? 0 : 1;
}
