// The optimizer step: one template over the rules, one pass over parameters, gradients and states. A warp has
// a tile, of which it takes 128 elements at a time, four by each lane: 16 bytes per access where memory
// allows it, and the elements that share a scale in 8 bits.
#include <type_traits>

#include "core/apply.h"
#include "cuda/kernels/quads.cuh"
#include "cuda/kernels/sums.cuh"

using namespace adastep;

namespace {

constexpr int kWarpElements = 4 * kLanes;
static_assert(kScaleBlock == kWarpElements, "a warp finds the largest of a block by itself");

// f(index) for each state, the index a type, so that states stay in registers.
template <class Rule, int kState = 0, class F>
__device__ void for_states(F f) {
  if constexpr (kState < Rule::kStates) {
    f(std::integral_constant<int, kState>());
    for_states<Rule, kState + 1>(f);
  }
}

template <class Rule>
struct Lane {
  const Update& op;
  const Control& control;
  const Tile& tile;
  int offset, valid;

  __device__ Access of(int64_t start) const { return {start, offset, valid}; }
  // Of the scale of its block, among those of a state.
  __device__ int64_t block() const { return (tile.state + offset) / kScaleBlock; }
  __device__ Philox random(uint32_t stream) const { return draw(op, control, stream, tile.state + offset); }

  template <int kState>
  __device__ void load_state(Quad& to) const {
    const Raw* const data = op.state[kState].data;
    if constexpr (Rule::kStates <= kMaxPackedStates) {
      if (op.state_type == DType::kU8)
        return load_u8<!is_square<Rule>(kState)>(typed<uint8_t>(data, 0), of(tile.state),
                                                 op.largest[kState].data[block()], to);
      return load_real(op.state_type, data, of(tile.state), to);
    }
    load_f32(typed<float>(data, 0), of(tile.state), to);
  }

  template <int kState>
  __device__ void store_packed(const Philox& drawn, const Quad& from) const {
    Raw* const data = op.state[kState].data;
    if (op.state_type == DType::kBF16)
      return store_bf16(typed<uint16_t>(data, 0), of(tile.state), drawn, kState, from);
    float most = 0.0f;
#pragma unroll
    for (int e = 0; e < 4; e++) most = max_(most, e < valid ? abs_(from[e]) : 0.0f);
    most = fold_warp<MaxFold>(most);
    if (threadIdx.x % kLanes == 0) op.largest[kState].data[block()] = most;
    store_u8<!is_square<Rule>(kState), is_positive<Rule>(kState)>(typed<uint8_t>(data, 0), of(tile.state),
                                                                  most, drawn, kState, from);
  }
  template <int kStates>
  __device__ void store_states(const Quad (&state)[kStates]) const {
    if (op.state_type == DType::kF32) {
      for_states<Rule>([&](auto index) {
        constexpr int s = decltype(index)::value;
        if constexpr (!rests<Rule>(s)) store_f32(typed<float>(op.state[s].data, 0), of(tile.state), state[s]);
      });
    } else if constexpr (Rule::kStates > 0 && Rule::kStates <= kMaxPackedStates) {
      const Philox drawn = random(kDrawStates);
      __syncwarp();  // every lane has read the largest before: a shuffle orders no memory
      for_states<Rule>([&](auto index) {
        constexpr int s = decltype(index)::value;
        store_packed<s>(drawn, state[s]);
      });
    }
  }

