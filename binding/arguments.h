// The one place where arguments from JavaScript are checked before native code uses them.
#pragma once
#include <napi.h>

#include <cstring>
#include <string>
#include <vector>

#include "core/decode.h"
#include "core/device.h"
#include "core/error.h"

namespace adastep {

class BufferObject;

// What JavaScript passed, in words, for error messages.
std::string describe(const Napi::Value& value);

int64_t integer_argument(const Napi::CallbackInfo& info, size_t index, const char* name, int64_t low,
                         int64_t high);
std::string string_argument(const Napi::CallbackInfo& info, size_t index, const char* name);
std::string kind_argument(const Napi::CallbackInfo& info, size_t index);  // "cpu" or "cuda"
Napi::Function function_argument(const Napi::CallbackInfo& info, size_t index, const char* name);

// Bytes of a typed array argument.
struct Bytes {
  const char* data;
  int64_t size;
};
Bytes bytes_of(const Napi::Value& value, const char* name);
// The same of a Uint8Array over a SharedArrayBuffer, whose memory neither moves nor goes as long as it is
// held.
Bytes shared_bytes_of(const Napi::Value& value, const char* name);

struct Words {
  const double* data;
  size_t count;
};
Words words_argument(const Napi::CallbackInfo& info, size_t index, const char* name);

// A Buffer of this device that has not been disposed.
BufferObject& buffer_argument(const Napi::Value& value, const char* name, const Device* device);
std::vector<std::shared_ptr<Storage>> buffers_argument(const Napi::CallbackInfo& info, size_t index,
                                                       const char* name, const Device* device);

// `bytes` of a buffer from `offset`; throws if they do not lie inside.
Region region_of(const std::shared_ptr<Storage>& storage, int64_t offset, int64_t bytes, const char* name);

// Triples (buffer, byte offset, bytes) of a program's inputs or outputs; adds their bytes to `total`.
std::vector<Region> regions_argument(const Napi::CallbackInfo& info, size_t index, const char* name,
                                     const std::vector<std::shared_ptr<Storage>>& buffers, int64_t& total);

constexpr int64_t kMaxBytes = int64_t{1} << 46;  // beyond any machine: sizes that overflow end here

}  // namespace adastep
