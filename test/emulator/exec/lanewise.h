// Makes the handler of an instruction that treats every lane alike from one C++ lambda: its parameter types
// are the operand types (bool: a predicate), its result type is the destination.
//
//   table.add("add.s32 add.u32", [](u32 a, u32 b) { return a + b; });
#pragma once

#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>

#include "exec/warp.h"

namespace emulator {

template <class T>
struct Signature;
template <class F, class R, class... A>
struct Signature<R (F::*)(A...) const> {
  using Result = R;
  using Arguments = std::tuple<A...>;
};

// A lambda without captures holds nothing, so that any storage serves as one.
template <class F>
const F& stateless() {
  static_assert(std::is_empty<F>::value, "an instruction must not capture");
  static const char storage = 0;
  return reinterpret_cast<const F&>(storage);
}

template <class T>
struct Lanes {
  const T* at;
  Lanes(const Warp& w, Slot slot) : at(w.at<T>(slot)) {}
  T operator[](int l) const { return at[l]; }
};
template <>
struct Lanes<bool> {
  u8 at[kWarpSize];
  Lanes(const Warp& w, Slot slot) {
    u32 bits = w.predicate(slot);
    for (int l = 0; l < kWarpSize; ++l) at[l] = bits >> l & 1;
  }
  bool operator[](int l) const { return at[l]; }
};

// 32 bytes of 0 or 1 become 32 bits.
inline u32 packBits(const u8* flags) {
  u32 bits = 0;
  for (int part = 0; part < 4; ++part) {
    u64 eight;
    std::memcpy(&eight, flags + 8 * part, 8);
    bits |= static_cast<u32>(eight * 0x0102040810204080u >> 56) << (8 * part);
  }
  return bits;
}

template <class R>
void store(Warp& w, Slot slot, u32 mask, const R* values) {
  R* d = w.at<R>(slot);
  if (mask == kAllLanes) {
    for (int l = 0; l < kWarpSize; ++l) d[l] = values[l];
  } else {
    for (int l = 0; l < kWarpSize; ++l) d[l] = mask >> l & 1 ? values[l] : d[l];
  }
}

// A destination is no source, or exactly one of them (exec/registers.h), so lanes are independent of each
// other.
template <class F, class R, class... A, size_t... N>
inline void applyLanes(Warp& w, const Instruction& i, u32 mask, std::index_sequence<N...>) {
  const Slot slots[4] = {i.a, i.b, i.c, i.e};
  std::tuple<Lanes<A>...> in{Lanes<A>(w, slots[N])...};
  const F& f = stateless<F>();
  if constexpr (std::is_same<R, bool>::value) {
    u8 out[kWarpSize];
    for (int l = 0; l < kWarpSize; ++l) out[l] = f(std::get<N>(in)[l]...);
    u32& d = w.predicate(i.d);
    d = (d & ~mask) | (packBits(out) & mask);
  } else if (mask == kAllLanes) {
    R* d = w.at<R>(i.d);
#pragma GCC ivdep
    for (int l = 0; l < kWarpSize; ++l) d[l] = f(std::get<N>(in)[l]...);
  } else {
    R out[kWarpSize];
    for (int l = 0; l < kWarpSize; ++l) out[l] = f(std::get<N>(in)[l]...);
    store(w, i.d, mask, out);
  }
}

template <class F, class R, class... A>
void runLanes(Warp& w, const Instruction& i, u32 mask) {
  applyLanes<F, R, A...>(w, i, mask, std::index_sequence_for<A...>());
}

template <class T>
constexpr u8 registerBits() {
  return std::is_same<T, bool>::value ? 1 : sizeof(T) * 8;
}

}  // namespace emulator
