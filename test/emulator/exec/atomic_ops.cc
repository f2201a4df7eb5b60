// atom and red (PTX manual 9.7.13), on global, shared and generic addresses.
#include <algorithm>
#include <cstring>

#include "exec/decoder.h"
#include "exec/float_math.h"
#include "exec/memory_access.h"
#include "exec/op_table.h"
#include "ptx/types.h"

namespace emulator {
namespace {

struct AtomicForm : MemoryForm {
  bool returns = true;
};

// Lanes go one after the other, in order. Blocks on other host threads use the same words, so each step is a
// real compare-and-swap.
template <class Bits, class T, class F>
void runAtomic(Warp& w, const Instruction& i, u32 mask) {
  const auto& form = *static_cast<const AtomicForm*>(i.form);
  Access access;
  resolve(w, i, form, mask, access);
  const T *b = w.at<T>(i.b), *c = w.at<T>(i.c);
  for (int l = 0; l < kWarpSize; ++l) {
    if (!(mask >> l & 1)) continue;
    Bits* at = reinterpret_cast<Bits*>(access.host[l]);
    Bits before = __atomic_load_n(at, __ATOMIC_RELAXED), after;
    do {
      T value, result;
      std::memcpy(&value, &before, sizeof value);
      result = stateless<F>()(value, b[l], c[l]);
      std::memcpy(&after, &result, sizeof after);
    } while (!__atomic_compare_exchange_n(at, &before, after, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    if (form.returns) std::memcpy(w.at<Bits>(i.d) + l, &before, sizeof before);
  }
  if (form.returns) noteAtomicRead(w, form, mask, access);
}

struct AtomicOp {
  Handler run;
  int sources;
  bool isFloat;
};

template <class Bits, class T, class F>
AtomicOp make(F, int sources = 1) {
  return {runAtomic<Bits, T, F>, sources, std::is_floating_point<T>::value};
}

template <class U, class S>
void addWidth(std::map<std::string, AtomicOp>& ops, const std::string& bits) {
  auto sum = make<U, U>([](U a, U b, U) { return static_cast<U>(a + b); });
  ops["add.u" + bits] = ops["add.s" + bits] = sum;
  ops["min.u" + bits] = make<U, U>([](U a, U b, U) { return std::min(a, b); });
  ops["max.u" + bits] = make<U, U>([](U a, U b, U) { return std::max(a, b); });
  ops["min.s" + bits] = make<U, S>([](S a, S b, S) { return std::min(a, b); });
  ops["max.s" + bits] = make<U, S>([](S a, S b, S) { return std::max(a, b); });
  ops["and.b" + bits] = make<U, U>([](U a, U b, U) { return static_cast<U>(a & b); });
  ops["or.b" + bits] = make<U, U>([](U a, U b, U) { return static_cast<U>(a | b); });
  ops["xor.b" + bits] = make<U, U>([](U a, U b, U) { return static_cast<U>(a ^ b); });
  ops["exch.b" + bits] = make<U, U>([](U, U b, U) { return b; });
  ops["cas.b" + bits] = make<U, U>([](U a, U b, U c) { return a == b ? c : a; }, 2);
  ops["inc.u" + bits] = make<U, U>([](U a, U b, U) { return a >= b ? U{0} : static_cast<U>(a + 1); });
  ops["dec.u" + bits] = make<U, U>([](U a, U b, U) { return a == 0 || a > b ? b : static_cast<U>(a - 1); });
}

const std::map<std::string, AtomicOp>& operations() {
  static const std::map<std::string, AtomicOp> table = [] {
    std::map<std::string, AtomicOp> ops;
    addWidth<u32, i32>(ops, "32");
    addWidth<u64, i64>(ops, "64");
    // On global memory the hardware's f32 addition flushes no subnormals.
    ops["add.f32"] = make<u32, f32>([](f32 a, f32 b, f32) { return canonical(a + b); });
    ops["add.f64"] = make<u64, f64>([](f64 a, f64 b, f64) { return a + b; });
    return ops;
  }();
  return table;
}

const std::map<std::string, Space> kSpaces = {
    {"global", Space::kGlobal}, {"shared", Space::kShared}, {"shared::cta", Space::kShared}};

// atom[.order][.scope][.space].operation.type
void decodeAtomic(Decoder& decoder, const Statement& s, Instruction& i, bool returns) {
  AtomicForm& form = decoder.makeForm<AtomicForm>(i);
  form.returns = returns;
  form.atomic = form.store = true;
  std::vector<std::string> parts = splitModifiers(s.opcode);
  if (parts.size() < 3) decoder.fail("an atomic without an operation");
  auto found = operations().find(parts[parts.size() - 2] + "." + parts.back());
  if (found == operations().end())
    decoder.fail("unknown atomic operation (test/emulator/exec/atomic_ops.cc)");
  bool ofBlock = false;
  for (size_t p = 1; p + 2 < parts.size(); ++p) {
    auto space = kSpaces.find(parts[p]);
    bool order =
        parts[p] == "relaxed" || parts[p] == "acquire" || parts[p] == "release" || parts[p] == "acq_rel";
    form.releases |= parts[p] == "release" || parts[p] == "acq_rel";
    form.acquires |= parts[p] == "acquire" || parts[p] == "acq_rel";
    ofBlock |= parts[p] == "cta";
    bool scope = parts[p] == "cta" || parts[p] == "gpu" || parts[p] == "sys";
    if (space != kSpaces.end()) {
      form.space = space->second;
    } else if (!order && !scope) {
      decoder.fail("unknown modifier ." + parts[p] + " (test/emulator/exec/atomic_ops.cc)");
    }
  }
  form.releases &= !ofBlock;
  form.acquires &= !ofBlock;
  const AtomicOp& op = found->second;
  form.elementBytes = static_cast<u8>(typeBytes("." + parts.back()));
  u8 bits = form.elementBytes * 8;
  size_t first = returns ? 1 : 0;
  decoder.expectOperands(first + 1 + static_cast<size_t>(op.sources));
  if (returns) i.d = decoder.destination(s.operands[0], bits);
  decoder.address(s.operands[first], form);
  i.b = decoder.source(s.operands[first + 1], bits, op.isFloat);
  i.c = op.sources == 2 ? decoder.source(s.operands[first + 2], bits, op.isFloat) : i.b;
  i.run = op.run;
}

}  // namespace

void addAtomicOps(OpTable& t) {
  t.special("atom", Class::kAtomic,
            [](Decoder& d, const Statement& s, Instruction& i) { decodeAtomic(d, s, i, true); });
  t.special("red", Class::kAtomic,
            [](Decoder& d, const Statement& s, Instruction& i) { decodeAtomic(d, s, i, false); });
}

}  // namespace emulator
