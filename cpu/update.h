// The optimizer step: one loop for every rule, tile by tile. What is not f32 in memory is f32 in a room of
// its own while a tile is worked on.
#pragma once
#include "core/apply.h"
#include "cpu/tree.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

static void run(const Advance& op, const cpu::Parallel&) {
  double room[kWindow];
  advance(op, room);
}

constexpr int64_t kTilesPerTask = kGrain / kTile;

// f(tile) for each tile.
template <class F>
static inline void for_tiles(const cpu::Parallel& parallel, int64_t tiles, const F& f) {
  for_parts(parallel, tiles, kTilesPerTask, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) f(i);
  });
}

// The arrays of a tile as f32: memory itself, or a room.
struct TileRoom {
  float p[kTile], g[kTile], before[kTile], direction[kTile];
  float state[kMaxStates][kTile];
};
struct TileArrays {
  float* p;
  const float* g;
  float* state[kMaxStates];
};

static const float* decode_bf16(const uint16_t* from, int n, float* to) {
  ADASTEP_INDEPENDENT
  for (int i = 0; i < n; ++i) to[i] = bf16_decode(from[i]);
  return to;
}
template <bool kSigned>
static void decode_codes(const uint8_t* from, const float* largest, int n, float* to) {
  for (int first = 0; first < n; first += kScaleBlock) {
    const float scale = largest[first / kScaleBlock];
    const int last = n - first < kScaleBlock ? n : first + static_cast<int>(kScaleBlock);
    ADASTEP_INDEPENDENT
    for (int i = first; i < last; ++i) to[i] = Code<kSigned>::decode(from[i]) * scale;
  }
}
// Whether a state is a mean of squares: its codes have no sign.
template <class Rule>
constexpr bool is_signed(int s) {
  return s != Rule::kSecond;
}

static const uint16_t* halves(const Raw* data, int64_t at) {
  return reinterpret_cast<const uint16_t*>(data) + at;
}
static uint16_t* halves(Raw* data, int64_t at) { return reinterpret_cast<uint16_t*>(data) + at; }
static const float* floats(const Raw* data, int64_t at) { return reinterpret_cast<const float*>(data) + at; }
static float* floats(Raw* data, int64_t at) { return reinterpret_cast<float*>(data) + at; }
static uint8_t* codes(Raw* data, int64_t at) { return reinterpret_cast<uint8_t*>(data) + at; }

template <class Rule>
static TileArrays open_tile(const Update& op, const Tile& tile, TileRoom& room) {
  const bool whole = op.dtype == DType::kF32;
  TileArrays arrays = {};
  arrays.g = whole ? floats(op.g.data, tile.g) : decode_bf16(halves(op.g.data, tile.g), tile.n, room.g);
  arrays.p = whole && !op.measure ? floats(op.p.data, tile.p) : room.p;
  if (!whole)
    decode_bf16(halves(op.p.data, tile.p), tile.n, room.p);
  else if (op.measure)
    __builtin_memcpy(room.p, floats(op.p.data, tile.p), 4 * static_cast<size_t>(tile.n));
  for (int s = 0; s < Rule::kStates; ++s) {
    float* const mine = room.state[s];
    arrays.state[s] = mine;
    if (op.state_type == DType::kBF16) {
      decode_bf16(halves(op.state[s].data, tile.state), tile.n, mine);
    } else if (op.state_type == DType::kU8) {
      const float* const largest = op.largest[s].data + tile.state / kScaleBlock;
      if (is_signed<Rule>(s))
        decode_codes<true>(codes(op.state[s].data, tile.state), largest, tile.n, mine);
      else
        decode_codes<false>(codes(op.state[s].data, tile.state), largest, tile.n, mine);
    } else if (op.measure) {
      __builtin_memcpy(mine, floats(op.state[s].data, tile.state), 4 * static_cast<size_t>(tile.n));
    } else {
      arrays.state[s] = floats(op.state[s].data, tile.state);
    }
  }
  return arrays;
}

// Bound by memory: every array is read and written once.
template <class Rule>
static __attribute__((noinline)) void apply_tile(const Prepared<Rule>& prepared, int n,
                                                 const TileArrays& arrays) {
  const Prepared<Rule> rule = prepared;
  const TileArrays mine = arrays;
  ADASTEP_INDEPENDENT
  for (int i = 0; i < n; ++i) {
    float state[kMaxStates];
    for (int s = 0; s < Rule::kStates; ++s) state[s] = mine.state[s][i];
    mine.p[i] = rule.apply(mine.p[i], rule.gradient(mine.g[i]), state);
    for (int s = 0; s < Rule::kStates; ++s) mine.state[s][i] = state[s];
  }
}

// The sums of a tile: term(i, column) over quads and lanes, as core/apply.h says.
template <class Terms>
static void sum_tile(int n, int columns, float* partial, int64_t stride, const Terms& terms) {
  float lane[kSums][kLanes] = {};
  for (int first = 0; first < n; first += 4) {
    Seen seen[4] = {};
    for (int i = 0; i < 4 && first + i < n; ++i) seen[i] = terms(first + i);
    for (int c = 0; c < columns; ++c) {
      const float quad[4] = {seen[0].terms[c], seen[1].terms[c], seen[2].terms[c], seen[3].terms[c]};
      const bool largest = c == kSums - 1;
      float& sum = lane[c][first / 4 % kLanes];
      sum = largest ? max_(sum, fold_quad(quad, true)) : sum + fold_quad(quad, false);
    }
  }
  for (int c = 0; c < columns; ++c) {
    partial[c * stride] = c == kSums - 1 ? fold_lanes<MaxFold>(lane[c]) : fold_lanes<SumFold>(lane[c]);
  }
}

