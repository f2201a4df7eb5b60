// Tiles as f32: what is bf16 or 8 bits in memory is decoded into a room before a tile is worked on, and
// encoded after; and the sums over a tile.
#pragma once
#include "core/apply.h"
#include "cpu/tree.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

static inline const uint16_t* halves(const Raw* data, int64_t at) {
  return reinterpret_cast<const uint16_t*>(data) + at;
}
static inline uint16_t* halves(Raw* data, int64_t at) { return reinterpret_cast<uint16_t*>(data) + at; }
static inline const float* floats(const Raw* data, int64_t at) {
  return reinterpret_cast<const float*>(data) + at;
}
static inline float* floats(Raw* data, int64_t at) { return reinterpret_cast<float*>(data) + at; }
static inline uint8_t* codes(Raw* data, int64_t at) { return reinterpret_cast<uint8_t*>(data) + at; }

static inline size_t bytes_of(int n) { return sizeof(float) * static_cast<size_t>(n); }

static const float* decode_bf16(const uint16_t* from, int n, float* to) {
  ADASTEP_INDEPENDENT
  for (int i = 0; i < n; ++i) to[i] = bf16_decode(from[i]);
  return to;
}

// f(first, n, number) for each block of a tile that shares a scale.
template <class F>
static inline void for_blocks(int n, const F& f) {
  constexpr int kBlock = static_cast<int>(kScaleBlock);
  for (int first = 0; first < n; first += kBlock)
    f(first, n - first < kBlock ? n - first : kBlock, first / kBlock);
}

template <bool kSigned>
static void decode_u8(const uint8_t* tile, const float* largest, int n, float* room) {
  for_blocks(n, [=](int first, int count, int number) {
    const uint8_t* const from = tile + first;
    float* const to = room + first;
    const float scale = largest[number];
    ADASTEP_INDEPENDENT
    for (int i = 0; i < count; ++i) to[i] = Code<kSigned>::decode(from[i]) * scale;
  });
}

// The random words of a tile's elements, word[i % 4][i / 4] for element i: 16 bits for each of two uses.
struct Drawn {
  uint32_t word[4][kTile / 4];

  // Out of line: a call is for a thousand elements.
  __attribute__((noinline)) void fill(const Update& op, const Control& control, uint32_t stream,
                                      int64_t place, int n) {
    const uint64_t seed = static_cast<uint64_t>(op.seed);
    const uint32_t attempt = control.attempt;
    const int quads = (n + 3) / 4;
    ADASTEP_INDEPENDENT
    for (int q = 0; q < quads; ++q) {
      const Philox drawn = philox(seed, static_cast<uint64_t>(place + 4 * q), stream, attempt);
      for (int e = 0; e < 4; ++e) word[e][q] = drawn.word[e];
    }
  }
  uint32_t bits(int i, int use) const { return word[i % 4][i / 4] >> (16 * use) & 0xffff; }
};

static void encode_bf16(const Drawn& drawn, int use, int n, const float* from, uint16_t* to) {
  ADASTEP_INDEPENDENT
  for (int i = 0; i < n; ++i) to[i] = bf16_stochastic(from[i], drawn.bits(i, use));
}

template <bool kSigned>
static void encode_u8(const Drawn& drawn, int use, int n, const float* room, uint8_t* tile, float* largest) {
  for_blocks(n, [=, &drawn](int first, int count, int number) {
    const float* const from = room + first;
    uint8_t* const to = tile + first;
    float most = 0.0f;
    for (int i = 0; i < count; ++i) most = max_(most, abs_(from[i]));
    largest[number] = most;
    ADASTEP_INDEPENDENT
    for (int i = 0; i < count; ++i)
      to[i] =
          static_cast<uint8_t>(Code<kSigned>::encode(relative_to(most, from[i]), drawn.bits(first + i, use)));
  });
}

// Adds term(i), i < n, to the sum of a tile as core/apply.h says: by quads, to the lane of each.
constexpr int kRound = 4 * kLanes;  // elements: a quad for each lane
template <bool kLargest, class Term>
static inline void add_round(float (&lane)[kLanes], int n, const Term& term) {
  float terms[kRound];
  const int quads = (n + 3) / 4;
  for (int i = n; i < 4 * quads; ++i) terms[i] = 0.0f;
  ADASTEP_INDEPENDENT
  for (int i = 0; i < n; ++i) terms[i] = term(i);
  ADASTEP_INDEPENDENT
  for (int l = 0; l < quads; ++l) {
    const float quad = fold_quad(terms + 4 * l, kLargest);
    lane[l] = kLargest ? max_(lane[l], quad) : lane[l] + quad;
  }
}
// partial[column * stride] = the fold of term(column, i) over i < n, for the columns from kFirst on.
template <int kColumns, int kFirst = 0, class Terms>
static inline void sum_tile(int n, float* partial, int64_t stride, const Terms& terms) {
  if constexpr (kFirst < kColumns) {
    constexpr bool kLargest = kFirst == kSums - 1;
    float lane[kLanes] = {};
    for (int first = 0; first < n; first += kRound)
      add_round<kLargest>(lane, n - first < kRound ? n - first : kRound,
                          [&terms, first](int i) { return terms(first + i).terms[kFirst]; });
    partial[kFirst * stride] = kLargest ? fold_lanes<MaxFold>(lane) : fold_lanes<SumFold>(lane);
    sum_tile<kColumns, kFirst + 1>(n, partial, stride, terms);
  }
}

constexpr int64_t kTilesPerTask = kGrain / kTile;

// f(tile) for each tile that the table has.
template <class Op, class F>
static inline void for_tiles(const Op& op, const cpu::Parallel& parallel, const F& f) {
  for_parts(parallel, op.tiles, kTilesPerTask, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const Tile tile = tile_of(op, i, ReadWords());
      if (tile.n > 0) f(tile);
    }
  });
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
