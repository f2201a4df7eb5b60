// Control flow, calls, barriers and fences (PTX manual 9.7.12 and 9.7.13).
#include <cstring>

#include "exec/decoder.h"
#include "exec/memory_access.h"
#include "exec/op_table.h"

namespace emulator {
namespace {

void decodeBranch(Decoder& decoder, const Statement& s, Instruction& i) {
  decoder.expectOperands(1);
  i.target = decoder.labelTarget(s.operands[0].name);
  i.run = [](Warp& w, const Instruction& at, u32 mask) { w.branch(at.target, mask); };
}

struct IndexedBranchForm {
  std::vector<u32> targets;
};

void runIndexedBranch(Warp& w, const Instruction& i, u32 mask) {
  const auto& targets = static_cast<const IndexedBranchForm*>(i.form)->targets;
  const u32* index = w.at<u32>(i.a);
  u32 next = w.pc, staying = w.mask & ~mask;
  if (staying) w.parked.push_back({next, staying, w.returns, nullptr});
  for (u32 left = mask; left;) {
    int lane = __builtin_ctz(left);
    if (index[lane] >= targets.size())
      reportMisuse(w, i, lane, kLaunchFailed,
                   "branch index beyond the list, index " + std::to_string(index[lane]));
    u32 same = 0;
    for (u32 l = 0; l < kWarpSize; ++l) same |= static_cast<u32>(index[l] == index[lane]) << l;
    same &= left;
    left &= ~same;
    if (left || staying) ++w.block->worker->counters.divergentBranches;
    if (left) {
      w.parked.push_back({targets[index[lane]], same, w.returns, nullptr});
    } else {
      w.pc = targets[index[lane]];
      w.mask = same;
    }
  }
  w.yield();
}

// brx.idx index, name of a list of labels;
void decodeIndexedBranch(Decoder& decoder, const Statement& s, Instruction& i) {
  decoder.expectOperands(2);
  i.a = decoder.source(s.operands[0], 32);
  auto list = decoder.function().branchTargets.find(s.operands[1].name);
  if (list == decoder.function().branchTargets.end()) decoder.fail("unknown list " + s.operands[1].name);
  IndexedBranchForm& form = decoder.makeForm<IndexedBranchForm>(i);
  for (const std::string& label : list->second) form.targets.push_back(decoder.labelTarget(label));
  i.run = runIndexedBranch;
}

// Parameters are copied between the memory of caller and callee, which every thread has its own of.
struct CallForm {
  struct Copy {
    u64 from, to, bytes;
  };
  std::vector<Copy> in, out;
};

void copy(Warp& w, const std::vector<CallForm::Copy>& copies, u32 mask) {
  u32 size = w.block->launch->program->localBytes;
  for (const CallForm::Copy& c : copies) {
    for (int l = 0; l < kWarpSize; ++l) {
      if (!(mask >> l & 1)) continue;
      u64 lane = static_cast<u64>(l) * size;
      std::memcpy(&w.local[lane + c.to], &w.local[lane + c.from], c.bytes);
      std::memcpy(&w.localWritten[lane + c.to], &w.localWritten[lane + c.from], c.bytes);
    }
  }
}

void runCall(Warp& w, const Instruction& i, u32 mask) {
  copy(w, static_cast<const CallForm*>(i.form)->in, mask);
  if (mask != w.mask) w.parked.push_back({w.pc, w.mask & ~mask, w.returns, nullptr});
  w.mask = mask;
  w.returns.push_back(w.pc);
  w.pc = i.target;
  w.yield();
}

void runReturn(Warp& w, const Instruction&, u32 mask) {
  if (w.returns.empty()) return w.exit(mask);
  if (mask != w.mask) w.parked.push_back({w.pc, w.mask & ~mask, w.returns, nullptr});
  w.mask = mask;
  w.pc = w.returns.back();
  w.returns.pop_back();
  const Instruction& call = w.block->launch->program->code[w.pc - 1];
  copy(w, static_cast<const CallForm*>(call.form)->out, mask);
  w.yield();
}

void matchParams(Decoder& decoder, const OperandText* list, const std::vector<Variable*>& params, bool in,
                 CallForm& form) {
  size_t count = list ? list->parts.size() : 0;
  if (count != params.size()) decoder.fail("a call with another number of parameters");
  for (size_t p = 0; p < count; ++p) {
    const OperandText& argument = list->parts[p];
    if (argument.kind != OperandText::kVariable || argument.variable->size != params[p]->size)
      decoder.fail("a call with another parameter");
    u64 outer = decoder.placeOf(*argument.variable), inner = decoder.placeOf(*params[p]);
    (in ? form.in : form.out)
        .push_back(in ? CallForm::Copy{outer, inner, params[p]->size}
                      : CallForm::Copy{inner, outer, params[p]->size});
  }
}

// call.uni (results), name, (arguments): both lists may be absent.
void decodeCall(Decoder& decoder, const Statement& s, Instruction& i) {
  CallForm& form = decoder.makeForm<CallForm>(i);
  const auto& o = s.operands;
  size_t at = !o.empty() && o[0].kind == OperandText::kList ? 1 : 0;
  if (at >= o.size() || o[at].kind != OperandText::kFunction)
    decoder.fail("only direct calls are supported (test/emulator/exec/control_ops.cc)");
  const Function& callee = decoder.calledFunction(o[at].name);
  bool hasArguments = o.size() == at + 2 && o[at + 1].kind == OperandText::kList;
  if (o.size() != at + 1 && !hasArguments)
    decoder.fail("only direct calls are supported (test/emulator/exec/control_ops.cc)");
  matchParams(decoder, hasArguments ? &o[at + 1] : nullptr, callee.params, true, form);
  matchParams(decoder, at ? &o[0] : nullptr, callee.returns, false, form);
  i.target = decoder.entryOf(callee);
  i.run = runCall;
}

template <Handler Run>
void decodeBare(Decoder& decoder, const Statement&, Instruction& i) {
  decoder.expectOperands(0);
  i.run = Run;
}

void runExit(Warp& w, const Instruction&, u32 mask) { w.exit(mask); }
void runTrap(Warp& w, const Instruction& i, u32 mask) {
  reportMisuse(w, i, __builtin_ctz(mask), kLaunchFailed, "trap");
}
template <bool Sequential>
void runFence(Warp& w, const Instruction&, u32 mask) {
  fence(w, mask, Sequential);
}
void runNothing(Warp&, const Instruction&, u32) {}

void decodeSleep(Decoder& decoder, const Statement& s, Instruction& i) {
  decoder.expectOperands(1);
  i.a = decoder.source(s.operands[0], 32);
  i.run = runNothing;
}

u32 literal(Decoder& decoder, const OperandText& operand, u32 limit) {
  if (operand.kind != OperandText::kInteger || operand.value < 0 || operand.value > limit) {
    decoder.fail("the numbers of a barrier must be literals in range (test/emulator/exec/control_ops.cc)");
  }
  return static_cast<u32>(operand.value);
}

// bar.sync id[, threads];  bar.arrive id, threads;  bar.red.op d, id[, threads], [!]p;
template <BarrierKind Kind, bool Aligned>
void decodeBarrier(Decoder& decoder, const Statement& s, Instruction& i) {
  BarrierForm& form = decoder.makeForm<BarrierForm>(i);
  form.kind = Kind;
  form.aligned = Aligned;
  size_t at = 0, end = s.operands.size();
  constexpr bool kArrives = Kind == BarrierKind::kArrive;
  if constexpr (Kind != BarrierKind::kSync && !kArrives) {
    if (end < 3) decoder.fail("too few operands");
    i.d = decoder.destination(s.operands[at++], Kind == BarrierKind::kPopcount ? 32 : 1);
    i.a = decoder.predicate(s.operands[--end], form.sourceNegated);
  }
  if (end != at + 1 && end != at + 2) decoder.fail("expected a barrier and perhaps a count");
  i.immediate = literal(decoder, s.operands[at], 15);
  if (end == at + 2) i.target = literal(decoder, s.operands[at + 1], 1024);
  if (i.target % kWarpSize) decoder.fail("the count of a barrier must be a multiple of the warp size");
  if (kArrives && !i.target) decoder.fail("an arrival needs a count");
  i.run = [](Warp& w, const Instruction& barrier, u32 mask) {
    if (mask != w.mask)
      reportMisuse(w, barrier, __builtin_ctz(mask), kLaunchFailed,
                   "divergent barrier: its guard parts the warp");
    kArrives ? w.block->barriers.arrive(w, barrier) : w.block->barriers.wait(w, barrier);
  };
}

// `aligned` stands behind the operation: barrier.red.popc.aligned.u32. The old name bar is always aligned.
template <bool Aligned>
void addBarriers(OpTable& t, const std::string& name, const std::string& aligned) {
  t.special(name + ".sync" + aligned, Class::kBarrier, decodeBarrier<BarrierKind::kSync, Aligned>);
  t.special(name + ".arrive" + aligned, Class::kBarrier, decodeBarrier<BarrierKind::kArrive, Aligned>);
  t.special(name + ".red.popc" + aligned + ".u32", Class::kBarrier,
            decodeBarrier<BarrierKind::kPopcount, Aligned>);
  t.special(name + ".red.and" + aligned + ".pred", Class::kBarrier,
            decodeBarrier<BarrierKind::kAnd, Aligned>);
  t.special(name + ".red.or" + aligned + ".pred", Class::kBarrier, decodeBarrier<BarrierKind::kOr, Aligned>);
}

}  // namespace

void addControlOps(OpTable& t) {
  for (const char* name : {"bra", "bra.uni"}) t.special(name, Class::kBranch, decodeBranch);
  for (const char* name : {"brx.idx", "brx.idx.uni"}) t.special(name, Class::kBranch, decodeIndexedBranch);
  for (const char* name : {"call", "call.uni"}) t.special(name, Class::kBranch, decodeCall);
  for (const char* name : {"ret", "ret.uni"}) t.special(name, Class::kBranch, decodeBare<runReturn>);
  t.special("exit", Class::kBranch, decodeBare<runExit>);
  t.special("trap", Class::kOther, decodeBare<runTrap>);
  for (const char* name : {"membar.gl", "membar.sys", "fence.sc.gpu", "fence.sc.sys"})
    t.special(name, Class::kOther, decodeBare<runFence<true>>);
  for (const char* name : {"fence.acq_rel.gpu", "fence.acq_rel.sys"})
    t.special(name, Class::kOther, decodeBare<runFence<false>>);
  for (const char* name : {"membar.cta", "fence.sc.cta", "fence.acq_rel.cta"})
    t.special(name, Class::kOther, decodeBare<runNothing>);
  t.special("nanosleep.u32", Class::kOther, decodeSleep);
  for (const char* cta : {"", ".cta"}) {
    addBarriers<true>(t, std::string("bar") + cta, "");
    addBarriers<true>(t, std::string("barrier") + cta, ".aligned");
    addBarriers<false>(t, std::string("barrier") + cta, "");
  }
}

}  // namespace emulator
