// mov, with its packing and unpacking of vectors, and cvta.
#include "exec/decoder.h"
#include "exec/float_math.h"
#include "exec/memory_access.h"
#include "exec/op_table.h"

namespace emulator {
namespace {

template <class T>
void runMove(Warp& w, const Instruction& i, u32 mask) {
  store(w, i.d, mask, w.at<T>(i.a));
}

void runMovePredicate(Warp& w, const Instruction& i, u32 mask) {
  u32& d = w.predicate(i.d);
  d = (d & ~mask) | ((w.predicate(i.a) ^ static_cast<u32>(i.immediate)) & mask);
}

void runSetPredicate(Warp& w, const Instruction& i, u32 mask) {
  u32& d = w.predicate(i.d);
  d = (d & ~mask) | (static_cast<u32>(i.immediate) & mask);
}

// mov.b64 %rd, {%r1, %r2} and its reverse: the first element is the lowest.
struct VectorForm {
  u8 elementBytes = 4, wholeBytes = 8, count = 2;
  Slot elements[4];
};

u64 readLane(const Warp& w, Slot slot, u8 bytes, int lane) {
  u64 value = 0;
  std::memcpy(&value, w.at<u8>(slot) + lane * bytes, bytes);
  return value;
}
void writeLane(const Warp& w, Slot slot, u8 bytes, int lane, u64 value) {
  std::memcpy(w.at<u8>(slot) + lane * bytes, &value, bytes);
}

void runPack(Warp& w, const Instruction& i, u32 mask) {
  const auto& form = *static_cast<const VectorForm*>(i.form);
  for (int l = 0; l < kWarpSize; ++l) {
    if (!(mask >> l & 1)) continue;
    u64 whole = 0;
    for (int e = 0; e < form.count; ++e)
      whole |= readLane(w, form.elements[e], form.elementBytes, l) << (8 * e * form.elementBytes);
    writeLane(w, i.d, form.wholeBytes, l, whole);
  }
}

void runUnpack(Warp& w, const Instruction& i, u32 mask) {
  const auto& form = *static_cast<const VectorForm*>(i.form);
  for (int l = 0; l < kWarpSize; ++l) {
    if (!(mask >> l & 1)) continue;
    u64 whole = readLane(w, i.a, form.wholeBytes, l);
    for (int e = 0; e < form.count; ++e)
      writeLane(w, form.elements[e], form.elementBytes, l, whole >> (8 * e * form.elementBytes));
  }
}

void decodeVector(Decoder& decoder, const Statement& s, Instruction& i, u8 bits, bool pack) {
  VectorForm& form = decoder.makeForm<VectorForm>(i);
  const OperandText& vector = s.operands[pack ? 1 : 0];
  size_t count = vector.parts.size();
  if ((count != 2 && count != 4) || bits / count < 16)
    decoder.fail("a vector of this size is not known (test/emulator/exec/move_ops.cc)");
  form.count = static_cast<u8>(count);
  form.wholeBytes = bits / 8;
  form.elementBytes = static_cast<u8>(bits / 8 / count);
  u8 elementBits = form.elementBytes * 8;
  for (size_t e = 0; e < count; ++e) {
    form.elements[e] = pack ? decoder.source(vector.parts[e], elementBits, kTakesBits)
                            : decoder.destination(vector.parts[e], elementBits, kTakesBits | kTakesSink);
  }
  decoder.demandSomeResult(vector);
  (pack ? i.d : i.a) = pack ? decoder.destination(s.operands[0], bits, kTakesBits)
                            : decoder.source(s.operands[1], bits, kTakesBits);
  i.run = pack ? runPack : runUnpack;
}

template <u8 Width, Takes Of>
void decodeMove(Decoder& decoder, const Statement& s, Instruction& i) {
  decoder.expectOperands(2);
  if (Of == kTakesBits) {
    if (s.operands[0].kind == OperandText::kVector) return decodeVector(decoder, s, i, Width, false);
    if (s.operands[1].kind == OperandText::kVector) return decodeVector(decoder, s, i, Width, true);
  }
  i.d = decoder.destination(s.operands[0], Width, Of);
  i.a = decoder.source(s.operands[1], Width, Of == kTakesFloat ? Of : Of | kTakesSpecial | kTakesVariable);
  i.run = Width == 16 ? runMove<u16> : Width == 32 ? runMove<u32> : runMove<u64>;
}

void decodeMovePredicate(Decoder& decoder, const Statement& s, Instruction& i) {
  decoder.expectOperands(2);
  i.d = decoder.destination(s.operands[0], 1);
  if (s.operands[1].kind == OperandText::kInteger) {
    i.immediate = s.operands[1].value ? kAllLanes : 0;
    i.run = runSetPredicate;
    return;
  }
  bool negated = false;
  i.a = decoder.predicate(s.operands[1], negated);
  i.immediate = negated ? kAllLanes : 0;
  i.run = runMovePredicate;
}

// Global and constant addresses are generic as they are; the other spaces have a window each.
void addConversions(OpTable& t, const std::string& space) {
  const std::string to = "cvta.to" + space + ".u64", from = "cvta" + space + ".u64";
  if (space == ".global" || space == ".const") {
    t.add(to + " " + from, Class::kMove, [](Address a) { return a.value; });
  } else if (space == ".shared") {
    t.add(to, Class::kMove, [](Address a) { return a - kSharedWindow; });
    t.add(from, Class::kMove, [](Address a) { return a + kSharedWindow; });
  } else if (space == ".local") {
    t.add(to, Class::kMove, [](Address a) { return a - kLocalWindow; });
    t.add(from, Class::kMove, [](Address a) { return a + kLocalWindow; });
  } else {
    t.add(to, Class::kMove, [](Address a) { return a - kParamWindow; });
    t.add(from, Class::kMove, [](Address a) { return a + kParamWindow; });
  }
}

template <Space S>
void decodeIsSpace(Decoder& decoder, const Statement& s, Instruction& i) {
  decoder.expectOperands(2);
  i.d = decoder.destination(s.operands[0], 1);
  i.a = decoder.source(s.operands[1], 64);
  i.run = [](Warp& w, const Instruction& at, u32 mask) {
    constexpr u64 window = S == Space::kShared ? kSharedWindow : S == Space::kLocal ? kLocalWindow : 0;
    const u64* address = w.at<u64>(at.a);
    u8 inside[kWarpSize];
    for (int l = 0; l < kWarpSize; ++l) inside[l] = (address[l] & kWindowMask) == window;
    u32& d = w.predicate(at.d);
    d = (d & ~mask) | (packBits(inside) & mask);
  };
}

}  // namespace

void addMoveOps(OpTable& t) {
  t.special("mov.b16", Class::kMove, decodeMove<16, kTakesBits>);
  t.special("mov.b32", Class::kMove, decodeMove<32, kTakesBits>);
  t.special("mov.b64", Class::kMove, decodeMove<64, kTakesBits>);
  for (const char* sign : {"u", "s"}) {
    const std::string name = std::string("mov.") + sign;
    t.special(name + "16", Class::kMove, decodeMove<16, kTakesInteger>);
    t.special(name + "32", Class::kMove, decodeMove<32, kTakesInteger>);
    t.special(name + "64", Class::kMove, decodeMove<64, kTakesInteger>);
  }
  t.special("mov.f32", Class::kMove, decodeMove<32, kTakesFloat>);
  t.special("mov.f64", Class::kMove, decodeMove<64, kTakesFloat>);
  t.special("mov.pred", Class::kMove, decodeMovePredicate);
  for (const char* space : {".global", ".const", ".shared", ".local", ".param"}) addConversions(t, space);
  t.special("isspacep.global", Class::kOther, decodeIsSpace<Space::kGlobal>);
  t.special("isspacep.shared", Class::kOther, decodeIsSpace<Space::kShared>);
  t.special("isspacep.local", Class::kOther, decodeIsSpace<Space::kLocal>);
}

}  // namespace emulator
