#include "binding/arguments.h"

#include <cmath>

#include "binding/buffer.h"

namespace adastep {

namespace {

[[noreturn]] void refuse(const char* name, const Napi::Value& value, const std::string& accepted) {
  throw Error(ErrorCode::kArgument, std::string("'") + name + "'", describe(value), accepted);
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
  const std::string accepted = "an integer from " + std::to_string(low) + " to " + std::to_string(high);
  if (!value.IsNumber()) refuse(name, value, accepted);
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= static_cast<double>(low) && number <= static_cast<double>(high)) ||
      number != std::floor(number)) {
    refuse(name, value, accepted);
  }
  return static_cast<int64_t>(number);
}

std::string string_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsString()) refuse(name, info[index], "a string");
  return info[index].As<Napi::String>().Utf8Value();
}

Napi::Function function_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  if (!info[index].IsFunction()) refuse(name, info[index], "a function");
  return info[index].As<Napi::Function>();
}

Bytes bytes_of(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray()) refuse(name, value, "a typed array");
  const auto array = value.As<Napi::TypedArray>();
  const auto* start = static_cast<const char*>(array.ArrayBuffer().Data());
  return {start + array.ByteOffset(), static_cast<int64_t>(array.ByteLength())};
}

Words words_argument(const Napi::CallbackInfo& info, size_t index, const char* name) {
  const Napi::Value value = info[index];
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float64_array) {
    refuse(name, value, "a Float64Array");
  }
  const auto array = value.As<Napi::Float64Array>();
  return {array.Data(), array.ElementLength()};
}

BufferObject& buffer_argument(const Napi::Value& value, const char* name, const Device* device) {
  BufferObject* buffer = BufferObject::from(value);
  if (buffer == nullptr) refuse(name, value, "a buffer of this device");
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

std::vector<BufferView> buffers_argument(const Napi::CallbackInfo& info, size_t index, const char* name,
                                         const Device* device) {
  if (!info[index].IsArray()) refuse(name, info[index], "an array of buffers");
  const auto array = info[index].As<Napi::Array>();
  std::vector<BufferView> views;
  for (uint32_t i = 0; i < array.Length(); i++) {
    const auto storage = buffer_argument(array.Get(i), name, device).storage();
    views.push_back({storage, static_cast<char*>(storage->data()), storage->bytes()});
  }
  return views;
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
