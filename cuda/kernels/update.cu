// The optimizer step: one template over the rules, one pass over parameters, gradients and states. A warp has
// a tile; each lane has eight elements at a time, in two quads 128 elements apart: 16 bytes per access where
// memory allows it.
#include <type_traits>

#include "core/apply.h"
#include "cuda/kernels/sums.cuh"

using namespace adastep;

namespace {

constexpr int kQuads = 2;
using Eight = float[kQuads][4];

// The elements of a quad that there are: 0 to 4.
__device__ int valid_of(int n, int first) { return n - first < 0 ? 0 : n - first < 4 ? n - first : 4; }

__device__ void load_floats(const float* from, int valid, bool vector, float (&to)[4]) {
  if (vector && valid == 4) {
    const float4 all = quad(from);
    to[0] = all.x, to[1] = all.y, to[2] = all.z, to[3] = all.w;
    return;
  }
#pragma unroll
  for (int e = 0; e < 4; e++) to[e] = e < valid ? from[e] : 0.0f;
}
__device__ void store_floats(float* to, int valid, bool vector, const float (&from)[4]) {
  if (vector && valid == 4) {
    quad(to) = make_float4(from[0], from[1], from[2], from[3]);
    return;
  }
#pragma unroll
  for (int e = 0; e < 4; e++)
    if (e < valid) to[e] = from[e];
}

__device__ void load_halves(const uint16_t* from, int valid, bool vector, float (&to)[4]) {
  if (vector && valid == 4) {
    const ushort4 all = *reinterpret_cast<const ushort4*>(from);
    to[0] = bf16_decode(all.x), to[1] = bf16_decode(all.y), to[2] = bf16_decode(all.z),
    to[3] = bf16_decode(all.w);
    return;
  }
#pragma unroll
  for (int e = 0; e < 4; e++) to[e] = e < valid ? bf16_decode(from[e]) : 0.0f;
}
__device__ void store_halves(uint16_t* to, int valid, bool vector, const float (&from)[4],
                             const Philox& drawn, int use) {
  uint16_t code[4];
#pragma unroll
  for (int e = 0; e < 4; e++) code[e] = bf16_stochastic(from[e], random_bits(drawn, e, use));
  if (vector && valid == 4) {
    *reinterpret_cast<ushort4*>(to) = make_ushort4(code[0], code[1], code[2], code[3]);
    return;
  }
#pragma unroll
  for (int e = 0; e < 4; e++)
    if (e < valid) to[e] = code[e];
}

template <bool kSigned>
__device__ void load_codes(const uint8_t* from, int valid, bool vector, float scale, float (&to)[4]) {
  uint32_t code[4] = {};
  if (vector && valid == 4) {
    const uchar4 all = *reinterpret_cast<const uchar4*>(from);
    code[0] = all.x, code[1] = all.y, code[2] = all.z, code[3] = all.w;
  } else {
#pragma unroll
    for (int e = 0; e < 4; e++)
      if (e < valid) code[e] = from[e];
  }
#pragma unroll
  for (int e = 0; e < 4; e++) to[e] = Code<kSigned>::decode(code[e]) * scale;
}
template <bool kSigned>
__device__ void store_codes(uint8_t* to, int valid, bool vector, float largest, const float (&from)[4],
                            const Philox& drawn, int use) {
  uint32_t code[4];
#pragma unroll
  for (int e = 0; e < 4; e++)
    code[e] = Code<kSigned>::encode(relative_to(largest, from[e]), random_bits(drawn, e, use));
  if (vector && valid == 4) {
    *reinterpret_cast<uchar4*>(to) = make_uchar4(code[0], code[1], code[2], code[3]);
    return;
  }
#pragma unroll
  for (int e = 0; e < 4; e++)
    if (e < valid) to[e] = static_cast<uint8_t>(code[e]);
}

__device__ bool aligned(const void* data, int bytes) {
  return reinterpret_cast<uintptr_t>(data) % bytes == 0;
}
template <class T>
__device__ T* typed(Raw* data, int64_t at) {
  return reinterpret_cast<T*>(data) + at;
}
template <class T>
__device__ const T* typed(const Raw* data, int64_t at) {
  return reinterpret_cast<const T*>(data) + at;
}

// One tile and the lane's place in it.
template <class Rule>
struct TileUpdate {
  const Update& op;
  const Control& control;
  const Tile& tile;
  int first;  // of the lane's first quad; the second is 128 elements on

