// The optimizer step: one loop for every rule, tile by tile.
#pragma once
#include "cpu/tile.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

static void run(const Advance& op, const cpu::Parallel&) {
  double room[kWindow];
  advance(op, room);
}

// Room for the arrays of a tile as f32. What the rule updates lies in memory itself where that is f32.
struct TileRoom {
  float p[kTile], g[kTile], before[kTile], direction[kTile];
  float state[kMaxStates][kTile];
  Drawn drawn;
};
struct TileArrays {
  float* p;
  const float* g;
  float* state[kMaxStates];
};

template <class Rule>
static float* open_state(const Update& op, const Tile& tile, int s, float* room) {
  Raw* const data = op.state[s].data;
  if (op.state_type == DType::kBF16) {
    decode_bf16(halves(data, tile.state), tile.n, room);
  } else if (op.state_type == DType::kU8) {
    const float* const largest = op.largest[s].data + tile.state / kScaleBlock;
    if (is_square<Rule>(s))
      decode_u8<false>(codes(data, tile.state), largest, tile.n, room);
    else
      decode_u8<true>(codes(data, tile.state), largest, tile.n, room);
  } else if (op.measure) {
    __builtin_memcpy(room, floats(data, tile.state), bytes_of(tile.n));
  } else {
    return floats(data, tile.state);
  }
  return room;
}

template <class Rule>
static TileArrays open_tile(const Update& op, const Tile& tile, TileRoom& room) {
  TileArrays arrays = {};
  if (op.dtype == DType::kBF16) {
    arrays.g = decode_bf16(halves(op.g.data, tile.g), tile.n, room.g);
    decode_bf16(halves(op.p.data, tile.p), tile.n, room.p);
    arrays.p = room.p;
  } else {
    arrays.g = floats(op.g.data, tile.g);
    arrays.p = floats(op.p.data, tile.p);
    if (op.measure) arrays.p = static_cast<float*>(__builtin_memcpy(room.p, arrays.p, bytes_of(tile.n)));
  }
  for (int s = 0; s < Rule::kStates; ++s) arrays.state[s] = open_state<Rule>(op, tile, s, room.state[s]);
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
    if constexpr (!gathers<Rule>(0))
      for (int s = 0; s < Rule::kStates; ++s)
        if (!rests<Rule>(s)) mine.state[s][i] = state[s];
  }
}

// The states that a rule makes of the gradients alone.
template <class Rule>
static __attribute__((noinline)) void gather_tile(const Prepared<Rule>& prepared, int n,
                                                  const TileArrays& arrays) {
  const Prepared<Rule> rule = prepared;
  const TileArrays mine = arrays;
  ADASTEP_INDEPENDENT
  for (int i = 0; i < n; ++i) {
    float state[kMaxStates];
    for (int s = 0; s < Rule::kStates; ++s) state[s] = mine.state[s][i];
    Rule::gather(rule.step, rule.cut(rule.gradient(mine.g[i])), state);
    for (int s = 0; s < Rule::kStates; ++s) mine.state[s][i] = state[s];
  }
}

// What `watch_tile` needs of a tile before it is updated.
template <class Rule>
static void remember_tile(const Tile& tile, const TileArrays& arrays, TileRoom& room) {
  __builtin_memcpy(room.before, arrays.p, bytes_of(tile.n));
  if constexpr (Rule::kDirection >= 0)
    __builtin_memcpy(room.direction, arrays.state[Rule::kDirection], bytes_of(tile.n));
  else
    __builtin_memset(room.direction, 0, bytes_of(tile.n));
}

