// Layout, as read from files that nvcc 13 wrote (all little-endian):
//   container: u32 magic, u16 version, u16 header size, u64 size of all entries
//   entry:     u16 kind (1 = PTX, 2 = ELF), u16, u32 header size, u64 payload size (padded), u32 compressed
//   size,
//              ..., u32 architecture at +28, ..., u64 flags at +40, ..., u64 uncompressed size at +56
#include "fatbin.h"

#include <zstd.h>

#include <cstring>

#include "ptx/error.h"
#include "ptx/integers.h"

namespace emulator {
namespace {

constexpr u32 kMagic = 0xBA55ED50u;
constexpr u16 kKindPtx = 1;
constexpr u64 kFlagZstd = 0x8000, kFlagOtherCodec = 0x2000;

template <class T>
T read(const u8* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

std::string payload(const u8* entry) {
  const u8* data = entry + read<u32>(entry + 4);
  u64 flags = read<u64>(entry + 40), padded = read<u64>(entry + 8);
  if (flags & kFlagZstd) {
    std::string text(read<u64>(entry + 56), '\0');
    size_t got = ZSTD_decompress(text.data(), text.size(), data, read<u32>(entry + 16));
    if (ZSTD_isError(got) || got != text.size())
      throw PtxError("fatbin: a zstd entry does not decompress (fatbin.cc)");
    return text;
  }
  if (flags & kFlagOtherCodec) {
    throw PtxError(
        "fatbin: a PTX entry is compressed with a codec other than zstd; use --compress-mode=size "
        "(fatbin.cc)");
  }
  return std::string(reinterpret_cast<const char*>(data),
                     strnlen(reinterpret_cast<const char*>(data), padded));
}

}  // namespace

std::string ptxOfImage(const void* image, unsigned computeCapability) {
  const u8* bytes = static_cast<const u8*>(image);
  if (read<u32>(bytes) != kMagic) {
    std::string text(static_cast<const char*>(image));
    if (text.find(".version") == std::string::npos)
      throw PtxError("image: neither a fatbin nor PTX text (fatbin.cc)");
    return text;
  }
  const u8* entry = bytes + read<u16>(bytes + 6);
  const u8* end = entry + read<u64>(bytes + 8);
  const u8* best = nullptr;
  while (entry < end) {
    u32 architecture = read<u32>(entry + 28);
    bool usable = read<u16>(entry) == kKindPtx && architecture <= computeCapability;
    if (usable && (!best || architecture > read<u32>(best + 28))) best = entry;
    entry += read<u32>(entry + 4) + read<u64>(entry + 8);
  }
  if (!best)
    throw PtxError("fatbin: no PTX entry for compute capability " + std::to_string(computeCapability));
  std::string text = payload(best);
  while (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

}  // namespace emulator
