// Instructions in which lanes of a warp see one another (PTX manual 9.7.9 and 9.7.13): shuffles, votes,
// matches, reductions. Whoever calls them names the members; a member that is alive but not here, or that
// names others, is an error, because on the hardware the result would depend on luck.
#include <algorithm>

#include "exec/decoder.h"
#include "exec/memory_access.h"
#include "exec/op_table.h"

namespace emulator {
namespace {

void checkMembersOf(Warp& w, const Instruction& i, u32 mask, int lane, const u32* wanted) {
  u32 members = wanted[lane], absent = members & w.live & ~mask;
  if (!(members >> lane & 1))
    reportMisuse(w, i, lane, kLaunchFailed, "the lane is not in its own member mask " + hex(members));
  if (absent)
    reportMisuse(w, i, lane, kLaunchFailed,
                 "members of the mask do not execute this instruction, lanes " + hex(absent));
  for (u32 rest = members & mask; rest; rest &= rest - 1) {
    int other = __builtin_ctz(rest);
    if (wanted[other] != members)
      reportMisuse(w, i, lane, kLaunchFailed,
                   "the lane names the members " + hex(members) + ", but lane " + std::to_string(other) +
                       " of them names " + hex(wanted[other]));
  }
}

void checkMembers(Warp& w, const Instruction& i, u32 mask, Slot members) {
  const u32* wanted = w.at<u32>(members);
  u32 first = wanted[__builtin_ctz(mask)], different = 0;
  for (u32 l = 0; l < kWarpSize; ++l) different |= (wanted[l] ^ first) & (0 - (mask >> l & 1));
  if (different == 0 && (first & mask) == mask && (first & w.live & ~mask) == 0) return;
  for (u32 rest = mask; rest; rest &= rest - 1) checkMembersOf(w, i, mask, __builtin_ctz(rest), wanted);
}

enum class Shuffle { kUp, kDown, kButterfly, kIndex };

struct ShuffleForm {
  bool hasPredicate = false;
  Slot predicate;
};

// c holds the clamp in its bits 0-4 and the segment mask in 8-12.
template <Shuffle Kind>
void runShuffle(Warp& w, const Instruction& i, u32 mask) {
  checkMembers(w, i, mask, i.e);
  const auto& form = *static_cast<const ShuffleForm*>(i.form);
  const u32 *a = w.at<u32>(i.a), *b = w.at<u32>(i.b), *c = w.at<u32>(i.c), *members = w.at<u32>(i.e);
  u32 out[kWarpSize], inRange = 0;
  for (int lane = 0; lane < kWarpSize; ++lane) {
    out[lane] = a[lane];
    if (!(mask >> lane & 1)) continue;
    int step = static_cast<int>(b[lane] & 31), clamp = static_cast<int>(c[lane] & 31),
        segment = static_cast<int>(c[lane] >> 8 & 31);
    int highest = (lane & segment) | (clamp & ~segment), lowest = lane & segment;
    int from = Kind == Shuffle::kUp          ? lane - step
               : Kind == Shuffle::kDown      ? lane + step
               : Kind == Shuffle::kButterfly ? lane ^ step
                                             : lowest | (step & ~segment);
    bool valid = Kind == Shuffle::kUp ? from >= highest : from <= highest;
    if (!valid) from = lane;
    inRange |= static_cast<u32>(valid) << lane;
    if (!(members[lane] & mask & 1u << from))
      reportMisuse(w, i, lane, kLaunchFailed,
                   "shuffle from a lane that does not take part, lane " + std::to_string(from));
    out[lane] = a[from];
  }
  store(w, i.d, mask, out);
  if (form.hasPredicate) {
    u32& p = w.predicate(form.predicate);
    p = (p & ~mask) | (inRange & mask);
  }
}

template <Shuffle Kind>
void decodeShuffle(Decoder& decoder, const Statement& s, Instruction& i) {
  decoder.expectOperands(5);
  ShuffleForm& form = decoder.makeForm<ShuffleForm>(i);
  const OperandText& target = s.operands[0];
  form.hasPredicate = target.kind == OperandText::kPair;
  i.d = decoder.destination(form.hasPredicate ? target.parts[0] : target, 32, kTakesBits);
  if (form.hasPredicate) form.predicate = decoder.destination(target.parts[1], 1, kTakesSink);
  i.a = decoder.source(s.operands[1], 32, kTakesBits);
  i.b = decoder.source(s.operands[2], 32, kTakesBits);
  i.c = decoder.source(s.operands[3], 32, kTakesBits);
  i.e = decoder.source(s.operands[4], 32);
  i.run = runShuffle<Kind>;
}

enum class Vote { kAll, kAny, kUniform, kBallot };

// Each lane votes among the members of its own mask.
template <Vote Kind>
void runVote(Warp& w, const Instruction& i, u32 mask) {
  checkMembers(w, i, mask, i.b);
  const u32* members = w.at<u32>(i.b);
  u32 votes = (w.predicate(i.a) ^ static_cast<u32>(i.immediate)) & mask;
  u32 out[kWarpSize], result = 0;
  for (int l = 0; l < kWarpSize; ++l) {
    u32 among = members[l] & mask, yes = votes & among;
    bool value = Kind == Vote::kAll ? yes == among : Kind == Vote::kAny ? yes != 0 : yes == among || yes == 0;
    out[l] = yes;
    result |= static_cast<u32>(value) << l;
  }
  if constexpr (Kind == Vote::kBallot) {
    store(w, i.d, mask, out);
  } else {
    u32& d = w.predicate(i.d);
    d = (d & ~mask) | (result & mask);
  }
}

template <Vote Kind>
void decodeVote(Decoder& decoder, const Statement& s, Instruction& i) {
  decoder.expectOperands(3);
  i.d = decoder.destination(s.operands[0], Kind == Vote::kBallot ? 32 : 1, kTakesBits);
  bool negated = false;
  i.a = decoder.predicate(s.operands[1], negated);
  i.immediate = negated ? kAllLanes : 0;
  i.b = decoder.source(s.operands[2], 32);
  i.run = runVote<Kind>;
}

template <class T, bool All>
void runMatch(Warp& w, const Instruction& i, u32 mask) {
  checkMembers(w, i, mask, i.b);
  const T* a = w.at<T>(i.a);
  const u32* members = w.at<u32>(i.b);
  u32 out[kWarpSize], everyone = 0;
  for (int l = 0; l < kWarpSize; ++l) {
    u32 equal = 0, among = members[l] & mask;
    for (int o = 0; o < kWarpSize; ++o) equal |= static_cast<u32>(a[o] == a[l]) << o;
    bool all = (equal & among) == among;
    out[l] = All ? (all ? among : 0) : equal & among;
    everyone |= static_cast<u32>(all) << l;
  }
  store(w, i.d, mask, out);
  const auto& form = *static_cast<const ShuffleForm*>(i.form);
  if (form.hasPredicate) {
    u32& p = w.predicate(form.predicate);
    p = (p & ~mask) | (everyone & mask);
  }
}

template <class T, bool All>
void decodeMatch(Decoder& decoder, const Statement& s, Instruction& i) {
  decoder.expectOperands(3);
  ShuffleForm& form = decoder.makeForm<ShuffleForm>(i);
  const OperandText& target = s.operands[0];
  form.hasPredicate = All && target.kind == OperandText::kPair;
  i.d = form.hasPredicate ? decoder.destination(target.parts[0], 32, kTakesInteger | kTakesSink)
                          : decoder.destination(target, 32);
  if (form.hasPredicate) form.predicate = decoder.destination(target.parts[1], 1, kTakesSink);
  i.a = decoder.source(s.operands[1], sizeof(T) * 8, kTakesBits);
  i.b = decoder.source(s.operands[2], 32);
  i.run = runMatch<T, All>;
}

template <class T, class F>
void runReduce(Warp& w, const Instruction& i, u32 mask) {
  checkMembers(w, i, mask, i.b);
  const T* a = w.at<T>(i.a);
  const u32* members = w.at<u32>(i.b);
  T out[kWarpSize];
  for (int l = 0; l < kWarpSize; ++l) {
    if (!(mask >> l & 1)) continue;
    u32 among = members[l] & mask;
    T sum = a[__builtin_ctz(among)];
    for (u32 rest = among & (among - 1); rest; rest &= rest - 1)
      sum = stateless<F>()(sum, a[__builtin_ctz(rest)]);
    out[l] = sum;
  }
  store(w, i.d, mask, out);
}

template <class T, class F>
void addReduce(OpTable& t, const std::string& name, F) {
  t.special("redux.sync." + name, Class::kWarp, [](Decoder& decoder, const Statement& s, Instruction& i) {
    decoder.expectOperands(3);
    i.d = decoder.destination(s.operands[0], 32);
    i.a = decoder.source(s.operands[1], 32);
    i.b = decoder.source(s.operands[2], 32);
    i.run = runReduce<T, F>;
  });
}

void decodeActiveMask(Decoder& decoder, const Statement& s, Instruction& i) {
  decoder.expectOperands(1);
  i.d = decoder.destination(s.operands[0], 32, kTakesBits);
  i.run = [](Warp& w, const Instruction& at, u32 mask) {
    u32 out[kWarpSize];
    std::fill(out, out + kWarpSize, mask);
    store(w, at.d, mask, out);
  };
}

void decodeWarpBarrier(Decoder& decoder, const Statement& s, Instruction& i) {
  decoder.expectOperands(1);
  i.a = decoder.source(s.operands[0], 32);
  i.run = [](Warp& w, const Instruction& at, u32 mask) {
    checkMembers(w, at, mask, at.a);
    w.block->order.warpSync(w.index);
  };
}

}  // namespace

void addWarpOps(OpTable& t) {
  constexpr Class kW = Class::kWarp;
  t.special("shfl.sync.up.b32", kW, decodeShuffle<Shuffle::kUp>);
  t.special("shfl.sync.down.b32", kW, decodeShuffle<Shuffle::kDown>);
  t.special("shfl.sync.bfly.b32", kW, decodeShuffle<Shuffle::kButterfly>);
  t.special("shfl.sync.idx.b32", kW, decodeShuffle<Shuffle::kIndex>);
  t.special("vote.sync.all.pred", kW, decodeVote<Vote::kAll>);
  t.special("vote.sync.any.pred", kW, decodeVote<Vote::kAny>);
  t.special("vote.sync.uni.pred", kW, decodeVote<Vote::kUniform>);
  t.special("vote.sync.ballot.b32", kW, decodeVote<Vote::kBallot>);
  t.special("match.any.sync.b32", kW, decodeMatch<u32, false>);
  t.special("match.any.sync.b64", kW, decodeMatch<u64, false>);
  t.special("match.all.sync.b32", kW, decodeMatch<u32, true>);
  t.special("match.all.sync.b64", kW, decodeMatch<u64, true>);
  addReduce<u32>(t, "add.u32", [](u32 a, u32 b) { return a + b; });
  addReduce<u32>(t, "add.s32", [](u32 a, u32 b) { return a + b; });
  addReduce<u32>(t, "min.u32", [](u32 a, u32 b) { return std::min(a, b); });
  addReduce<u32>(t, "max.u32", [](u32 a, u32 b) { return std::max(a, b); });
  addReduce<i32>(t, "min.s32", [](i32 a, i32 b) { return std::min(a, b); });
  addReduce<i32>(t, "max.s32", [](i32 a, i32 b) { return std::max(a, b); });
  addReduce<u32>(t, "and.b32", [](u32 a, u32 b) { return a & b; });
  addReduce<u32>(t, "or.b32", [](u32 a, u32 b) { return a | b; });
  addReduce<u32>(t, "xor.b32", [](u32 a, u32 b) { return a ^ b; });
  t.special("activemask.b32", kW, decodeActiveMask);
  t.special("bar.warp.sync", kW, decodeWarpBarrier);
}

}  // namespace emulator