template <class Rule>
static __attribute__((noinline)) void watch_tile(const Update& op, const Prepared<Rule>& rule,
                                                 const Tile& tile, const TileArrays& arrays,
                                                 const TileRoom& room) {
  const float *const p = arrays.p, *const g = arrays.g, *const before = room.before;
  const float *const direction = room.direction, *const second =
                                                     arrays.state[Rule::kSecond < 0 ? 0 : Rule::kSecond];
  const Prepared<Rule> mine = rule;
  const TileArrays all = arrays;
  sum_tile<kSums>(tile.n, op.partial.data + tile.row, op.tiles_in_all, [=](int i) {
    const float gradient = mine.gradient(g[i]);
    Seen seen = watch<Rule>(before[i], p[i], gradient, direction[i], Rule::kSecond < 0 ? 0.0f : second[i]);
    if constexpr (measures<Rule>(0)) {
      float state[kMaxStates];
      for (int s = 0; s < Rule::kStates; ++s) state[s] = all.state[s][i];
      measure(mine, before[i], gradient, state, seen);
    }
    return seen;
  });
}

// The first kGradientSums of a tile; `partial` has a row for each.
static __attribute__((noinline)) void sum_gradients(const float* g, float unscale, int n, float* partial,
                                                    int64_t stride) {
  sum_tile<kGradientSums>(n, partial, stride, [=](int i) { return watch_gradient(g[i] * unscale); });
}

template <class Rule>
static void close_states(const Update& op, const Control& control, const Tile& tile, const TileArrays& arrays,
                         Drawn& drawn) {
  drawn.fill(op, control, kDrawStates, tile.state, tile.n);
  for (int s = 0; s < Rule::kStates && s < kMaxPackedStates; ++s) {
    const float* const from = arrays.state[s];
    if (op.state_type == DType::kBF16) {
      encode_bf16(drawn, s, tile.n, from, halves(op.state[s].data, tile.state));
      continue;
    }
    float* const largest = op.largest[s].data + tile.state / kScaleBlock;
    uint8_t* const to = codes(op.state[s].data, tile.state);
    if (is_square<Rule>(s))
      encode_u8<false>(drawn, s, is_positive<Rule>(s), tile.n, from, to, largest);
    else
      encode_u8<true>(drawn, s, is_positive<Rule>(s), tile.n, from, to, largest);
  }
}

// What is made of the new parameters.
static void close_parameters(const Update& op, const Control& control, const Tile& tile, const float* p,
                             Drawn& drawn) {
  if (op.dtype == DType::kBF16 || op.copy.data) {
    drawn.fill(op, control, kDrawParameters, tile.state, tile.n);
    if (op.dtype == DType::kBF16) encode_bf16(drawn, 0, tile.n, p, halves(op.p.data, tile.p));
    if (op.copy.data) encode_bf16(drawn, 1, tile.n, p, op.copy.data + tile.state);
  }
  if (!op.average.data) return;
  float* const average = op.average.data + tile.state;
  const float keep = control.average, take = 1.0f - control.average;
  ADASTEP_INDEPENDENT
  for (int i = 0; i < tile.n; ++i) average[i] = fma_(keep, average[i], take * p[i]);
}

template <class Rule>
static void update(const Update& op, const cpu::Parallel& parallel) {
  Control control;
  read_words(control, op.prepared.data);
  if (control.skip != 0.0f) return;
  const float level = op.measure ? 2.0f : (op.partial.data ? control.watch : 0.0f);
  for_tiles(op, parallel, [&](const Tile& tile) {
    const Prepared<Rule> rule(op, control, tile, ReadWords());
    TileRoom room;
    const TileArrays arrays = open_tile<Rule>(op, tile, room);
    if constexpr (gathers<Rule>(0)) {
      if (op.gather) {
        gather_tile<Rule>(rule, tile.n, arrays);
        if (op.state_type != DType::kF32) close_states<Rule>(op, control, tile, arrays, room.drawn);
        return;
      }
    }
    if (level > 1.0f)
      remember_tile<Rule>(tile, arrays, room);
    else if (level > 0.0f)
      sum_gradients(arrays.g, rule.unscale, tile.n, op.partial.data + tile.row, op.tiles_in_all);
    apply_tile<Rule>(rule, tile.n, arrays);
    if (level > 1.0f) watch_tile<Rule>(op, rule, tile, arrays, room);
    if (op.measure) return;
    if (op.state_type != DType::kF32 && !gathers<Rule>(0))
      close_states<Rule>(op, control, tile, arrays, room.drawn);
    close_parameters(op, control, tile, arrays.p, room.drawn);
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