  __device__ int at(int q) const { return first + 4 * kLanes * q; }
  __device__ int valid(int q) const { return valid_of(tile.n, at(q)); }

  __device__ void load(DType type, const Raw* data, int64_t start, Eight& to) const {
#pragma unroll
    for (int q = 0; q < kQuads; q++) {
      if (type == DType::kF32) {
        const float* const from = typed<float>(data, start);
        load_floats(from + at(q), valid(q), aligned(from, 16), to[q]);
      } else {
        const uint16_t* const from = typed<uint16_t>(data, start);
        load_halves(from + at(q), valid(q), aligned(from, 8), to[q]);
      }
    }
  }
  template <int kState>
  __device__ void load_state(Eight& to) {
    if (op.state_type != DType::kU8) return load(op.state_type, op.state[kState].data, tile.state, to);
    if constexpr (kState < kMaxPackedStates) {
      const uint8_t* const from = typed<uint8_t>(op.state[kState].data, tile.state);
      const float scale = op.largest[kState].data[(tile.state + first) / kScaleBlock];
#pragma unroll
      for (int q = 0; q < kQuads; q++)
        load_codes<kState != Rule::kSecond>(from + at(q), valid(q), aligned(from, 4), scale, to[q]);
    }
  }

  __device__ void store_f32(float* data, int64_t start, const Eight& from) const {
    float* const to = data + start;
#pragma unroll
    for (int q = 0; q < kQuads; q++) store_floats(to + at(q), valid(q), aligned(to, 16), from[q]);
  }
  __device__ void store_bf16(uint16_t* data, int64_t start, uint32_t stream, int use,
                             const Eight& from) const {
    uint16_t* const to = data + start;
#pragma unroll
    for (int q = 0; q < kQuads; q++)
      store_halves(to + at(q), valid(q), aligned(to, 8), from[q],
                   draw(op, control, stream, tile.state + at(q)), use);
  }
  template <int kState>
  __device__ void store_state(const Eight& from) const {
    if (op.state_type == DType::kF32)
      return store_f32(typed<float>(op.state[kState].data, 0), tile.state, from);
    if constexpr (kState < kMaxPackedStates) {
      if (op.state_type == DType::kBF16)
        return store_bf16(typed<uint16_t>(op.state[kState].data, 0), tile.state, kDrawStates, kState, from);
      float most = 0.0f;
#pragma unroll
      for (int q = 0; q < kQuads; q++)
#pragma unroll
        for (int e = 0; e < 4; e++) most = max_(most, e < valid(q) ? abs_(from[q][e]) : 0.0f);
      most = fold_warp<MaxFold>(most);
      if (threadIdx.x % kLanes == 0) op.largest[kState].data[(tile.state + first) / kScaleBlock] = most;
      uint8_t* const to = typed<uint8_t>(op.state[kState].data, tile.state);
#pragma unroll
      for (int q = 0; q < kQuads; q++)
        store_codes<kState != Rule::kSecond>(to + at(q), valid(q), aligned(to, 4), most, from[q],
                                             draw(op, control, kDrawStates, tile.state + at(q)), kState);
    }
  }

