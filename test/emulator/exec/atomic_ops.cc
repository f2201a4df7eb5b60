// atom and red (PTX manual 9.7.13), on global, shared and generic addresses.
#include <algorithm>
#include <cstring>

#include "exec/decoder.h"
#include "exec/float_math.h"
#include "exec/memory_access.h"
#include "exec/modifiers.h"
#include "exec/op_table.h"
#include "ptx/types.h"

namespace emulator {
namespace {

struct AtomicForm : MemoryForm {
  bool returns = true;
};

bool isShared(const Warp& w, const MemoryForm& form, int lane) {
  return form.space == Space::kShared ||
         (form.space == Space::kGeneric && (addressOf(w, form, lane) & kWindowMask) == kSharedWindow);
}

// Lanes go one after the other, in order. Blocks on other host threads use the same words, so each step is a
// real compare-and-swap. F is the operation; on shared memory it may be another.
template <class Word, class T, class F, class OnShared = F>
void runAtomic(Warp& w, const Instruction& i, u32 mask) {
  const auto& form = *static_cast<const AtomicForm*>(i.form);
  Access access;
  resolve(w, i, form, mask, access);
  const T *b = w.at<T>(i.b), *c = w.at<T>(i.c);
  for (int l = 0; l < kWarpSize; ++l) {
    if (!(mask >> l & 1)) continue;
    Word* at = reinterpret_cast<Word*>(access.host[l]);
    Word before = __atomic_load_n(at, __ATOMIC_RELAXED), after;
    bool shared = !std::is_same<F, OnShared>::value && isShared(w, form, l);
    do {
      T value, result;
      std::memcpy(&value, &before, sizeof value);
      result = shared ? stateless<OnShared>()(value, b[l], c[l]) : stateless<F>()(value, b[l], c[l]);
      std::memcpy(&after, &result, sizeof after);
    } while (!__atomic_compare_exchange_n(at, &before, after, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    if (form.returns) std::memcpy(w.at<Word>(i.d) + l, &before, sizeof before);
  }
  if (form.returns) noteAtomicRead(w, form, mask, access);
}

struct AtomicOp {
  Handler run;
  int sources;
};

template <class Word, class T, class F>
AtomicOp make(F, int sources = 1) {
  return {runAtomic<Word, T, F>, sources};
}
template <class Word, class T, class F, class OnShared>
AtomicOp makeBySpace(F, OnShared) {
  return {runAtomic<Word, T, F, OnShared>, 1};
}

template <class U, class S>
void addWidth(std::map<std::string, AtomicOp>& ops, const std::string& bits) {
  ops["add.u" + bits] = make<U, U>([](U a, U b, U) { return static_cast<U>(a + b); });
  ops["min.u" + bits] = make<U, U>([](U a, U b, U) { return std::min(a, b); });
  ops["max.u" + bits] = make<U, U>([](U a, U b, U) { return std::max(a, b); });
  ops["min.s" + bits] = make<U, S>([](S a, S b, S) { return std::min(a, b); });
  ops["max.s" + bits] = make<U, S>([](S a, S b, S) { return std::max(a, b); });
  ops["and.b" + bits] = make<U, U>([](U a, U b, U) { return static_cast<U>(a & b); });
  ops["or.b" + bits] = make<U, U>([](U a, U b, U) { return static_cast<U>(a | b); });
  ops["xor.b" + bits] = make<U, U>([](U a, U b, U) { return static_cast<U>(a ^ b); });
  ops["exch.b" + bits] = make<U, U>([](U, U b, U) { return b; });
  ops["cas.b" + bits] = make<U, U>([](U a, U b, U c) { return a == b ? c : a; }, 2);
}

const std::map<std::string, AtomicOp>& operations() {
  static const std::map<std::string, AtomicOp> table = [] {
    std::map<std::string, AtomicOp> ops;
    addWidth<u32, i32>(ops, "32");
    addWidth<u64, i64>(ops, "64");
    // Only of 32 bits: these.
    ops["add.s32"] = ops.at("add.u32");
    ops["inc.u32"] = make<u32, u32>([](u32 a, u32 b, u32) { return a >= b ? 0 : a + 1; });
    ops["dec.u32"] = make<u32, u32>([](u32 a, u32 b, u32) { return a == 0 || a > b ? b : a - 1; });
    // On global memory subnormal operands and results count as zeros, on shared memory they do not.
    ops["add.f32"] =
        makeBySpace<u32, f32>([](f32 a, f32 b, f32) { return canonical(flush(flush(a) + flush(b))); },
                              [](f32 a, f32 b, f32) { return canonical(a + b); });
    ops["add.f64"] = make<u64, f64>([](f64 a, f64 b, f64) { return a + b; });
    return ops;
  }();
  return table;
}

const std::map<std::string, Space> kSpaces = {
    {"global", Space::kGlobal}, {"shared", Space::kShared}, {"shared::cta", Space::kShared}};

using Rule = ModifierTable::Rule;
const std::string kTypes = "b32 b64 u32 u64 s32 s64 f32 f64";
const ModifierTable kAtoms("atom",
                           {{"order", "relaxed acquire release acq_rel"},
                            {"scope", "cta gpu sys"},
                            {"space", "global shared shared::cta"},
                            {"operation", "add min max and or xor inc dec exch cas"},
                            {"type", kTypes}},
                           {});
const ModifierTable kReductions("red",
                                {{"order", "relaxed release"},
                                 {"scope", "cta gpu sys"},
                                 {"space", "global shared shared::cta"},
                                 {"operation", "add min max and or xor inc dec"},
                                 {"type", kTypes}},
                                {});

void decodeAtomic(Decoder& decoder, const Statement& s, Instruction& i, bool returns) {
  AtomicForm& form = decoder.makeForm<AtomicForm>(i);
  form.returns = returns;
  form.atomic = form.store = true;
  Modifiers given(decoder, returns ? kAtoms : kReductions, splitModifiers(s.opcode));
  const std::string operation = given["operation"] + "." + given["type"];
  auto found = operations().find(operation);
  if (found == operations().end()) decoder.fail("unknown atomic operation " + operation);
  auto space = kSpaces.find(given["space"]);
  if (space != kSpaces.end()) form.space = space->second;
  bool both = given.has("acq_rel"), ofBlock = given.has("cta");
  form.releases = (both || given.has("release")) && !ofBlock;
  form.acquires = (both || given.has("acquire")) && !ofBlock;
  const AtomicOp& op = found->second;
  form.elementBytes = static_cast<u8>(typeBytes("." + given["type"]));
  u8 bits = form.elementBytes * 8;
  const Takes takes = takesOf(given["type"]);
  size_t first = returns ? 1 : 0;
  decoder.expectOperands(first + 1 + static_cast<size_t>(op.sources));
  if (returns) i.d = decoder.destination(s.operands[0], bits, takes | kTakesSink);
  decoder.address(s.operands[first], form);
  i.b = decoder.source(s.operands[first + 1], bits, takes);
  i.c = op.sources == 2 ? decoder.source(s.operands[first + 2], bits, takes) : i.b;
  i.run = op.run;
}

}  // namespace

void addAtomicOps(OpTable& t) {
  t.family("atom", Class::kAtomic,
           [](Decoder& d, const Statement& s, Instruction& i) { decodeAtomic(d, s, i, true); });
  t.family("red", Class::kAtomic,
           [](Decoder& d, const Statement& s, Instruction& i) { decodeAtomic(d, s, i, false); });
}

}  // namespace emulator
