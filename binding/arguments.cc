#include "binding/arguments.h"

#include <cmath>

#include "binding/buffer.h"

namespace adastep {

namespace {

[[noreturn]] void refuse(const char* name, const std::string& got, const std::string& accepted) {
  throw Error(ErrorCode::kArgument, std::string("'") + name + "'", got, accepted);
}

std::string integers(int64_t low, int64_t high) {
  return "an integer from " + std::to_string(low) + " to " + std::to_string(high);
}

int64_t integer_of(double number, const char* name, int64_t low, int64_t high) {
  if (!(number >= static_cast<double>(low) && number <= static_cast<double>(high)) ||
      number != std::floor(number)) {
    refuse(name, std::to_string(number), integers(low, high));
  }
  return static_cast<int64_t>(number);
}

}  // namespace

std::string describe(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return value.As<Napi::Boolean>().Value() ? "true" : "false";
    case napi_number:
      return value.As<Napi::Number>().ToString().Utf8Value();
    case napi_string: {
      std::string text = value.As<Napi::String>().Utf8Value();
      if (text.size() > 60) text = text.substr(0, 60) + "...";
      return '"' + text + '"';
    }
    case napi_function:
      return "a function";
    case napi_symbol:
      return "a symbol";
    case napi_bigint:
      return "a bigint";
    default:
      if (value.IsTypedArray()) return "a typed array";
      return value.IsArray() ? "an array" : "an object";
  }
}

int64_t integer_argument(const Napi::CallbackInfo& info, size_t index, const char* name, int64_t low,
                         int64_t high) {
  const Napi::Value value = info[index];
  if (!value.IsNumber()) refuse(name, describe(value), integers(low, high));
  return integer_of(value.As<Napi::Number>().DoubleValue(), name, low, high);
}

std::string string_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsString()) refuse(name, describe(info[index]), "a string");
  return info[index].As<Napi::String>().Utf8Value();
}

std::string kind_argument(const Napi::CallbackInfo& info, size_t index) {
  const std::string kind = string_argument(info, index, "kind");
  if (kind != "cpu" && kind != "cuda") refuse("kind", describe(info[index]), "\"cpu\" or \"cuda\"");
  return kind;
}

Napi::Function function_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsFunction()) refuse(name, describe(info[index]), "a function");
  return info[index].As<Napi::Function>();
}

Bytes bytes_of(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray()) refuse(name, describe(value), "a typed array");
  const auto array = value.As<Napi::TypedArray>();
  void* data = nullptr;  // of a SharedArrayBuffer too, which napi's ArrayBuffer functions refuse
  napi_get_typedarray_info(array.Env(), array, nullptr, nullptr, &data, nullptr, nullptr);
  return {static_cast<const char*>(data), static_cast<int64_t>(array.ByteLength())};
}

Bytes shared_bytes_of(const Napi::Value& value, const char* name) {
  const Bytes bytes = bytes_of(value, name);
  napi_typedarray_type type = napi_int8_array;
  napi_value buffer = nullptr;
  bool is_array_buffer = true;
  napi_get_typedarray_info(value.Env(), value, &type, nullptr, nullptr, &buffer, nullptr);
  napi_is_arraybuffer(value.Env(), buffer, &is_array_buffer);  // false for a shared one
  if (type != napi_uint8_array || is_array_buffer)
    refuse(name, describe(value), "a Uint8Array over a SharedArrayBuffer");
  return bytes;
}

Words words_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  const Napi::Value value = info[index];
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array) {
    refuse(name, describe(value), "a Float64Array");
  }
  const auto array = value.As<Napi::Float64Array>();
  return {array.Data(), array.ElementLength()};
}

BufferObject& buffer_argument(const Napi::Value& value, const char* name, const Device* device) {
  BufferObject* buffer = BufferObject::from(value);
  if (buffer == nullptr) refuse(name, describe(value), "a buffer of this device");
  if (buffer->storage() == nullptr) {
    throw Error(ErrorCode::kDisposed, std::string("'") + name + "'", "a disposed buffer",
                "a buffer that is alive");
  }
  if (buffer->device() != device) {
    throw Error(ErrorCode::kArgument, std::string("'") + name + "'", "a buffer of another device",
                "a buffer of this device");
  }
  return *buffer;
}

std::vector<std::shared_ptr<Storage>> buffers_argument(const Napi::CallbackInfo& info, size_t index,
                                                       const char* name, const Device* device) {
  if (!info[index].IsArray()) refuse(name, describe(info[index]), "an array of buffers");
  const auto array = info[index].As<Napi::Array>();
  const uint32_t length = array.Length();  // once: a getter may add elements without end
  std::vector<std::shared_ptr<Storage>> storages;
  for (uint32_t i = 0; i < length; i++)
    storages.push_back(buffer_argument(array.Get(i), name, device).storage());
  return storages;
}

std::vector<Region> regions_argument(const Napi::CallbackInfo& info, size_t index, const char* name,
                                     const std::vector<std::shared_ptr<Storage>>& buffers, int64_t& total) {
  const Words words = words_argument(info, index, name);
  if (words.count % 3 != 0) {
    refuse(name, std::to_string(words.count) + " numbers", "triples of buffer, byte offset, bytes");
  }
  std::vector<Region> regions;
  for (size_t i = 0; i < words.count; i += 3) {
    const int64_t buffer = integer_of(words.data[i], name, 0, static_cast<int64_t>(buffers.size()) - 1);
    const int64_t offset = integer_of(words.data[i + 1], name, 0, kMaxBytes);
    const int64_t bytes = integer_of(words.data[i + 2], name, 0, kMaxBytes);
    regions.push_back(region_of(buffers[static_cast<size_t>(buffer)], offset, bytes, name));
    total += bytes;
    if (total > kMaxBytes) refuse(name, "more than 2^46 bytes", "2^46 bytes at most");
  }
  return regions;
}

Region region_of(const std::shared_ptr<Storage>& storage, int64_t offset, int64_t bytes, const char* name) {
  if (offset < 0 || bytes < 0 || offset > storage->bytes() || bytes > storage->bytes() - offset) {
    throw Error(ErrorCode::kArgument, std::string("'") + name + "'",
                std::to_string(bytes) + " bytes at byte " + std::to_string(offset),
                "a region inside its buffer of " + std::to_string(storage->bytes()) + " bytes");
  }
  return {storage, offset, bytes};
}

}  // namespace adastep
