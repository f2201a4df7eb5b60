// The race checker against an oracle: kernels of random accesses and barriers, of which the full history
// tells whether two accesses are unordered. The checker must report just those kernels.
#include <random>

#include "tests/planted.h"

namespace emulator::tests {
namespace {

constexpr u32 kThreads = 96, kLanes = 32, kWarps = kThreads / kLanes, kBytes = 256, kKernels = 600;

// Accesses and barriers in the order of the text, with what orders them: a clock per thread and, for each
// thread, how much of every other's it has seen.
class History {
 public:
  History() : seen_(kThreads, std::vector<u32>(kThreads, 0)), clock_(kThreads, 1) {}

  void access(u32 thread, u32 first, u32 bytes, bool write) {
    for (u32 byte = first; byte < first + bytes; ++byte) {
      for (const Access& earlier : accesses_[byte]) {
        bool ordered = earlier.thread == thread || seen_[thread][earlier.thread] >= earlier.time;
        racy_ |= (write || earlier.write) && !ordered;
      }
      accesses_[byte].push_back({thread, clock_[thread], write});
    }
  }

  void barrier(const std::vector<u32>& threads) {
    std::vector<u32> all(kThreads, 0);
    for (u32 t : threads) {
      for (u32 o = 0; o < kThreads; ++o) all[o] = std::max(all[o], seen_[t][o]);
    }
    for (u32 t : threads) all[t] = clock_[t]++;
    for (u32 t : threads) seen_[t] = all;
  }

  bool racy() const { return racy_; }

 private:
  struct Access {
    u32 thread, time;
    bool write;
  };
  std::vector<std::vector<u32>> seen_;
  std::vector<u32> clock_;
  std::vector<Access> accesses_[kBytes];
  bool racy_ = false;
};

class Kernel {
 public:
  Kernel(u32 seed, bool shared, bool parts) : random_(seed), shared_(shared), narrow_(pick(4) == 0) {
    if (shared) {
      text_ = "setp.lt.u32 %p1, %r1, 64;\n@%p1 st.shared.u32 [%r22], %r1;\nbar.sync 0;\n";
      for (u32 t = 0; t < kBytes / 4; ++t) history_.access(t, 4 * t, 4, true);
      barrierOf({0, 1, 2});
    }
    text_ += "shr.u32 %r40, %r1, 5;\nand.b32 %r41, %r1, 31;\n";
    for (u32 step = 0, steps = 4 + pick(9); step < steps; ++step) {
      u32 kind = pick(parts ? 10 : 9);
      if (kind < 3) wholeBarrier();
      if (kind == 3) warpBarrier();
      if (kind == 4 || kind == 5) warpAccess();
      if (kind == 6) wideAccess();
      if (kind == 7 || kind == 8) threadAccess();
      if (kind == 9) partBarrier();
    }
  }
  const std::string& text() const { return text_; }
  bool racy() const { return history_.racy(); }

 private:
  u32 pick(u32 below) { return static_cast<u32>(random_() % below); }
  void guard(const std::string& reg, u32 value) {
    text_ += "setp.eq.u32 %p1, " + reg + ", " + std::to_string(value) + ";\n";
  }
  // `first` of lane 0, in bytes; by lane another `step` of them.
  void access(const std::string& lane, u32 first, u32 step, const std::string& type, const std::string& regs,
              bool write, const std::string& guard) {
    text_ += "mul.lo.u32 %r42, " + lane + ", " + std::to_string(step) +
             ";\ncvt.u64.u32 %rd20, %r42;\nadd.s64 %rd21, " + "%rd1, %rd20;\nadd.s32 %r43, %r20, %r42;\n";
    std::string at = std::string(shared_ ? "[%r43+" : "[%rd21+") + std::to_string(first) + "]";
    std::string space = shared_ ? ".shared" : ".global";
    text_ += guard +
             (write ? "st" + space + type + " " + at + ", " + regs
                    : "ld" + space + type + " " + regs + ", " + at) +
             ";\n";
  }

