// The optimizer step: prepare the scalars of the step once, then update all parameters in one pass. What a
// step watches or decides by needs sums over the parameters: measured in a pass, folded, settled per segment.
#pragma once
#include "core/dtype.h"
#include "core/rules/all.h"
#include "core/segment.h"
#include "core/settings.h"
#include "core/span.h"

namespace adastep {

constexpr int kMaxStates = 4;
constexpr int kMaxPackedStates = 2;  // states that can be kept in less than 32 bits

// Where the floats of `prepared` are: the control words, then a row for each group.
static inline int64_t prepared_row(RuleId rule) { return kRowHead + rule_size(rule).step; }
static inline int64_t prepared_size(RuleId rule, int64_t groups) {
  return kControlWords + extent(groups, prepared_row(rule));
}

// Decides on the step and prepares its scalars, in double. `hyper` and `running` have a row per group, laid
// out as the rule's Hyper and Running; `settings` and `guard` as in core/settings.h. `loss` and `totals` (the
// sums over all gradients) are there if the step is guarded or clips. A step that is skipped leaves `running`
// as it is. `snapshots` holds a copy of `running` for each slot of the ring.
struct Advance {
  static constexpr const char* kName = "advance";
  RuleId rule;
  int64_t groups, slots;
  In<double> hyper;
  InOut<double> running;
  In<double> settings;
  InOut<double> guard;
  InOut<double> snapshots;
  In<float> loss, totals;
  Out<float> norm;
  Out<float> prepared;
  template <class V>
  void visit(V& v) {
    v.choice("rule", rule, kRuleNames);
    v.count("groups", groups);
    v.count("slots", slots);
    const RuleSize size = rule_size(rule);
    v.span("hyper", hyper, extent(groups, size.hyper));
    v.span("running", running, extent(groups, size.running));
    v.span("settings", settings, kSettingsWords);
    v.span("guard", guard, kGuardWords);
    v.optional("snapshots", snapshots, extent(slots, groups, size.running));
    v.check(slots == 0 || snapshots.data, "snapshots", "a span if there are slots");
    v.optional("loss", loss, 1);
    v.optional("totals", totals, kSums);
    v.span("norm", norm, 1);
    v.span("prepared", prepared, prepared_size(rule, groups));
  }
};

// p, state = rule(prepared, p, g, state) for each element of each segment, in one pass. `tiles` tiles from
// `firstTile` on are those of the `count` segments given here. A step that is skipped writes nothing.
//   factors[segment]   on the gradient
//   scales[segment]    on the update: p + scale * (new p - p)
//   average            a running mean of the parameters, laid out as the states are
//   copy               the new parameters as bf16, stochastically rounded, laid out as the states are
//   partial            [kSums, tilesInAll]: the sums of each tile, if the step watches
// With `measure` nothing but `partial` is written; with `gather`, for rules that do, only the states, from
// the gradients alone.
struct Update {
  static constexpr const char* kName = "update";
  RuleId rule;
  bool measure, gather;
  DType dtype;       // of p and g: f32, or bf16 (stochastically rounded)
  DType state_type;  // f32; bf16 (stochastically rounded) or u8 (core/packed.h) for rules with few states
  int64_t count, groups, first_segment, first_tile, tiles, tiles_in_all;
  int64_t p_size, g_size, state_size;
  int64_t seed;
  In<int64_t> segments;
  In<float> prepared, factors, scales;
  In<Raw> g;
  InOut<Raw> p;
  InOut<Raw> state[kMaxStates];
  InOut<float> largest[kMaxPackedStates];  // of each block of 128 elements of a state that is kept in 8 bits
  InOut<float> average;
  InOut<uint16_t> copy;
  InOut<float> partial;

  int64_t scale_blocks() const { return (state_size + kScaleBlock - 1) / kScaleBlock; }

