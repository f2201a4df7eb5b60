// ld, ldu and st (PTX manual 9.7.9), scalar and vector, in every space.
#include <cstring>
#include <set>

#include "exec/decoder.h"
#include "exec/memory_access.h"
#include "exec/op_table.h"
#include "ptx/types.h"

namespace emulator {
namespace {

// Memory holds T, the register R, which may be wider: a load extends by the sign of T, a store cuts off. The
// elements of the lanes pass through a tile in the order of memory, or are in that order already.
template <class T, class R, int Count>
void runLoad(Warp& w, const Instruction& i, u32 mask) {
  const auto& form = *static_cast<const MemoryForm*>(i.form);
  Access access;
  resolve(w, i, form, mask, access);
  T tile[kWarpSize * Count];
  const T* from = tile;
  if (access.contiguous) {
    from = reinterpret_cast<const T*>(access.host[0]);  // aligned: that was checked
  } else if (mask == kAllLanes) {
    for (int l = 0; l < kWarpSize; ++l) std::memcpy(&tile[l * Count], access.host[l], sizeof(T) * Count);
  } else {
    std::memset(tile, 0, sizeof tile);
    for (u32 rest = mask; rest; rest &= rest - 1) {
      int l = __builtin_ctz(rest);
      std::memcpy(&tile[l * Count], access.host[l], sizeof(T) * Count);
    }
  }
  R rows[Count][kWarpSize];
  R* to[Count];
  for (int e = 0; e < Count; ++e)
    to[e] = mask == kAllLanes && form.registerBytes[e] ? w.at<R>(form.registers[e]) : rows[e];
#pragma GCC ivdep
  for (int l = 0; l < kWarpSize; ++l) {
    for (int e = 0; e < Count; ++e) to[e][l] = static_cast<R>(from[l * Count + e]);
  }
  for (int e = 0; mask != kAllLanes && e < Count; ++e) {
    if (form.registerBytes[e]) store(w, form.registers[e], mask, rows[e]);
  }
  if (form.atomic) noteAtomicRead(w, form, mask, access);
}

template <class T, class R, int Count>
void runStore(Warp& w, const Instruction& i, u32 mask) {
  const auto& form = *static_cast<const MemoryForm*>(i.form);
  Access access;
  resolve(w, i, form, mask, access);
  T tile[kWarpSize * Count];
  T* to = access.contiguous ? reinterpret_cast<T*>(access.host[0]) : tile;
  const R* source[Count];
  for (int e = 0; e < Count; ++e) source[e] = w.at<R>(form.registers[e]);
#pragma GCC ivdep
  for (int l = 0; l < kWarpSize; ++l) {
    for (int e = 0; e < Count; ++e) to[l * Count + e] = static_cast<T>(source[e][l]);
  }
  if (access.contiguous) return;
  for (u32 rest = mask; rest; rest &= rest - 1) {
    int l = __builtin_ctz(rest);
    std::memcpy(access.host[l], &tile[l * Count], sizeof(T) * Count);
  }
}

template <class T, class R>
Handler handlerFor(const MemoryForm& form) {
  switch (form.count) {
    case 1:
      return form.store ? runStore<T, R, 1> : runLoad<T, R, 1>;
    case 2:
      return form.store ? runStore<T, R, 2> : runLoad<T, R, 2>;
    default:
      return form.store ? runStore<T, R, 4> : runLoad<T, R, 4>;
  }
}

template <class T>
Handler handlerFor(const MemoryForm& form, u8 registerBytes) {
  if (registerBytes < sizeof(T)) return nullptr;
  if constexpr (sizeof(T) <= 2) {
    if (registerBytes == 2) return handlerFor<T, u16>(form);
  }
  if constexpr (sizeof(T) <= 4) {
    if (registerBytes == 4) return handlerFor<T, u32>(form);
  }
  return registerBytes == 8 ? handlerFor<T, u64>(form) : nullptr;
}

Handler handlerFor(const MemoryForm& form, u8 registerBytes) {
  switch (form.elementBytes) {
    case 1:
      return form.isSigned ? handlerFor<i8>(form, registerBytes) : handlerFor<u8>(form, registerBytes);
    case 2:
      return form.isSigned ? handlerFor<i16>(form, registerBytes) : handlerFor<u16>(form, registerBytes);
    case 4:
      return form.isSigned ? handlerFor<i32>(form, registerBytes) : handlerFor<u32>(form, registerBytes);
    default:
      return handlerFor<u64>(form, registerBytes);
  }
}

const std::map<std::string, Space> kSpaces = {{"param", Space::kParam},   {"local", Space::kLocal},
                                              {"shared", Space::kShared}, {"shared::cta", Space::kShared},
                                              {"global", Space::kGlobal}, {"const", Space::kConst}};

// Modifiers that change nothing here: cache policies, and orders that an access which races with none may ask
// for.
const std::set<std::string> kCacheWords = {"ca",
                                           "cg",
                                           "cs",
                                           "lu",
                                           "cv",
                                           "wb",
                                           "wt",
                                           "weak",
                                           "L1::evict_normal",
                                           "L1::evict_unchanged",
                                           "L1::evict_first",
                                           "L1::evict_last",
                                           "L1::no_allocate",
                                           "L2::64B",
                                           "L2::128B",
                                           "L2::256B"};
const std::set<std::string> kOrderWords = {"volatile", "relaxed", "acquire", "release"};
const std::set<std::string> kScopeWords = {"cta", "gpu", "sys"};

void readModifiers(Decoder& decoder, const std::vector<std::string>& parts, MemoryForm& form) {
  bool ofBlock = false;
  for (size_t p = 1; p + 1 < parts.size(); ++p) {
    const std::string& word = parts[p];
    auto space = kSpaces.find(word);
    if (space != kSpaces.end()) {
      form.space = space->second;
    } else if (kOrderWords.count(word)) {
      form.atomic = true;
      form.releases |= word == "release";
      form.acquires |= word == "acquire";
    } else if (word == "nc") {
      form.nonCoherent = true;
    } else if (word == "v2" || word == "v4") {
      form.count = word == "v2" ? 2 : 4;
    } else if (word == "cta") {
      ofBlock = true;
    } else if (!kCacheWords.count(word) && !(form.atomic && kScopeWords.count(word))) {
      decoder.fail("unknown modifier ." + word + " (test/emulator/exec/memory_ops.cc)");
    }
  }
  if (ofBlock && !form.atomic) decoder.fail("a scope without an order (test/emulator/exec/memory_ops.cc)");
  form.releases &= !ofBlock;
  form.acquires &= !ofBlock;
}

// The registers of a vector must have one width; a literal takes the width of the element.
u8 readRegisters(Decoder& decoder, const OperandText& operand, bool isFloat, MemoryForm& form) {
  bool vector = operand.kind == OperandText::kVector;
  if (vector ? operand.parts.size() != form.count : form.count != 1)
    decoder.fail("not as many registers as elements");
  u8 width = 0;
  for (u8 e = 0; e < form.count; ++e) {
    const OperandText& o = vector ? operand.parts[e] : operand;
    if (o.kind == OperandText::kSink && !form.store) continue;
    u8 bits = decoder.bitsOf(o) ? decoder.bitsOf(o) : form.elementBytes * 8;
    if (bits == 8) bits = 16;
    if (isFloat && bits != form.elementBytes * 8)
      decoder.fail("a floating-point element needs a register of its width");
    form.registers[e] = form.store ? decoder.source(o, bits, isFloat) : decoder.destination(o, bits);
    form.registerBytes[e] = bits / 8;
    if (width && width != bits / 8) decoder.fail("registers of different widths in one vector");
    width = bits / 8;
  }
  return width ? width : form.elementBytes;
}

template <bool Store>
void decodeAccess(Decoder& decoder, const Statement& s, Instruction& i) {
  decoder.expectOperands(2);
  MemoryForm& form = decoder.makeForm<MemoryForm>(i);
  form.store = Store;
  form.reads = !Store;
  std::vector<std::string> parts = splitModifiers(s.opcode);
  const std::string type = "." + parts.back();
  form.elementBytes = static_cast<u8>(typeBytes(type));
  if (form.elementBytes == 0) decoder.fail("unknown type " + type);
  form.isSigned = type[1] == 's';
  readModifiers(decoder, parts, form);
  bool isFloat = type == ".f32" || type == ".f64";
  u8 width = readRegisters(decoder, s.operands[Store ? 1 : 0], isFloat, form);
  decoder.address(s.operands[Store ? 0 : 1], form);
  decoder.noteNarrowAccess(form.space, form.elementBytes);
  if (form.bytes() > 16) decoder.fail("an access of more than 16 bytes");
  i.run = handlerFor(form, width);
  if (!i.run) decoder.fail("a register narrower than the element");
}

}  // namespace

void addMemoryOps(OpTable& t) {
  t.special("ld", Class::kLoad, decodeAccess<false>);
  t.special("ldu", Class::kLoad, decodeAccess<false>);
  t.special("st", Class::kStore, decodeAccess<true>);
}

}  // namespace emulator