  void threadAccess() {
    u32 thread = pick(3) * 31, bytes = narrow_ ? 1 << pick(3) : 4,
        first = pick(4) * 4 + pick(4) / bytes * bytes;
    bool write = pick(3) == 0;
    guard("%r1", thread);
    access("%r41", first, 0,
           bytes == 1   ? ".u8"
           : bytes == 2 ? ".u16"
                        : ".u32",
           bytes == 4 ? "%r50" : "%rs1", write, "@%p1 ");
    history_.access(thread, first, bytes, write);
  }
  void warpAccess() {
    u32 warp = pick(kWarps), bytes = narrow_ ? 1 << pick(3) : 4, step = pick(3) * bytes,
        first = step > 4 ? 0 : pick(4) * 32;
    bool write = step && pick(3) == 0;  // all lanes to one place would be a race at once
    guard("%r40", warp);
    access("%r41", first, step,
           bytes == 1   ? ".u8"
           : bytes == 2 ? ".u16"
                        : ".u32",
           bytes == 4 ? "%r50" : "%rs1", write, "@%p1 ");
    for (u32 l = 0; l < kLanes; ++l) history_.access(warp * kLanes + l, first + l * step, bytes, write);
  }
  void wideAccess() {
    u32 warp = pick(kWarps);
    bool write = pick(3) == 0;
    text_ += "shl.b32 %r44, %r40, 8;\nor.b32 %r44, %r44, %r41;\nand.b32 %r45, %r44, -16;\n";  // 16 lanes of 4
                                                                                              // words
    guard("%r45", warp << 8);
    access("%r41", 0, 16, ".v4.u32", "{%r50, %r51, %r52, %r53}", write, "@%p1 ");
    for (u32 l = 0; l < 16; ++l) history_.access(warp * kLanes + l, l * 16, 16, write);
  }

  void barrierOf(const std::vector<u32>& warps) {
    std::vector<u32> threads;
    for (u32 w : warps) {
      for (u32 l = 0; l < kLanes; ++l) threads.push_back(w * kLanes + l);
    }
    history_.barrier(threads);
  }
  void wholeBarrier() {
    text_ += "bar.sync 0;\n";
    barrierOf({0, 1, 2});
  }
  void warpBarrier() {
    u32 warp = pick(kWarps);
    guard("%r40", warp);
    text_ += "@%p1 bar.warp.sync -1;\n";
    barrierOf({warp});
  }
  void partBarrier() {
    u32 absent = pick(kWarps), number = ++barriers_;
    std::string label = "ON" + std::to_string(number);
    guard("%r40", absent);
    text_ +=
        "@%p1 bra " + label + ";\nbar.sync " + std::to_string(1 + number % 15) + ", 64;\n" + label + ":\n";
    barrierOf({(absent + 1) % kWarps, (absent + 2) % kWarps});
  }

  std::mt19937 random_;
  const bool shared_, narrow_;
  std::string text_;
  History history_;
  u32 barriers_ = 0;
};

void compare(bool shared, bool parts) {
  u32 racy = 0;
  for (u32 seed = 0; seed < kKernels; ++seed) {
    Kernel kernel(seed, shared, parts);
    racy += kernel.racy();
    if (kernel.racy()) {
      planted(719, shared ? "shared race" : "global race", kernel.text(), 1, kThreads);
    } else {
      clean(kernel.text(), 1, kThreads);
    }
  }
  expect(racy > kKernels / 4 && racy < kKernels * 3 / 4, "of both kinds enough: " + std::to_string(racy));
}

EMULATOR_TEST(randomOrderOfGlobalMemory) { compare(false, false); }
EMULATOR_TEST(randomOrderOfSharedMemory) { compare(true, false); }
EMULATOR_TEST(randomOrderWithBarriersOfParts) { compare(true, true); }

}  // namespace
}  // namespace emulator::tests