  // What is made of the new parameters.
  __device__ void store_parameters(const Quad& p) const {
    const bool whole = op.dtype == DType::kF32;
    if (whole) store_f32(typed<float>(op.p.data, 0), of(tile.p), p);
    if (!whole || op.copy.data) {
      const Philox drawn = random(kDrawParameters);
      if (!whole) store_bf16(typed<uint16_t>(op.p.data, 0), of(tile.p), drawn, 0, p);
      if (op.copy.data) store_bf16(op.copy.data, of(tile.state), drawn, 1, p);
    }
    if (!op.average.data) return;
    Quad average;
    load_f32(op.average.data, of(tile.state), average);
    const float keep = control.average, take = 1.0f - control.average;
#pragma unroll
    for (int e = 0; e < 4; e++) average[e] = fma_(keep, average[e], take * p[e]);
    store_f32(op.average.data, of(tile.state), average);
  }
};

// The states that a rule makes of the gradients alone.
template <class Rule>
__device__ void gather_quad(const Lane<Rule>& lane, const Prepared<Rule>& rule) {
  Quad g, state[Rule::kStates];
  load_real(lane.op.dtype, lane.op.g.data, lane.of(lane.tile.g), g);
  for_states<Rule>([&](auto index) {
    constexpr int s = decltype(index)::value;
    lane.template load_state<s>(state[s]);
  });
#pragma unroll
  for (int e = 0; e < 4; e++) {
    float mine[kMaxStates];
#pragma unroll
    for (int s = 0; s < Rule::kStates; s++) mine[s] = state[s][e];
    Rule::gather(rule.step, rule.cut(rule.gradient(g[e])), mine);
#pragma unroll
    for (int s = 0; s < Rule::kStates; s++) state[s][e] = mine[s];
  }
  lane.store_states(state);
}

// Updates the elements of a lane; adds what is watched to the lane's sums.
template <class Rule>
__device__ void update_quad(const Lane<Rule>& lane, const Prepared<Rule>& rule, float level,
                            float (&sums)[kSums]) {
  const Update& op = lane.op;
  if constexpr (gathers<Rule>(0)) {
    if (op.gather) return gather_quad(lane, rule);
  }
  Quad p, g, state[Rule::kStates > 0 ? Rule::kStates : 1];
  load_real(op.dtype, op.g.data, lane.of(lane.tile.g), g);
  load_real(op.dtype, op.p.data, lane.of(lane.tile.p), p);
  for_states<Rule>([&](auto index) {
    constexpr int s = decltype(index)::value;
    lane.template load_state<s>(state[s]);
  });
  Seen seen[4], of_gradient[4];
#pragma unroll
  for (int e = 0; e < 4; e++) {
    float mine[kMaxStates];
#pragma unroll
    for (int s = 0; s < Rule::kStates; s++) mine[s] = state[s][e];
    const float before = p[e];
    const float direction = Rule::kDirection >= 0 ? mine[Rule::kDirection < 0 ? 0 : Rule::kDirection] : 0.0f;
    const float gradient = rule.gradient(g[e]);
    p[e] = rule.apply(before, gradient, mine);
#pragma unroll
    for (int s = 0; s < Rule::kStates; s++) state[s][e] = mine[s];
    const float second = Rule::kSecond >= 0 ? mine[Rule::kSecond < 0 ? 0 : Rule::kSecond] : 0.0f;
    of_gradient[e] = e < lane.valid ? watch_gradient(gradient) : Seen{};
    if (level > 1.0f) {
      Seen mine_seen = watch<Rule>(before, p[e], gradient, direction, second);
      measure(rule, before, gradient, mine, mine_seen);
      seen[e] = e < lane.valid ? mine_seen : Seen{};
    }
  }
  if (level > 1.0f)
    add_quad<kSums>(seen, sums);
  else if (level > 0.0f)
    add_quad<kGradientSums>(of_gradient, sums);
  if (op.measure) return;
  if constexpr (!gathers<Rule>(0)) lane.store_states(state);
  lane.store_parameters(p);
}

template <class Rule>
__device__ void update(const Update& op) {
  const ReadByWarp read;
  Control control;
  read(control, op.prepared.data);
  if (control.skip != 0.0f) return;
  const float level = op.gather ? 0.0f : op.measure ? 2.0f : (op.partial.data ? control.watch : 0.0f);
  for (int64_t index = WarpGroup::first(); index < op.tiles; index += WarpGroup::stride()) {
    const Tile tile = tile_of(op, index, read);
    if (tile.n == 0) continue;
    const Prepared<Rule> rule(op, control, tile, read);
    float sums[kSums] = {};
    // All lanes go through all rounds: they shuffle.
    for (int first = 0; first < tile.n; first += kWarpElements) {
      const int offset = first + 4 * WarpGroup::begin(), left = tile.n - offset;
      const Lane<Rule> lane = {op, control, tile, offset, left < 0 ? 0 : left < 4 ? left : 4};
      update_quad(lane, rule, level, sums);
    }
    if (level > 0.0f)
      store_sums(sums, level > 1.0f ? kSums : kGradientSums, op.partial.data + tile.row, op.tiles_in_all);
  }
}

}  // namespace

#define ADASTEP_UPDATE(type, name, states)                                          \
  extern "C" __global__ void __launch_bounds__(kThreads, type::kStates > 2 ? 1 : 2) \
      adastep_update_##type(Update op) {                                            \
    update<type>(op);                                                               \
  }
ADASTEP_FOR_EACH_RULE(ADASTEP_UPDATE)
#undef ADASTEP_UPDATE

// One thread: the scalars of a step are a few dozen operations in double.
extern "C" __global__ void adastep_advance(Advance op) {
  __shared__ double room[kWindow];
  advance(op, room);
}
