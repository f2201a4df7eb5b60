// ldmatrix and mma.sync (PTX manual 9.7.14.5): the fragments of small matrices over the lanes of a warp.
#include <algorithm>
#include <cstring>

#include "exec/decoder.h"
#include "exec/memory_access.h"
#include "exec/narrow_float.h"
#include "exec/op_table.h"

namespace emulator {
namespace {

void demandWholeWarp(Warp& w, const Instruction& i, u32 mask) {
  if (mask != kAllLanes)
    reportMisuse(w, i, __builtin_ctz(mask), kLaunchFailed,
                 "a matrix instruction without the whole warp, only of lanes " + hex(mask));
}

struct LoadMatrixForm : MemoryForm {
  u32 matrices = 1;
  bool transposed = false;
  Slot to[4];
};

// Lanes 8 j to 8 j + 7 hold the addresses of the 8 rows of matrix j. Lane t receives two neighbours of row
// t / 4, or of column t / 4 if transposed.
void runLoadMatrix(Warp& w, const Instruction& i, u32 mask) {
  demandWholeWarp(w, i, mask);
  const auto& form = *static_cast<const LoadMatrixForm*>(i.form);
  Access access;
  resolve(w, i, form, kAllLanes >> (kWarpSize - 8 * form.matrices), access);
  for (u32 j = 0; j < form.matrices; ++j) {
    u16 m[8][8];
    for (u32 row = 0; row < 8; ++row) std::memcpy(m[row], access.host[8 * j + row], sizeof m[row]);
    u32* to = w.at<u32>(form.to[j]);
    for (u32 t = 0; t < kWarpSize; ++t) {
      u32 group = t / 4, pair = t % 4 * 2;
      u32 low = form.transposed ? m[pair][group] : m[group][pair];
      u32 high = form.transposed ? m[pair + 1][group] : m[group][pair + 1];
      to[t] = high << 16 | low;
    }
  }
}

// ldmatrix.sync.aligned.m8n8.x4[.trans][.shared].b16 {registers}, [row];  the count may stand before the
// shape.
void decodeLoadMatrix(Decoder& decoder, const Statement& s, Instruction& i) {
  decoder.expectOperands(2);
  LoadMatrixForm& form = decoder.makeForm<LoadMatrixForm>(i);
  std::vector<std::string> parts = splitModifiers(s.opcode);
  auto take = [&](const char* word) {
    auto found = std::find(parts.begin(), parts.end(), word);
    if (found == parts.end()) return false;
    parts.erase(found);
    return true;
  };
  bool known = take("ldmatrix") && take("sync") && take("aligned") && take("m8n8") && take("b16");
  form.transposed = take("trans");
  form.space = take("shared") || take("shared::cta") ? Space::kShared : Space::kGeneric;
  form.matrices = take("x1") ? 1 : take("x2") ? 2 : take("x4") ? 4 : 0;
  if (!known || !form.matrices || !parts.empty())
    decoder.fail("unknown modifiers (test/emulator/exec/matrix_ops.cc)");
  form.elementBytes = 16;
  const OperandText& vector = s.operands[0];
  if (vector.kind != OperandText::kVector || vector.parts.size() != form.matrices)
    decoder.fail("expected a register per matrix");
  for (u32 j = 0; j < form.matrices; ++j) form.to[j] = decoder.destination(vector.parts[j], 32, kTakesBits);
  decoder.address(s.operands[1], form);
  i.run = runLoadMatrix;
}

struct MmaForm {
  Slot d[4], a[4], b[2], c[4];
};

// The types of the factors: how a register holds them.
struct HalfFactor {
  static constexpr bool kPair = true;
  static f64 value(u32 bits) { return decode16(static_cast<u16>(bits), kF16); }
};
struct BrainFactor {
  static constexpr bool kPair = true;
  static f64 value(u32 bits) { return floatOf(bits << 16); }
};
struct Tf32Factor {
  static constexpr bool kPair = false;
  static f64 value(u32 bits) { return floatOf(bits & 0xffffe000u); }  // the lower bits are ignored
};

// D = A B + C, A 16 x K by rows, B K x 8 by columns. With g = lane / 4 and t = lane % 4, register r of a lane
// holds of
//   A: row g + 8 (r odd), columns 2 t and 2 t + 1 (of pairs) or t, 8 or 4 further for r >= 2;
//   B: column g, rows as the columns of A, 8 or 4 further for r = 1;
//   C and D: row g + 8 (r >= 2), column 2 t + (r odd).
// The order and the rounding of the sum are the hardware's secret: here it is taken in double and rounded
// once.
template <class Factor, int K>
void runMma(Warp& w, const Instruction& i, u32 mask) {
  demandWholeWarp(w, i, mask);
  const auto& form = *static_cast<const MmaForm*>(i.form);
  constexpr int kElements = Factor::kPair ? 2 : 1, kStep = 4 * kElements, kRegisters = K / kStep;
  f64 a[16][K], b[K][8], sum[16][8];
  for (int lane = 0; lane < kWarpSize; ++lane) {
    int g = lane / 4, t = lane % 4;
    for (int e = 0; e < kElements; ++e) {
      int k = kElements * t + e;
      for (int r = 0; r < 2 * kRegisters; ++r)
        a[g + r % 2 * 8][k + r / 2 * kStep] = Factor::value(w.at<u32>(form.a[r])[lane] >> (16 * e));
      for (int r = 0; r < kRegisters; ++r)
        b[k + r * kStep][g] = Factor::value(w.at<u32>(form.b[r])[lane] >> (16 * e));
    }
    for (int r = 0; r < 4; ++r) sum[g + r / 2 * 8][2 * t + r % 2] = w.at<f32>(form.c[r])[lane];
  }
  for (int row = 0; row < 16; ++row) {
    for (int k = 0; k < K; ++k) {
      for (int column = 0; column < 8; ++column) sum[row][column] += a[row][k] * b[k][column];
    }
  }
  for (int lane = 0; lane < kWarpSize; ++lane) {
    for (int r = 0; r < 4; ++r) {
      w.at<f32>(form.d[r])[lane] =
          canonical(static_cast<f32>(sum[lane / 4 + r / 2 * 8][lane % 4 * 2 + r % 2]));
    }
  }
}

template <class Factor, int K>
void decodeMma(Decoder& decoder, const Statement& s, Instruction& i) {
  decoder.expectOperands(4);
  MmaForm& form = decoder.makeForm<MmaForm>(i);
  constexpr size_t kRegisters = K / (Factor::kPair ? 8 : 4);
  const size_t counts[] = {4, 2 * kRegisters, kRegisters, 4};
  Slot* const slots[] = {form.d, form.a, form.b, form.c};
  constexpr Takes kFactor = kTakesInteger | (Factor::kPair ? kTakesHalf : 0);
  const Takes takes[] = {kTakesFloat | kTakesSink, kFactor, kFactor, kTakesFloat};
  for (size_t o = 0; o < 4; ++o) {
    const OperandText& vector = s.operands[o];
    if (vector.kind != OperandText::kVector || vector.parts.size() != counts[o])
      decoder.fail("a fragment with another number of registers");
    for (size_t r = 0; r < counts[o]; ++r) {
      slots[o][r] = o ? decoder.source(vector.parts[r], 32, takes[o])
                      : decoder.destination(vector.parts[r], 32, takes[0]);
    }
  }
  i.run = runMma<Factor, K>;
}

}  // namespace

void addMatrixOps(OpTable& t) {
  t.family("ldmatrix", Class::kLoad, decodeLoadMatrix);
  const std::string mma = "mma.sync.aligned.";
  t.special(mma + "m16n8k16.row.col.f32.f16.f16.f32", Class::kMma, decodeMma<HalfFactor, 16>);
  t.special(mma + "m16n8k16.row.col.f32.bf16.bf16.f32", Class::kMma, decodeMma<BrainFactor, 16>);
  t.special(mma + "m16n8k8.row.col.f32.f16.f16.f32", Class::kMma, decodeMma<HalfFactor, 8>);
  t.special(mma + "m16n8k8.row.col.f32.bf16.bf16.f32", Class::kMma, decodeMma<BrainFactor, 8>);
  t.special(mma + "m16n8k8.row.col.f32.tf32.tf32.f32", Class::kMma, decodeMma<Tf32Factor, 8>);
}

}  // namespace emulator
