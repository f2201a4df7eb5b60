// Fragments of ldmatrix and mma.sync: the index formulas are those of the PTX manual, section by section.
#include <cmath>

#include "exec/float_math.h"
#include "tests/harness.h"

namespace emulator::tests {
namespace {

// The element that register element `i` of a lane holds: groupID = lane >> 2, threadID_in_group = lane % 4.
struct Place {
  int row, column;
};
using PlaceOf = Place (*)(int lane, int i);

// "Matrix Fragments for mma.m16n8k16 with floating point type", .f16 and .bf16
Place placeA16(int lane, int i) {
  int group = lane >> 2, thread = lane % 4;
  return {(0 <= i && i < 2) || (4 <= i && i < 6) ? group : group + 8,
          thread * 2 + (i & 1) + (i >= 4 ? 8 : 0)};
}
Place placeB16(int lane, int i) { return {lane % 4 * 2 + (i & 1) + (i >= 2 ? 8 : 0), lane >> 2}; }
// "Matrix Fragments for mma.m16n8k8": .tf32, and .f16 and .bf16
Place placeATf32(int lane, int i) {
  int group = lane >> 2, thread = lane % 4;
  return {i == 0 || i == 2 ? group : group + 8, i < 2 ? thread : thread + 4};
}
Place placeBTf32(int lane, int i) { return {i == 0 ? lane % 4 : lane % 4 + 4, lane >> 2}; }
Place placeA8(int lane, int i) { return {i < 2 ? lane >> 2 : (lane >> 2) + 8, lane % 4 * 2 + (i & 1)}; }
Place placeB8(int lane, int i) { return {lane % 4 * 2 + i, lane >> 2}; }
// Accumulators of both.
Place placeC(int lane, int i) { return {i < 2 ? lane >> 2 : (lane >> 2) + 8, lane % 4 * 2 + (i & 1)}; }

// Small integers, which every format holds and every order of summation adds up exactly.
f32 elementA(Place p) { return static_cast<f32>((p.row * 5 + p.column * 3) % 7 - 3); }
f32 elementB(Place p) { return static_cast<f32>((p.row * 2 + p.column * 7) % 9 - 4); }
f32 elementC(Place p) { return static_cast<f32>(p.row * 8 + p.column - 50); }

u32 brainBits(f32 v) { return bitsOf(v) >> 16; }
// Of an integer below 2048: the fraction moves from 23 bits to 10, the bias from 127 to 15.
u32 halfBits(f32 v) {
  u32 bits = bitsOf(v);
  return v == 0 ? 0 : (bits >> 16 & 0x8000) | (((bits >> 23 & 255) - 112) << 10) | (bits >> 13 & 0x3ff);
}
// The low 13 bits of a tf32 operand are ignored.
u32 tf32Bits(f32 v) { return bitsOf(v) | 0x1abc; }

struct Shape {
  const char* opcode;
  int k, perRegister;
  u32 (*bits)(f32);
  PlaceOf a, b;
};

std::string list(const std::string& name, int first, int count) {
  std::string text = "{";
  for (int r = 0; r < count; ++r) text += (r ? ", " : "") + name + std::to_string(first + r);
  return text + "}";
}

void checkMma(const Shape& shape) {
  const int bits = 32 / shape.perRegister, registersB = shape.k * 8 / 32 / shape.perRegister;
  const int registersA = 2 * registersB, all = registersA + registersB + 4;
  std::vector<u32> fragments(32 * static_cast<size_t>(all), 0);
  for (int lane = 0; lane < 32; ++lane) {
    u32* of = &fragments[static_cast<size_t>(lane * all)];
    for (int i = 0; i < registersA * shape.perRegister; ++i)
      of[i / shape.perRegister] |= shape.bits(elementA(shape.a(lane, i))) << (i % shape.perRegister * bits);
    of += registersA;
    for (int i = 0; i < registersB * shape.perRegister; ++i)
      of[i / shape.perRegister] |= shape.bits(elementB(shape.b(lane, i))) << (i % shape.perRegister * bits);
    of += registersB;
    for (int i = 0; i < 4; ++i) of[i] = bitsOf(elementC(placeC(lane, i)));
  }
  std::string body =
      "ld.param.u64 %rd1, [p0];\nld.param.u64 %rd2, [p1];\nmov.u32 %r40, %laneid;\nmul.wide.u32 "
      "%rd3, %r40, " +
      std::to_string(4 * all) + ";\nadd.s64 %rd4, %rd1, %rd3;\n";
  for (int r = 0; r < all; ++r) {
    std::string name = (r < all - 4 ? "%r" : "%f") + std::to_string(r);
    body += "ld.global.b32 " + name + ", [%rd4+" + std::to_string(4 * r) + "];\n";
  }
  body += std::string("mma.sync.aligned.") + shape.opcode + " {%f20, %f21, %f22, %f23}, " +
          list("%r", 0, registersA) + ", " + list("%r", registersA, registersB) + ", " +
          list("%f", all - 4, 4) +
          ";\nmul.wide.u32 %rd5, %r40, 16;\nadd.s64 %rd6, %rd2, %rd5;\n"
          "st.global.v4.f32 [%rd6], {%f20, %f21, %f22, %f23};";
  Device device;
  device.load(wrap(body, 2).c_str());
  u64 in = device.upload(fragments), out = device.allocate(32 * 16);
  expectResult(device.launch("test", 1, 32, {&in, &out}), kSuccess, shape.opcode + device.report());
  std::vector<f32> d = device.download<f32>(out, 32 * 4);
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) {
      Place at = placeC(lane, i);
      f32 wanted = elementC(at);
      for (int k = 0; k < shape.k; ++k) wanted += elementA({at.row, k}) * elementB({k, at.column});
      expect(d[static_cast<size_t>(lane * 4 + i)] == wanted,
             std::string(shape.opcode) + ": lane " + std::to_string(lane) + ", element " + std::to_string(i));
    }
  }
}

