#include "exec/memory_access.h"

#include <cstdio>
#include <cstring>

namespace emulator {
namespace {

// Without the end of the access, which wraps for an address just below 0.
bool fitsInto(u64 size, u64 address, u64 bytes) { return bytes <= size && address <= size - bytes; }

// Memory of the thread alone (local) or of the launch (parameters): bounds, and for local memory reads of
// bytes that nobody wrote.
void resolveLocal(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask,
                  const Addresses& address, Access& access) {
  u32 size = warp.block->launch->program->localBytes, bytes = form.bytes();
  const Places& arrays = warp.block->launch->program->localArrays;
  for (int l = 0; l < kWarpSize; ++l) {
    if (!(mask >> l & 1)) continue;
    if (!fitsInto(size, address[l], bytes) || address[l] % bytes) {
      reportFault(warp, i, l, kIllegalAddress, "bad local address",
                  hex(address[l]) + ": " + arrays.describe(address[l]));
    }
    u64 at = static_cast<u64>(l) * size + address[l];
    access.host[l] = warp.local.data() + at;
    u8* written = warp.localWritten.data() + at;
    if (form.store) {
      std::memset(written, 1, bytes);
    } else if (warp.block->launch->check && std::memchr(written, 0, bytes)) {
      reportFault(warp, i, l, kLaunchFailed, "read of local memory that nobody wrote",
                  hex(address[l]) + ": " + arrays.describe(address[l]));
    }
  }
}

void resolveParam(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask,
                  const Addresses& address, Access& access) {
  const std::vector<u8>& params = warp.block->launch->params;
  for (int l = 0; l < kWarpSize; ++l) {
    if (!(mask >> l & 1)) continue;
    if (form.store || !fitsInto(params.size(), address[l], form.bytes()) || address[l] % form.bytes()) {
      reportFault(warp, i, l, kIllegalAddress, "bad parameter address",
                  hex(address[l]) + ": " + warp.block->launch->program->params.describe(address[l]));
    }
    access.host[l] = const_cast<u8*>(params.data()) + address[l];
  }
}

void resolveIn(Space space, Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask,
               const Addresses& address, Access& access) {
  switch (space) {
    case Space::kShared:
      return resolveShared(warp, i, form, mask, address, access);
    case Space::kLocal:
      return resolveLocal(warp, i, form, mask, address, access);
    case Space::kParam:
      return resolveParam(warp, i, form, mask, address, access);
    default:
      resolveGlobal(warp, i, form, mask, address, access.contiguous);
  }
  for (int l = 0; l < kWarpSize; ++l) access.host[l] = reinterpret_cast<u8*>(address[l]);
}

Space spaceOf(u64 address) {
  switch (address & kWindowMask) {
    case kSharedWindow:
      return Space::kShared;
    case kLocalWindow:
      return Space::kLocal;
    case kParamWindow:
      return Space::kParam;
    default:
      return Space::kGlobal;
  }
}

// The lanes of one generic access may point into different spaces.
void resolveGeneric(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask, Addresses& address,
                    Access& access) {
  for (Space space : {Space::kGlobal, Space::kShared, Space::kLocal, Space::kParam}) {
    u32 here = 0;
    for (int l = 0; l < kWarpSize; ++l) here |= static_cast<u32>(spaceOf(address[l]) == space) << l;
    here &= mask;
    if (!here) continue;
    Addresses plain;
    for (int l = 0; l < kWarpSize; ++l)
      plain[l] = space == Space::kGlobal ? address[l] : address[l] & ~kWindowMask;
    Access part;
    resolveIn(space, warp, i, form, here, plain, part);
    for (int l = 0; l < kWarpSize; ++l) {
      if (here >> l & 1) access.host[l] = part.host[l];
    }
  }
}

}  // namespace

bool areContiguous(const Addresses& address, u32 mask, u32 bytes) {
  if (mask != kAllLanes || address[31] - address[0] != u64{31} * bytes) return false;
  u64 different = 0;
  for (u64 l = 0; l < kWarpSize; ++l) different |= address[l] ^ (address[0] + l * bytes);
  return different == 0;
}

void joinLanes(const Addresses& address, u32 mask, u32 bytes, bool contiguous, Runs& runs) {
  if (contiguous) {
    runs.at[0] = address[0];
    runs.bytes[0] = u64{bytes} * kWarpSize;
    runs.lane[0] = 0;
    runs.shared[0] = false;
    runs.count = 1;
    return;
  }
  int last = -1, previous = -2;  // run and lane
  for (; mask; mask &= mask - 1) {
    int l = __builtin_ctz(mask);
    u64 a = address[l];
    bool repeats = last >= 0 && a == runs.at[last] + runs.bytes[last] - bytes;
    if (repeats && runs.bytes[last] > bytes) {  // the last lane of that run leaves it
      runs.bytes[last] -= bytes;
      ++last;
      runs.at[last] = a, runs.bytes[last] = bytes, runs.lane[last] = previous, runs.shared[last] = true;
    } else if (repeats) {
      runs.shared[last] = true;
    } else if (last >= 0 && !runs.shared[last] && l == previous + 1 &&
               a == runs.at[last] + runs.bytes[last]) {
      runs.bytes[last] += bytes;
    } else {
      ++last;
      runs.at[last] = a, runs.bytes[last] = bytes, runs.lane[last] = l, runs.shared[last] = false;
    }
    previous = l;
  }
  runs.count = last + 1;
}

void resolve(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask, Access& access) {
  Addresses address;
  u64 offset = static_cast<u64>(form.offset);
  if (form.addressBytes == 8) {
    const u64* base = warp.at<u64>(form.base);
    for (int l = 0; l < kWarpSize; ++l) address[l] = base[l] + offset;
  } else if (form.addressBytes == 4) {
    // A sum of 32 bits: a negative index makes a base just below 2^32, which its offset brings back.
    const u32* base = warp.at<u32>(form.base);
    for (int l = 0; l < kWarpSize; ++l) address[l] = base[l] + static_cast<u32>(offset);
  } else {
    for (int l = 0; l < kWarpSize; ++l) address[l] = offset;
  }
  if (form.space == Space::kGeneric) return resolveGeneric(warp, i, form, mask, address, access);
  access.contiguous = form.space != Space::kLocal && areContiguous(address, mask, form.bytes());
  resolveIn(form.space, warp, i, form, mask, address, access);
}

std::string hex(u64 value) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

void reportFault(const Warp& warp, const Instruction& i, int lane, int code, const std::string& what,
                 const std::string& where) {
  reportMisuse(warp, i, lane, code, what, ", address " + where);
}

void reportMisuse(const Warp& warp, const Instruction& i, int lane, int code, const std::string& what,
                  const std::string& more) {
  const Block& block = *warp.block;
  u32 thread = warp.index * kWarpSize + static_cast<u32>(lane);
  const u32* size = block.launch->block;
  auto triple = [](u32 x, u32 y, u32 z) {
    return "(" + std::to_string(x) + "," + std::to_string(y) + "," + std::to_string(z) + ")";
  };
  throw Fault(code, what + ": " + block.launch->program->describe(i.index) + ", block " +
                        triple(block.id[0], block.id[1], block.id[2]) + ", thread " +
                        triple(thread % size[0], thread / size[0] % size[1], thread / size[0] / size[1]) +
                        more);
}

}  // namespace emulator
