#include "exec/compare_forms.h"

namespace emulator {
namespace {

u32 combined(SetpForm::Combine combine, u32 a, u32 b) {
  switch (combine) {
    case SetpForm::kAnd:
      return a & b;
    case SetpForm::kOr:
      return a | b;
    case SetpForm::kXor:
      return a ^ b;
    case SetpForm::kNone:
      break;
  }
  return a;
}

SetpForm::Combine combineOf(const std::string& opcode) {
  if (opcode.find(".and.") != std::string::npos) return SetpForm::kAnd;
  if (opcode.find(".or.") != std::string::npos) return SetpForm::kOr;
  if (opcode.find(".xor.") != std::string::npos) return SetpForm::kXor;
  return SetpForm::kNone;
}

}  // namespace

void storeCombined(Warp& w, const Instruction& i, u32 mask, u32 result) {
  const auto& form = *static_cast<const SetpForm*>(i.form);
  u32 other = form.combine == SetpForm::kNone ? 0 : w.predicate(i.c) ^ (form.negated ? kAllLanes : 0);
  u32 first = combined(form.combine, result, other), second = combined(form.combine, ~result, other);
  u32& p = w.predicate(i.d);
  p = (p & ~mask) | (first & mask);
  if (!form.hasSecond) return;
  u32& q = w.predicate(form.second);
  q = (q & ~mask) | (second & mask);
}

SetpForm& decodeSetp(Decoder& decoder, const Statement& s, Instruction& i, u8 bits) {
  SetpForm& form = decoder.makeForm<SetpForm>(i);
  form.combine = combineOf(s.opcode);
  decoder.expectOperands(form.combine == SetpForm::kNone ? 3 : 4);
  const OperandText& target = s.operands[0];
  form.hasSecond = target.kind == OperandText::kPair;
  if (form.hasSecond && target.parts[0].kind == OperandText::kSink &&
      target.parts[1].kind == OperandText::kSink)
    decoder.fail("a comparison without a result");
  i.d = decoder.destination(form.hasSecond ? target.parts[0] : target, 1, kTakesSink);
  if (form.hasSecond) form.second = decoder.destination(target.parts[1], 1, kTakesSink);
  const Takes takes = takesOf(splitModifiers(s.opcode).back());
  i.a = decoder.source(s.operands[1], bits, takes);
  i.b = decoder.source(s.operands[2], bits, takes);
  if (form.combine != SetpForm::kNone) {
    i.c = decoder.predicate(s.operands[3], form.negated);
  }
  return form;
}

}  // namespace emulator
