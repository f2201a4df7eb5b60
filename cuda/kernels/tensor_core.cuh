// The instructions of tensor cores, and what goes with them (PTX manual, 9.7.14.5). They exist from compute
// capability 8.0 on; no kernel that uses them is launched on an older GPU.
#pragma once
#include <stdint.h>

namespace adastep {

__device__ inline uint32_t shared_address(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// Two words to shared memory, at a multiple of 8 bytes, at once: the compiler takes some of such stores
// apart.
__device__ inline void store_two(uint32_t* to, uint32_t first, uint32_t second) {
  asm volatile("st.shared.v2.u32 [%0], {%1, %2};" ::"r"(shared_address(to)), "r"(first), "r"(second)
               : "memory");
}

// Two floats rounded to bf16, the first in the low half: to the nearest, ties to even.
__device__ inline uint32_t round_bf16(float low, float high) {
  uint32_t both = 0;
#if __CUDA_ARCH__ >= 800
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
#else
  __trap();
#endif
  return both;
}

// Four 8 x 8 matrices of 16-bit elements, of which lanes 8 i to 8 i + 7 give the addresses of the rows of
// matrix i. A lane receives of each matrix two neighbours of row lane / 4.
__device__ inline void load_matrices(uint32_t row, uint32_t (&to)[4]) {
#if __CUDA_ARCH__ >= 800
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(row)
               : "memory");
#else
  __trap();
#endif
}

// sum += A B with A 16 x 16 and B 16 x 8 in bf16. With g = lane / 4 and t = lane % 4 a lane holds of
//   A: rows g and g + 8, columns 2 t and 2 t + 1, then those 8 further;
//   B: column g, rows as the columns of A;
//   sum: row g, columns 2 t and 2 t + 1; then row g + 8.
__device__ inline void multiply_bf16(const uint32_t (&a)[4], uint32_t b0, uint32_t b1, float (&sum)[4]) {
#if __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#else
  __trap();
#endif
}

}  // namespace adastep
