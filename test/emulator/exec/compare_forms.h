// The forms that one comparison comes in: setp with one or two results, alone or combined with a predicate,
// and set.
#pragma once

#include "exec/decoder.h"
#include "exec/float_math.h"
#include "exec/op_table.h"

namespace emulator {

// setp.CMP[.BOOL] p[|q], a, b[, [!]c]:  p = (a CMP b) BOOL c,  q = !(a CMP b) BOOL c.
struct SetpForm {
  enum Combine : u8 { kNone, kAnd, kOr, kXor } combine = kNone;
  bool hasSecond = false, negated = false;
  Slot second;
};

void storeCombined(Warp& w, const Instruction& i, u32 mask, u32 result);
SetpForm& decodeSetp(Decoder& decoder, const Statement& s, Instruction& i, u8 bits);

template <class T, bool Ftz, class F>
struct Comparison {
  static bool compare(T a, T b) {
    if constexpr (Ftz) return stateless<F>()(flush(a), flush(b));
    return stateless<F>()(a, b);
  }
  static void runSetp(Warp& w, const Instruction& i, u32 mask) {
    const T *a = w.at<T>(i.a), *b = w.at<T>(i.b);
    u8 out[kWarpSize];
    for (int l = 0; l < kWarpSize; ++l) out[l] = compare(a[l], b[l]);
    storeCombined(w, i, mask, packBits(out));
  }
  static void decode(Decoder& decoder, const Statement& s, Instruction& i) {
    decodeSetp(decoder, s, i, sizeof(T) * 8);
    i.run = runSetp;
  }
};

template <class T, bool Ftz, class F>
void addComparison(OpTable& t, const std::string& name, const std::string& type, Class kind, F) {
  using C = Comparison<T, Ftz, F>;
  for (const char* combine : {"", ".and", ".or", ".xor"})
    t.special("setp." + name + combine + type, kind, C::decode);
  // .ftz stands before the types, of which set has two.
  const std::string ftz = Ftz ? ".ftz" : "", source = Ftz ? ".f32" : type;
  t.add("set." + name + ftz + ".u32" + source + " set." + name + ftz + ".s32" + source, kind,
        [](T a, T b) { return C::compare(a, b) ? 0xffffffffu : 0u; });
  // 1.0 is no result of a comparison of 16-bit floats.
  if (source == ".f16" || source == ".bf16") return;
  t.add("set." + name + ftz + ".f32" + source, kind, [](T a, T b) { return C::compare(a, b) ? 1.f : 0.f; });
}

}  // namespace emulator
