#include "exec/specials.h"

#include <unordered_map>

namespace emulator {
namespace {

using Value = u32 (*)(const Block&, u32 thread);

const Launch& of(const Block& block) { return *block.launch; }
u32 lane(u32 thread) { return thread % kWarpSize; }

const std::unordered_map<std::string, Value>& table() {
  static const std::unordered_map<std::string, Value> values = {
      {"%tid.x", [](const Block& b, u32 t) { return t % of(b).block[0]; }},
      {"%tid.y", [](const Block& b, u32 t) { return t / of(b).block[0] % of(b).block[1]; }},
      {"%tid.z", [](const Block& b, u32 t) { return t / of(b).block[0] / of(b).block[1]; }},
      {"%ntid.x", [](const Block& b, u32) { return of(b).block[0]; }},
      {"%ntid.y", [](const Block& b, u32) { return of(b).block[1]; }},
      {"%ntid.z", [](const Block& b, u32) { return of(b).block[2]; }},
      {"%ctaid.x", [](const Block& b, u32) { return b.id[0]; }},
      {"%ctaid.y", [](const Block& b, u32) { return b.id[1]; }},
      {"%ctaid.z", [](const Block& b, u32) { return b.id[2]; }},
      {"%nctaid.x", [](const Block& b, u32) { return of(b).grid[0]; }},
      {"%nctaid.y", [](const Block& b, u32) { return of(b).grid[1]; }},
      {"%nctaid.z", [](const Block& b, u32) { return of(b).grid[2]; }},
      {"%laneid", [](const Block&, u32 t) { return lane(t); }},
      {"%warpid", [](const Block&, u32 t) { return t / kWarpSize; }},
      {"%nwarpid", [](const Block& b, u32) { return of(b).warps(); }},
      {"%smid", [](const Block& b, u32) { return b.linear % 4; }},
      {"%nsmid", [](const Block&, u32) { return 4u; }},
      {"%lanemask_eq", [](const Block&, u32 t) { return 1u << lane(t); }},
      {"%lanemask_lt", [](const Block&, u32 t) { return (1u << lane(t)) - 1; }},
      {"%lanemask_le", [](const Block&, u32 t) { return (2u << lane(t)) - 1; }},
      {"%lanemask_gt", [](const Block&, u32 t) { return ~((2u << lane(t)) - 1); }},
      {"%lanemask_ge", [](const Block&, u32 t) { return ~((1u << lane(t)) - 1); }},
      {"%dynamic_smem_size", [](const Block& b, u32) { return of(b).dynamicShared; }},
      {"%total_smem_size", [](const Block& b, u32) { return of(b).sharedBytes(); }},
  };
  return values;
}

}  // namespace

u32 specialBits(const std::string& name) { return table().count(name) ? 32 : 0; }

void fillSpecial(Warp& warp, const Program::Special& special) {
  Value value = table().at(special.name);
  u32* lanes = reinterpret_cast<u32*>(warp.bank[0] + special.at);
  for (u32 l = 0; l < kWarpSize; ++l) lanes[l] = value(*warp.block, warp.index * kWarpSize + l);
}

}  // namespace emulator
