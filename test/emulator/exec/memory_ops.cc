// ld, ldu and st (PTX manual 9.7.9), scalar and vector, in every space.
#include <cstring>

#include "exec/decoder.h"
#include "exec/memory_access.h"
#include "exec/modifiers.h"
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

using Rule = ModifierTable::Rule;
const std::string kL1 = "L1::evict_normal L1::evict_unchanged L1::evict_first L1::evict_last L1::no_allocate";
const std::string kL2 = "L2::64B L2::128B L2::256B";
const std::string kTypes = "b8 b16 b32 b64 u8 u16 u32 u64 s8 s16 s32 s64 f32 f64";

// What caches do changes nothing here.
const ModifierTable kLoads("ld",
                           {{"order", "weak volatile relaxed acquire"},
                            {"scope", "cta gpu sys"},
                            {"space", "param local shared shared::cta global const"},
                            {"coherence", "nc"},
                            {"cache", "ca cg cs lu cv"},
                            {"first level", kL1},
                            {"second level", kL2},
                            {"vector", "v2 v4"},
                            {"type", kTypes}},
                           {{"ld", Rule::kNeeds, kTypes},
                            {"relaxed acquire", Rule::kNeeds, "cta gpu sys"},
                            {"cta gpu sys", Rule::kNeeds, "relaxed acquire"},
                            {"volatile relaxed acquire", Rule::kExcludes, "param local const"},
                            {"volatile relaxed acquire", Rule::kExcludes, "ca cg cs lu cv"},
                            {"volatile", Rule::kExcludes, kL1},
                            {"nc", Rule::kNeeds, "global"},
                            {"nc", Rule::kExcludes, "weak volatile relaxed acquire lu cv"},
                            {"ca cg cs lu cv", Rule::kExcludes, kL1},
                            {kL1 + " " + kL2, Rule::kExcludes, "param local shared shared::cta const"}});
const ModifierTable kUniformLoads("ldu", {{"space", "global"}, {"vector", "v2 v4"}, {"type", kTypes}},
                                  {{"ldu", Rule::kNeeds, kTypes}});
const ModifierTable kStores("st",
                            {{"order", "weak volatile relaxed release"},
                             {"scope", "cta gpu sys"},
                             {"space", "param local shared shared::cta global"},
                             {"cache", "wb cg cs wt"},
                             {"first level", kL1},
                             {"vector", "v2 v4"},
                             {"type", kTypes}},
                            {{"st", Rule::kNeeds, kTypes},
                             {"relaxed release", Rule::kNeeds, "cta gpu sys"},
                             {"cta gpu sys", Rule::kNeeds, "relaxed release"},
                             {"volatile relaxed release", Rule::kExcludes, "param local"},
                             {"volatile relaxed release", Rule::kExcludes, "wb cg cs wt"},
                             {"volatile", Rule::kExcludes, kL1},
                             {"wb cg cs wt", Rule::kExcludes, kL1},
                             {kL1, Rule::kExcludes, "param local shared shared::cta"}});

void readModifiers(const Modifiers& given, MemoryForm& form) {
  auto space = kSpaces.find(given["space"]);
  if (space != kSpaces.end()) form.space = space->second;
  form.nonCoherent = given.has("nc");
  form.count = given.has("v2") ? 2 : given.has("v4") ? 4 : 1;
  form.atomic = !given["order"].empty() && !given.has("weak");
  bool ofBlock = given.has("cta");
  form.releases = given.has("release") && !ofBlock;
  form.acquires = given.has("acquire") && !ofBlock;
  const std::string& type = given["type"];
  form.elementBytes = static_cast<u8>(typeBytes("." + type));
  form.isSigned = type[0] == 's';
}

// The registers of a vector must have one width; a literal takes the width of the element.
u8 readRegisters(Decoder& decoder, const OperandText& operand, Takes takes, MemoryForm& form) {
  bool vector = operand.kind == OperandText::kVector;
  if (vector ? operand.parts.size() != form.count : form.count != 1)
    decoder.fail("not as many registers as elements");
  if (vector) decoder.demandSomeResult(operand);
  u8 width = 0;
  for (u8 e = 0; e < form.count; ++e) {
    const OperandText& o = vector ? operand.parts[e] : operand;
    if (o.kind == OperandText::kSink && vector && !form.store) continue;
    u8 bits = decoder.bitsOf(o) ? decoder.bitsOf(o) : form.elementBytes * 8;
    if (bits == 8) bits = 16;
    if (bits == 1) decoder.fail("a predicate is no element of memory");
    if (takes == kTakesFloat && bits != form.elementBytes * 8)
      decoder.fail("a floating-point element needs a register of its width");
    form.registers[e] = form.store ? decoder.source(o, bits, takes) : decoder.destination(o, bits, takes);
    form.registerBytes[e] = bits / 8;
    if (width && width != bits / 8) decoder.fail("registers of different widths in one vector");
    width = bits / 8;
  }
  return width ? width : form.elementBytes;
}

template <const ModifierTable& Table>
void decodeAccess(Decoder& decoder, const Statement& s, Instruction& i) {
  constexpr bool kStore = &Table == &kStores;
  decoder.expectOperands(2);
  MemoryForm& form = decoder.makeForm<MemoryForm>(i);
  form.store = kStore;
  form.reads = !kStore;
  Modifiers given(decoder, Table, splitModifiers(s.opcode));
  readModifiers(given, form);
  u8 width = readRegisters(decoder, s.operands[kStore ? 1 : 0], takesOf(given["type"]), form);
  decoder.address(s.operands[kStore ? 0 : 1], form);
  decoder.noteNarrowAccess(form.space, form.elementBytes);
  if (form.bytes() > 16) decoder.fail("an access of more than 16 bytes");
  if (kStore && form.space == Space::kParam) decoder.fail("a store to a parameter of the kernel");
  i.run = handlerFor(form, width);
  if (!i.run) decoder.fail("a register narrower than the element");
}

}  // namespace

void addMemoryOps(OpTable& t) {
  t.family("ld", Class::kLoad, decodeAccess<kLoads>);
  t.family("ldu", Class::kLoad, decodeAccess<kUniformLoads>);
  t.family("st", Class::kStore, decodeAccess<kStores>);
}

}  // namespace emulator