template <class Rule>
static void watch_tile(const Update& op, const Prepared<Rule>& rule, const Tile& tile, float level,
                       const TileArrays& arrays, const TileRoom& room) {
  const float* const second =
      Rule::kSecond >= 0 ? arrays.state[Rule::kSecond < 0 ? 0 : Rule::kSecond] : room.before;
  sum_tile(tile.n, level > 1.0f ? kSums : kGradientSums, op.partial.data + tile.row, op.tiles_in_all,
           [&](int i) {
             return watch<Rule>(room.before[i], arrays.p[i], rule.gradient(arrays.g[i]), room.direction[i],
                                second[i]);
           });
}

template <bool kSigned>
static void encode_codes(const Update& op, const Control& control, int64_t place, int use, int n,
                         const float* from, uint8_t* to, float* largest) {
  for (int first = 0; first < n; first += kScaleBlock) {
    const int last = n - first < kScaleBlock ? n : first + static_cast<int>(kScaleBlock);
    float most = 0.0f;
    for (int i = first; i < last; ++i) most = max_(most, abs_(from[i]));
    largest[first / kScaleBlock] = most;
    for (int i = first; i < last; i += 4) {
      const Philox drawn = draw(op, control, kDrawStates, place + i);
      for (int e = 0; e < 4 && i + e < last; ++e)
        to[i + e] = static_cast<uint8_t>(
            Code<kSigned>::encode(relative_to(most, from[i + e]), random_bits(drawn, e, use)));
    }
  }
}

static void encode_bf16(const Update& op, const Control& control, uint32_t stream, int use, int64_t place,
                        int n, const float* from, uint16_t* to) {
  for (int i = 0; i < n; i += 4) {
    const Philox drawn = draw(op, control, stream, place + i);
    for (int e = 0; e < 4 && i + e < n; ++e)
      to[i + e] = bf16_stochastic(from[i + e], random_bits(drawn, e, use));
  }
}

// Back to memory what is not f32 there, and what is made of the new parameters.
template <class Rule>
static void close_tile(const Update& op, const Control& control, const Tile& tile, const TileArrays& arrays) {
  for (int s = 0; s < Rule::kStates && s < kMaxPackedStates; ++s) {
    const float* const from = arrays.state[s];
    if (op.state_type == DType::kBF16) {
      encode_bf16(op, control, kDrawStates, s, tile.state, tile.n, from,
                  halves(op.state[s].data, tile.state));
    } else if (op.state_type == DType::kU8) {
      float* const largest = op.largest[s].data + tile.state / kScaleBlock;
      uint8_t* const to = codes(op.state[s].data, tile.state);
      if (is_signed<Rule>(s))
        encode_codes<true>(op, control, tile.state, s, tile.n, from, to, largest);
      else
        encode_codes<false>(op, control, tile.state, s, tile.n, from, to, largest);
    }
  }
  if (op.dtype == DType::kBF16)
    encode_bf16(op, control, kDrawParameters, 0, tile.state, tile.n, arrays.p, halves(op.p.data, tile.p));
  if (op.copy.data)
    encode_bf16(op, control, kDrawParameters, 1, tile.state, tile.n, arrays.p, op.copy.data + tile.state);
  if (op.average.data) {
    float* const average = op.average.data + tile.state;
    const float keep = control.average, take = 1.0f - control.average;
    ADASTEP_INDEPENDENT
    for (int i = 0; i < tile.n; ++i) average[i] = fma_(keep, average[i], take * arrays.p[i]);
  }
}

template <class Rule>
static void update(const Update& op, const cpu::Parallel& parallel) {
  Control control;
  read_words(control, op.prepared.data);
  if (control.skip != 0.0f) return;
  const float level = op.measure ? 2.0f : (op.partial.data ? control.watch : 0.0f);
  for_tiles(parallel, op.tiles, [&](int64_t index) {
    const Tile tile = tile_of(op, index);
    if (tile.n == 0) return;
    const Prepared<Rule> rule(op, control, tile);
    TileRoom room;
    const TileArrays arrays = open_tile<Rule>(op, tile, room);
    if (level > 0.0f) {
      __builtin_memcpy(room.before, arrays.p, 4 * static_cast<size_t>(tile.n));
      if (Rule::kDirection >= 0)
        __builtin_memcpy(room.direction, arrays.state[Rule::kDirection < 0 ? 0 : Rule::kDirection],
                         4 * static_cast<size_t>(tile.n));
      else
        __builtin_memset(room.direction, 0, 4 * static_cast<size_t>(tile.n));
    }
    apply_tile<Rule>(rule, tile.n, arrays);
    if (level > 0.0f) watch_tile<Rule>(op, rule, tile, level, arrays, room);
    if (!op.measure) close_tile<Rule>(op, control, tile, arrays);
  });
}

static void run(const Update& op, const cpu::Parallel& parallel) {
  switch (op.rule) {
#define ADASTEP_UPDATE(type, name, states) \
  case RuleId::k##type:                    \
    return update<type>(op, parallel);
    ADASTEP_FOR_EACH_RULE(ADASTEP_UPDATE)
#undef ADASTEP_UPDATE
  }
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
