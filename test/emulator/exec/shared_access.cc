// Checks and counters of one warp's access to shared memory.
#include <algorithm>
#include <cstring>

#include "exec/memory_access.h"

namespace emulator {
namespace {

constexpr u32 kBanks = 32;

std::string describeShared(const Warp& warp, u64 address) {
  const Launch& launch = *warp.block->launch;
  return hex(address) + ": " + launch.program->sharedArrays.describe(address, launch.dynamicShared);
}

// If the address lies between two arrays: no access may touch what is there.
void reportGap(Warp& warp, const Instruction& i, u32 lane, u64 address) {
  for (const Program::SharedGap& gap : warp.block->launch->program->sharedGaps) {
    if (address < gap.first || address >= gap.end) continue;
    reportFault(warp, i, static_cast<int>(lane), kIllegalAddress, "shared access out of bounds",
                describeShared(warp, address));
  }
}

[[noreturn]] void reportRace(Warp& warp, const Instruction& i, int lane, const MemoryForm& form,
                             const SharedShadow::Conflict& conflict) {
  std::string who = conflict.isOneThread()
                        ? "thread " + std::to_string(conflict.warp() * kWarpSize + conflict.lane())
                        : "warp " + std::to_string(conflict.warp());
  reportFault(warp, i, lane, kLaunchFailed,
              std::string("shared race: ") + (form.store ? "write" : "read") + " after a " +
                  (conflict.earlierWrote ? "write" : "read") + " by " + who + " with no barrier between",
              describeShared(warp, conflict.address));
}

[[noreturn]] void reportBadAddress(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask,
                                   const Addresses& address) {
  u64 size = warp.block->shared.size(), bytes = form.bytes();
  int lane = 0;
  for (; lane < kWarpSize; ++lane) {
    if (!(mask >> lane & 1)) continue;
    if (address[lane] > size || address[lane] + bytes > size) break;
    if (address[lane] % bytes) {
      reportFault(warp, i, lane, kMisalignedAddress,
                  "misaligned shared access of " + std::to_string(bytes) + " bytes",
                  describeShared(warp, address[lane]));
    }
  }
  reportFault(warp, i, lane, kIllegalAddress, "shared access out of bounds",
              describeShared(warp, address[lane]));
}

// Of the lanes that read the same, the first and the last are enough: whichever lane wrote it, or will write
// it, one of the two is another.
u32 withoutRepeats(const Addresses& address, u32 mask) {
  if (mask != kAllLanes) return mask;
  for (int half = 16; half >= 4; half /= 2) {
    u64 different = 0;
    for (int l = 0; l < half; ++l) different |= address[l] ^ address[l + half];
    if (different) break;
    u32 low = (1u << half) - 1;
    mask = low | low << (kWarpSize - half);
  }
  u32 between = 0;
  for (u32 l = 1; l + 1 < kWarpSize; ++l) {
    bool same = address[l] == address[l - 1] && address[l] == address[l + 1];
    between |= static_cast<u32>(same) << l;
  }
  return mask & ~between;
}

// `Bytes` per lane; `Lanes` that follow one another from `lane` on.
template <u32 Bytes, u32 Lanes>
void checkLanes(Warp& warp, const Instruction& i, const MemoryForm& form, u64 address, u32 lane) {
  SharedShadow& shadow = warp.block->shadow;
  if (form.reads && !shadow.isWritten<Bytes * Lanes>(address)) {
    for (u32 l = 0; l + 1 < Lanes && shadow.isWritten<Bytes>(address); ++l, ++lane) address += Bytes;
    for (u32 k = 0; k + 1 < Bytes && shadow.isWritten<1>(address); ++k) ++address;
    reportGap(warp, i, lane, address);
    reportFault(warp, i, static_cast<int>(lane), kLaunchFailed,
                shadow.isInFlight(address) ? "read of shared memory that an asynchronous copy still fills"
                                           : "read of shared memory that nobody wrote",
                describeShared(warp, address));
  }
  bool fits = form.store ? shadow.write<Bytes, Lanes>(address, warp.index, lane, form.atomic)
                         : shadow.read<Bytes, Lanes>(address, warp.index, lane);
  if (fits) return;
  SharedShadow::Conflict conflict =
      shadow.conflict({address, Bytes, Lanes, warp.index, lane, form.store, form.atomic});
  lane += static_cast<u32>((std::max(conflict.address, address) - address) / Bytes);
  reportGap(warp, i, lane, conflict.address);
  reportRace(warp, i, static_cast<int>(lane), form, conflict);
}

template <u32 Bytes>
void check(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask, const Addresses& address,
           bool contiguous) {
  if (contiguous) return checkLanes<Bytes, kWarpSize>(warp, i, form, address[0], 0);
  // Every store counts, even to the address that another lane stores to: that is a race of its own.
  if (!form.store) mask = withoutRepeats(address, mask);
  for (; mask; mask &= mask - 1) {
    u32 l = static_cast<u32>(__builtin_ctz(mask));
    checkLanes<Bytes, 1>(warp, i, form, address[l], l);
  }
}

void check(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask, const Addresses& address,
           bool contiguous) {
  switch (form.bytes()) {
    case 1:
      return check<1>(warp, i, form, mask, address, contiguous);
    case 2:
      return check<2>(warp, i, form, mask, address, contiguous);
    case 4:
      return check<4>(warp, i, form, mask, address, contiguous);
    case 8:
      return check<8>(warp, i, form, mask, address, contiguous);
    default:
      return check<16>(warp, i, form, mask, address, contiguous);
  }
}

// What a copy brings and what is written meanwhile, another copy included, come in no order.
void checkInFlight(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask,
                   const Addresses& address, bool contiguous) {
  const SharedShadow& shadow = warp.block->shadow;
  u32 bytes = form.bytes();
  if (contiguous && !shadow.isInFlight(address[0], u64{bytes} * kWarpSize)) return;
  for (u32 rest = mask; rest; rest &= rest - 1) {
    int l = __builtin_ctz(rest);
    if (!shadow.isInFlight(address[l], bytes)) continue;
    reportFault(warp, i, l, kLaunchFailed, "write to shared memory that an asynchronous copy still fills",
                describeShared(warp, address[l]));
  }
}

// Wavefronts: 32 lanes of 4 bytes go at once, of 8 bytes 16, of 16 bytes 8. A wavefront serves one word per
// bank; lanes that want the same word share it.
void countWavefronts(Warp& warp, const MemoryForm& form, u32 mask, const Addresses& address) {
  u32 words = std::max(1u, form.bytes() / 4), group = kWarpSize / words;
  Counters& c = warp.block->worker->counters;
  for (u32 first = 0; first < kWarpSize; first += group) {
    u64 wanted[kWarpSize];
    u32 count = 0, perBank[kBanks] = {};
    for (u32 l = first; l < first + group; ++l) {
      for (u32 w = 0; (mask >> l & 1) && w < words; ++w) wanted[count++] = address[l] / 4 + w;
    }
    if (count == 0) continue;
    std::sort(wanted, wanted + count);
    count = static_cast<u32>(std::unique(wanted, wanted + count) - wanted);
    for (u32 k = 0; k < count; ++k) ++perBank[wanted[k] % kBanks];
    c.sharedWavefronts += *std::max_element(perBank, perBank + kBanks);
    c.sharedIdeal += (count + kBanks - 1) / kBanks;
  }
}

}  // namespace

void checkShared(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask,
                 const Addresses& address) {
  check(warp, i, form, mask, address, false);
}

void resolveShared(Warp& warp, const Instruction& i, const MemoryForm& form, u32 mask,
                   const Addresses& address, Access& access) {
  std::vector<u8>& shared = warp.block->shared;
  u64 bytes = form.bytes(), size = shared.size(), bad = size < bytes, end = size - bytes;
  for (int l = 0; l < kWarpSize; ++l) {
    u64 a = mask >> l & 1 ? address[l] : 0;
    bad |= static_cast<u64>(a > end) | (a & (bytes - 1));  // sizes are powers of two
  }
  if (bad) reportBadAddress(warp, i, form, mask, address);
  u8* data = shared.data();
  for (int l = 0; l < kWarpSize; ++l) access.host[l] = data + address[l];
  if (warp.block->launch->check && form.store && warp.block->copies.any())
    checkInFlight(warp, i, form, mask, address, access.contiguous);
  if (warp.block->launch->check) check(warp, i, form, mask, address, access.contiguous);
  if (warp.block->launch->countMemory) countWavefronts(warp, form, mask, address);
}

}  // namespace emulator
