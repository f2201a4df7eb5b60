// Layout, as read from files that nvcc 13 wrote (all little-endian):
//   container: u32 magic, u16 version, u16 header size, u64 size of all entries
//   entry:     u16 kind (1 = PTX, 2 = ELF), u16 version, u32 header size, u64 payload size (padded), u32
//   compressed
//              size, ..., u32 architecture at +28, ..., u64 flags at +40, ..., u64 uncompressed size at +56
#include "fatbin.h"

#include <zstd.h>

#include <cstdio>
#include <cstring>

#include "ptx/error.h"
#include "ptx/integers.h"

namespace emulator {
namespace {

constexpr u32 kMagic = 0xBA55ED50u, kHeaderBytes = 16, kSmallestEntryHeader = 64;
constexpr u16 kVersion = 1, kEntryVersion = 0x0101, kKindPtx = 1, kKindElf = 2;
constexpr u64 kFlagZstd = 0x8000, kFlagOtherCodec = 0x2000;

template <class T>
T read(const u8* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Another nvcc may write another format. What it is like then, this file has to learn.
[[noreturn]] void fail(const std::string& what) {
  throw PtxError("fatbin: " + what + " (test/emulator/fatbin.cc)");
}

std::string hex(u64 value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

// What the container says of the size is believed only where the frame does not say otherwise, and no text is
// so large that damage of it takes all memory.
std::string decompressed(const u8* frame, u64 bytes, u64 size) {
  constexpr u64 kLargestText = u64{1} << 28;
  const u64 known = ZSTD_getFrameContentSize(frame, bytes);
  if (size > kLargestText || (known != ZSTD_CONTENTSIZE_UNKNOWN && known != size))
    fail("a zstd entry does not decompress to the size that it states");
  std::string text(size, '\0');
  const size_t got = ZSTD_decompress(text.data(), size, frame, bytes);
  if (ZSTD_isError(got) || got != size) fail("a zstd entry does not decompress");
  return text;
}

std::string payload(const u8* entry) {
  const u8* data = entry + read<u32>(entry + 4);
  u64 flags = read<u64>(entry + 40), padded = read<u64>(entry + 8);
  if (flags & kFlagZstd) {
    u32 compressed = read<u32>(entry + 16);
    if (compressed > padded) fail("a zstd entry is cut short");
    return decompressed(data, compressed, read<u64>(entry + 56));
  }
  if (flags & kFlagOtherCodec)
    fail("a PTX entry is compressed with a codec other than zstd; build it with --compress-mode=size");
  std::string text(reinterpret_cast<const char*>(data), strnlen(reinterpret_cast<const char*>(data), padded));
  if (text.find(".version") == std::string::npos)
    fail("a PTX entry with flags " + hex(flags) + " holds no PTX text: an unknown compression?");
  return text;
}

void checkContainer(const u8* bytes) {
  u16 version = read<u16>(bytes + 4), header = read<u16>(bytes + 6);
  if (version != kVersion || header != kHeaderBytes)
    fail("unknown container, version " + std::to_string(version) + " with a header of " +
         std::to_string(header) + " bytes; only version 1 with 16 is known");
}

// Bytes that it takes.
u64 checkEntry(const u8* entry, const u8* end) {
  u64 left = static_cast<u64>(end - entry);
  if (left < kSmallestEntryHeader) fail("an entry is cut short");
  u16 kind = read<u16>(entry), version = read<u16>(entry + 2);
  if (version != kEntryVersion || (kind != kKindPtx && kind != kKindElf))
    fail("unknown entry, kind " + std::to_string(kind) + " version " + hex(version));
  u64 header = read<u32>(entry + 4), size = read<u64>(entry + 8);
  if (header < kSmallestEntryHeader || header > left || size > left - header) fail("an entry is cut short");
  return header + size;
}

}  // namespace

std::string ptxOfImage(const void* image, unsigned computeCapability) {
  const u8* bytes = static_cast<const u8*>(image);
  if (read<u32>(bytes) != kMagic) {
    std::string text(static_cast<const char*>(image));
    if (text.find(".version") == std::string::npos) fail("the image is neither a fatbin nor PTX text");
    return text;
  }
  checkContainer(bytes);
  const u8* entry = bytes + read<u16>(bytes + 6);
  const u8* end = entry + read<u64>(bytes + 8);
  const u8* best = nullptr;
  while (entry < end) {
    u64 size = checkEntry(entry, end);
    u32 architecture = read<u32>(entry + 28);
    bool usable = read<u16>(entry) == kKindPtx && architecture <= computeCapability;
    if (usable && (!best || architecture > read<u32>(best + 28))) best = entry;
    entry += size;
  }
  if (!best) fail("no PTX entry for compute capability " + std::to_string(computeCapability));
  std::string text = payload(best);
  while (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

}  // namespace emulator