EMULATOR_TEST(mmaFragments) {
  checkMma({"m16n8k16.row.col.f32.bf16.bf16.f32", 16, 2, brainBits, placeA16, placeB16});
  checkMma({"m16n8k16.row.col.f32.f16.f16.f32", 16, 2, halfBits, placeA16, placeB16});
  checkMma({"m16n8k8.row.col.f32.tf32.tf32.f32", 8, 1, tf32Bits, placeATf32, placeBTf32});
  checkMma({"m16n8k8.row.col.f32.bf16.bf16.f32", 8, 2, brainBits, placeA8, placeB8});
  checkMma({"m16n8k8.row.col.f32.f16.f16.f32", 8, 2, halfBits, placeA8, placeB8});
}

const char* const kShared = ".shared .align 16 .b8 s[512];\n";

// Shared memory holds the numbers 0 to 255 as 16 bits: row r (of 32) is 8 r to 8 r + 7. Lane l names row l.
const char* const kFill =
    "ld.param.u64 %rd1, [p0];\nmov.u32 %r20, %laneid;\nmov.u32 %r21, s;\nshl.b32 %r22, %r20, 4;\nadd.s32 "
    "%r23, "
    "%r21, %r22;\nshl.b32 %r24, %r20, 3;\nmad.lo.u32 %r25, %r24, 65537, 65536;\nadd.s32 %r26, %r25, "
    "131074;\nadd.s32 %r27, %r26, 131074;\nadd.s32 %r28, %r27, 131074;\nst.shared.v4.u32 [%r23], {%r25, "
    "%r26, "
    "%r27, %r28};\nbar.warp.sync -1;\nmov.u32 %r1, 0;\nmov.u32 %r2, 0;\nmov.u32 %r3, 0;\n";

void checkLoadMatrix(const std::string& modifiers, int matrices, bool transposed) {
  std::string body = kFill + ("ldmatrix.sync.aligned.m8n8." + modifiers + ".shared.b16 ") +
                     list("%r", 0, matrices) +
                     ", [%r23];\nmul.wide.u32 %rd2, %r20, 16;\nadd.s64 %rd3, %rd1, "
                     "%rd2;\nst.global.v4.u32 [%rd3], {%r0, %r1, %r2, %r3};";
  Device device;
  device.load(wrap(body, 1, kShared).c_str());
  u64 out = device.allocate(32 * 16);
  expectResult(device.launch("test", 1, 32, {&out}), kSuccess, modifiers + device.report());
  std::vector<u32> got = device.download<u32>(out, 32 * 4);
  for (u32 t = 0; t < 32; ++t) {
    for (u32 j = 0; j < static_cast<u32>(matrices); ++j) {
      auto element = [&](u32 row, u32 column) {
        return transposed ? (8 * j + column) * 8 + row : (8 * j + row) * 8 + column;
      };
      u32 wanted = element(t / 4, t % 4 * 2) | element(t / 4, t % 4 * 2 + 1) << 16;
      expect(got[t * 4 + j] == wanted,
             modifiers + ": lane " + std::to_string(t) + ", matrix " + std::to_string(j));
    }
  }
}

EMULATOR_TEST(loadMatrix) {
  checkLoadMatrix("x1", 1, false);
  checkLoadMatrix("x2", 2, false);
  checkLoadMatrix("x4", 4, false);
  checkLoadMatrix("x1.trans", 1, true);
  checkLoadMatrix("x2.trans", 2, true);
  checkLoadMatrix("x4.trans", 4, true);
}

void expectFault(const std::string& body, CUresult code, const std::string& words, u32 threads = 32) {
  Device device;
  device.load(wrap(kFill + body, 1, kShared).c_str());
  u64 out = device.allocate(512);
  expectResult(device.launch("test", 1, threads, {&out}), code, words + " " + device.report());
  expect(device.report().find(words) != std::string::npos, device.report());
}

EMULATOR_TEST(matrixFaults) {
  expectFault(
      "add.s32 %r30, %r23, 16;\nldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r0, %r1, %r2, %r3}, [%r30];", 700,
      "out of bounds");
  expectFault("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r0}, [%r23+2];", 716, "misaligned");
  expectFault("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r0}, [%r23];", 719, "without the whole warp", 31);
  expectFault("setp.lt.u32 %p1, %r20, 16;\n@%p1 ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r0}, [%r23];", 719,
              "without the whole warp");
}

}  // namespace
}  // namespace emulator::tests