  // What is made of the new parameters.
  __device__ void store_parameters(const Eight& p) const {
    if (op.dtype == DType::kF32)
      store_f32(typed<float>(op.p.data, 0), tile.p, p);
    else
      store_bf16(typed<uint16_t>(op.p.data, 0), tile.p, kDrawParameters, 0, p);
    if (op.copy.data) store_bf16(op.copy.data, tile.state, kDrawParameters, 1, p);
    if (!op.average.data) return;
    Eight average;
    load(DType::kF32, reinterpret_cast<const Raw*>(op.average.data), tile.state, average);
    const float keep = control.average, take = 1.0f - control.average;
#pragma unroll
    for (int q = 0; q < kQuads; q++)
#pragma unroll
      for (int e = 0; e < 4; e++) average[q][e] = fma_(keep, average[q][e], take * p[q][e]);
    store_f32(op.average.data, tile.state, average);
  }
};

template <class Rule, int kState = 0, class F>
__device__ void for_states(F f) {
  if constexpr (kState < Rule::kStates) {
    f(std::integral_constant<int, kState>());
    for_states<Rule, kState + 1>(f);
  }
}

// 256 elements of a tile; adds what is watched to the lane's sums.
template <class Rule>
__device__ void update_block(TileUpdate<Rule>& block, const Prepared<Rule>& rule, float level,
                             float (&sums)[kSums]) {
  const Update& op = block.op;
  Eight p, g, state[Rule::kStates > 0 ? Rule::kStates : 1];
  block.load(op.dtype, op.g.data, block.tile.g, g);
  block.load(op.dtype, op.p.data, block.tile.p, p);
  for_states<Rule>([&](auto s) { block.template load_state<decltype(s)::value>(state[decltype(s)::value]); });
#pragma unroll
  for (int q = 0; q < kQuads; q++) {
    Seen seen[4];
#pragma unroll
    for (int e = 0; e < 4; e++) {
      float mine[kMaxStates];
#pragma unroll
      for (int s = 0; s < Rule::kStates; s++) mine[s] = state[s][q][e];
      const float before = p[q][e], direction = Rule::kDirection >= 0
                                                    ? mine[Rule::kDirection < 0 ? 0 : Rule::kDirection]
                                                    : 0.0f;
      const float gradient = rule.gradient(g[q][e]);
      p[q][e] = rule.apply(before, gradient, mine);
#pragma unroll
      for (int s = 0; s < Rule::kStates; s++) state[s][q][e] = mine[s];
      const float second = Rule::kSecond >= 0 ? mine[Rule::kSecond < 0 ? 0 : Rule::kSecond] : 0.0f;
      if (level > 0.0f)
        seen[e] = e < block.valid(q) ? watch<Rule>(before, p[q][e], gradient, direction, second) : Seen{};
    }
    if (level > 0.0f) add_quad(seen, sums);
  }
  if (op.measure) return;
  for_states<Rule>(
      [&](auto s) { block.template store_state<decltype(s)::value>(state[decltype(s)::value]); });
  block.store_parameters(p);
}

template <class Rule>
__device__ void update(const Update& op) {
  Control control;
  read_words(control, op.prepared.data);
  if (control.skip != 0.0f) return;
  const float level = op.measure ? 2.0f : (op.partial.data ? control.watch : 0.0f);
  for (int64_t index = WarpGroup::first(); index < op.tiles; index += WarpGroup::stride()) {
    const Tile tile = tile_of(op, index);
    if (tile.n == 0) continue;
    const Prepared<Rule> rule(op, control, tile);
    float sums[kSums] = {};
    for (int first = 0; first < tile.n; first += kScaleBlock) {
      TileUpdate<Rule> block = {op, control, tile, first + 4 * WarpGroup::begin()};
      update_block(block, rule, level, sums);
    }
    if (level > 0.0f)
      store_sums(sums, level > 1.0f ? kSums : kGradientSums, op.partial.data + tile.row, op.tiles_in_all);
  }
}

}  // namespace

#define ADASTEP_UPDATE(type, name, states)                                                  \
  extern "C" __global__ void __launch_bounds__(kThreads) adastep_update_##type(Update op) { \
    update<type>(op);                                                                       \
  }
ADASTEP_FOR_EACH_RULE(ADASTEP_UPDATE)
#undef ADASTEP_UPDATE

// One thread: the scalars of a step are a few dozen operations in double.
extern "C" __global__ void adastep_advance(Advance op) {
  __shared__ double room[kWindow];
  advance(op, room);
}
