// Four elements that lie together, read and written at once where memory allows it: f32, bf16 or 8 bits.
#pragma once
#include <stdint.h>

#include <type_traits>


#include "core/dtype.h"
#include "core/packed.h"
#include "core/span.h"
#include "cuda/kernels/common.cuh"

namespace adastep {

using Quad = float[4];

// Where a lane reads or writes: `valid` of the four elements from here on are there.
struct Access {
  int64_t start;  // of the tile, in elements
  int offset;     // of the quad in the tile, a multiple of 4
  int valid;      // 0 to 4
};

template <class T, class Memory>
__device__ auto typed(Memory* data, int64_t at) {
  if constexpr (std::is_const_v<Memory>)
    return reinterpret_cast<const T*>(data) + at;
  else
    return reinterpret_cast<T*>(data) + at;
}

// Whether all four are there and lie where one access of this type can reach them.
template <class Vector, class T>
__device__ bool at_once(const T* tile, const Access& access) {
  return access.valid == 4 && reinterpret_cast<uintptr_t>(tile) % sizeof(Vector) == 0;
}

template <class Vector, class T>
__device__ void load_codes(const T* tile, const Access& access, T (&to)[4]) {
  const T* const from = tile + access.offset;
  if (at_once<Vector>(tile, access)) {
    const Vector all = *reinterpret_cast<const Vector*>(from);
    to[0] = all.x, to[1] = all.y, to[2] = all.z, to[3] = all.w;
    return;
  }
#pragma unroll
  for (int e = 0; e < 4; e++) to[e] = e < access.valid ? from[e] : T();
}
template <class Vector, class T>
__device__ void store_codes(T* tile, const Access& access, const T (&from)[4]) {
  T* const to = tile + access.offset;
  if (at_once<Vector>(tile, access)) {
    *reinterpret_cast<Vector*>(to) = Vector{from[0], from[1], from[2], from[3]};
    return;
  }
#pragma unroll
  for (int e = 0; e < 4; e++)
    if (e < access.valid) to[e] = from[e];
}

__device__ inline void load_f32(const float* data, const Access& access, Quad& to) {
  load_codes<float4>(data + access.start, access, to);
}
__device__ inline void store_f32(float* data, const Access& access, const Quad& from) {
  store_codes<float4>(data + access.start, access, from);
}

__device__ inline void load_bf16(const uint16_t* data, const Access& access, Quad& to) {
  uint16_t code[4];
  load_codes<ushort4>(data + access.start, access, code);
#pragma unroll
  for (int e = 0; e < 4; e++) to[e] = bf16_decode(code[e]);
}
__device__ inline void store_bf16(uint16_t* data, const Access& access, const Philox& drawn, int use,
                                  const Quad& from) {
  uint16_t code[4];
#pragma unroll
  for (int e = 0; e < 4; e++) code[e] = bf16_stochastic(from[e], random_bits(drawn, e, use));
  store_codes<ushort4>(data + access.start, access, code);
}

template <bool kSigned>
__device__ void load_u8(const uint8_t* data, const Access& access, float largest, Quad& to) {
  uint8_t code[4];
  load_codes<uchar4>(data + access.start, access, code);
#pragma unroll
  for (int e = 0; e < 4; e++) to[e] = Code<kSigned>::decode(code[e]) * largest;
}
template <bool kSigned>
__device__ void store_u8(uint8_t* data, const Access& access, float largest, const Philox& drawn, int use,
                         const Quad& from) {
  uint8_t code[4];
#pragma unroll
  for (int e = 0; e < 4; e++)
    code[e] = static_cast<uint8_t>(
        Code<kSigned>::encode(relative_to(largest, from[e]), random_bits(drawn, e, use)));
  store_codes<uchar4>(data + access.start, access, code);
}

// f32 or bf16.
__device__ inline void load_real(DType dtype, const Raw* data, const Access& access, Quad& to) {
  if (dtype == DType::kF32)
    load_f32(typed<float>(data, 0), access, to);
  else
    load_bf16(typed<uint16_t>(data, 0), access, to);
}

}  // namespace adastep