  template <class V>
  void visit(V& v) {
    v.choice("rule", rule, kRuleNames);
    v.flag("measure", measure);
    v.flag("gather", gather);
    v.choice("dtype", dtype, kDTypeNames);
    v.check(dtype == DType::kF32 || dtype == DType::kBF16, "dtype", "f32 or bf16");
    v.choice("stateType", state_type, kDTypeNames);
    const RuleSize size = rule_size(rule);
    v.check(!gather || (size.gathers && !measure), "gather", "false: the rule makes no state beforehand");
    const bool packed = state_type == DType::kBF16 || state_type == DType::kU8;
    v.check(state_type == DType::kF32 || (packed && size.states <= kMaxPackedStates), "stateType",
            "f32, or bf16 or u8 if the rule keeps at most two states");
    v.count("count", count);
    v.count("groups", groups);
    v.count("firstSegment", first_segment);
    v.count("firstTile", first_tile);
    v.count("tiles", tiles);
    v.count("tilesInAll", tiles_in_all);
    v.check(first_tile <= tiles_in_all && tiles <= tiles_in_all - first_tile, "tiles",
            "tiles that there are");
    v.count("pSize", p_size);
    v.count("gSize", g_size);
    v.check(tiles <= g_size, "tiles", "tiles with an element each");
    v.count("stateSize", state_size);
    v.count("seed", seed);
    v.span("segments", segments, extent(count, kSegmentWords));
    v.span("prepared", prepared, prepared_size(rule, groups));
    v.optional("factors", factors, extent(first_segment + count, 1));
    v.optional("scales", scales, extent(first_segment + count, 1));
    v.span("g", g, g_size, dtype);
    v.span("p", p, p_size, dtype);
    static const char* const kStates[kMaxStates] = {"state0", "state1", "state2", "state3"};
    static const char* const kLargest[kMaxPackedStates] = {"largest0", "largest1"};
    for (int s = 0; s < kMaxStates; s++)
      v.optional(kStates[s], state[s], s < size.states ? state_size : 0, state_type);
    for (int s = 0; s < size.states; s++)
      v.check(state_size == 0 || state[s].data, kStates[s], "a span: the rule keeps this state");
    const bool scaled = state_type == DType::kU8;
    for (int s = 0; s < kMaxPackedStates; s++) {
      v.optional(kLargest[s], largest[s], scaled && s < size.states ? scale_blocks() : 0);
      v.check(!scaled || s >= size.states || state_size == 0 || largest[s].data, kLargest[s],
              "a span: the state is kept in 8 bits");
    }
    v.optional("average", average, state_size);
    v.optional("copy", copy, state_size);
    v.optional("partial", partial, extent(kSums, tiles_in_all));
    v.check(!measure || partial.data, "partial", "a span if the pass measures");
  }
};

// The first kGradientSums rows of `partial`, from the gradients alone. With `prepared`, at steps that are
// skipped only, and of gradients without their loss scale: what the update sums up at the others.
struct GradientSums {
  static constexpr const char* kName = "gradientSums";
  DType dtype;
  int64_t count, first_tile, tiles, tiles_in_all, g_size;
  In<int64_t> segments;
  In<float> prepared;
  In<Raw> g;
  InOut<float> partial;
  template <class V>
  void visit(V& v) {
    v.choice("dtype", dtype, kDTypeNames);
    v.check(dtype == DType::kF32 || dtype == DType::kBF16, "dtype", "f32 or bf16");
    v.count("count", count);
    v.count("firstTile", first_tile);
    v.count("tiles", tiles);
    v.count("tilesInAll", tiles_in_all);
    v.check(first_tile <= tiles_in_all && tiles <= tiles_in_all - first_tile, "tiles",
            "tiles that there are");
    v.count("gSize", g_size);
    v.check(tiles <= g_size, "tiles", "tiles with an element each");
    v.span("segments", segments, extent(count, kSegmentWords));
    v.optional("prepared", prepared, kControlWords);
    v.span("g", g, g_size, dtype);
    v.span("partial", partial, extent(kSums, tiles_in_all));
  }
};

// sums[column, segment] = the fold of partial[column, its tiles]; totals[column] = the fold of those: the
// second and the third level of the tree of core/numerics.h. Only the first `columns` rows. With `prepared`,
// nothing unless the step watches.
struct FoldSums {
  static constexpr const char* kName = "foldSums";
  int64_t count, tiles_in_all, columns;
  In<int64_t> segments;
  In<float> prepared;
  In<float> partial;
  InOut<float> sums, totals;
  template <class V>
  void visit(V& v) {
    v.count("count", count);
    v.count("tilesInAll", tiles_in_all);
    v.count("columns", columns);
    v.check(columns <= kSums, "columns", "at most 10");
    v.span("segments", segments, extent(count, kSegmentWords));
    v.optional("prepared", prepared, kControlWords);
    v.span("partial", partial, extent(kSums, tiles_in_all));
    v.span("sums", sums, extent(kSums, count));
    v.span("totals", totals, kSums);
  }
};

enum class SettleFn : int32_t { kTrustRatio, kUpdateRms, kGradientNorm };
constexpr const char* kSettleFnNames[] = {"trustRatio", "updateRms", "gradientNorm"};

// A factor for each segment, from its sums.
//   trustRatio     ||p|| / ||update||, 1 where one is 0 (LAMB)
//   updateRms      min(1, limit * lr / rms(update)), lr that of its group (Adafactor)
//   gradientNorm   min(1, limit / (||g|| + 1e-6)), as clip_grad_norm_ on each tensor alone
struct Settle {
  static constexpr const char* kName = "settle";
  SettleFn fn;
  RuleId rule;
  int64_t count, groups, row;  // row: floats of a group in prepared
  float limit;
  In<int64_t> segments;
  In<float> sums, prepared;
  Out<float> factors;
  template <class V>
  void visit(V& v) {
    v.choice("fn", fn, kSettleFnNames);
    v.choice("rule", rule, kRuleNames);
    v.count("count", count);
    v.count("groups", groups);
    row = prepared_row(rule);
    v.real("limit", limit);
    v.span("segments", segments, extent(count, kSegmentWords));
    v.span("sums", sums, extent(kSums, count));
    v.span("prepared", prepared, prepared_size(rule, groups));
    v.span("factors", factors, count);
  }
};

// running, prepared = what the rule makes of the sums that it measured, for one group. A step that is skipped
// changes nothing; one that does not move, by the rule, becomes one that is skipped.
struct Estimate {
  static constexpr const char* kName = "estimate";
  RuleId rule;
  In<double> hyper;
  In<float> totals;
  InOut<double> running;
  InOut<float> prepared;
  template <class V>
  void visit(V& v) {
    v.choice("rule", rule, kRuleNames);
    const RuleSize size = rule_size(rule);
    v.check(size.measures, "rule", "one that measures");
    v.span("hyper", hyper, size.hyper);
    v.span("totals", totals, kSums);
    v.span("running", running, size.running);
    v.span("prepared", prepared, prepared_size(rule, 1));
  }
};

// y = x, unless the step is skipped: for state that operations outside of the update have made.
struct Commit {
  static constexpr const char* kName = "commit";
  int64_t n;
  In<float> prepared, x;
  InOut<float> y;
  template <class V>
  void visit(V& v) {
    v.count("n", n);
    v.span("prepared", prepared, kControlWords);
    v.span("x", x, n);
    v.span("y", y, n);
  }
};

// Saves `data` into a slot of `ring`, or restores it from one, if the step's control words say so. By pairs
// of bytes: bf16 parameters may be an odd number, anywhere.
struct Snapshot {
  static constexpr const char* kName = "snapshot";
  int64_t bytes, slots;  // of data, a multiple of 2
  In<float> prepared;
  InOut<uint16_t> data, ring;
  template <class V>
  void visit(V& v) {
    v.count("bytes", bytes);
    v.check(bytes % 2 == 0, "bytes", "a multiple of 2");
    v.count("slots", slots);
    v.span("prepared", prepared, kControlWords);
    v.span("data", data, bytes / 2);
    v.span("ring", ring, extent(slots, bytes / 2));
  }
};

}  // namespace adastep
