#include "binding/device.h"

#include <cstring>

#include "binding/arguments.h"
#include "binding/buffer.h"
#include "binding/environment.h"
#include "binding/program.h"

namespace adastep {

namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 46;  // beyond any machine: sizes that overflow end here

// Triples (buffer, byte offset, bytes) of a program's inputs or outputs.
std::vector<Region> regions_of(const Words& words, const std::vector<BufferView>& buffers, const char* name,
                               int64_t& total) {
  if (words.count % 3 != 0) {
    throw Error(ErrorCode::kArgument, std::string("'") + name + "'", std::to_string(words.count) + " numbers",
                "triples of buffer, byte offset, bytes");
  }
  std::vector<Region> regions;
  for (size_t i = 0; i < words.count; i += 3) {
    for (size_t j = i; j < i + 3; j++) {
      if (!(words.data[j] >= 0 && words.data[j] < static_cast<double>(kMaxBytes))) {
        throw Error(ErrorCode::kArgument, std::string("'") + name + "'", std::to_string(words.data[j]),
                    "an index, an offset and a size");
      }
    }
    const auto buffer = static_cast<size_t>(words.data[i]);
    if (buffer >= buffers.size()) {
      throw Error(ErrorCode::kArgument, std::string("'") + name + "'", "buffer " + std::to_string(buffer),
                  "less than " + std::to_string(buffers.size()));
    }
    regions.push_back(region_of(buffers[buffer].storage, static_cast<int64_t>(words.data[i + 1]),
                                static_cast<int64_t>(words.data[i + 2]), name));
    total += regions.back().bytes;
  }
  if (total > kMaxBytes)
    throw Error(ErrorCode::kArgument, std::string("'") + name + "'", "too many bytes", "2^46 at most");
  return regions;
}

std::vector<std::shared_ptr<Storage>> storages_of(const std::vector<BufferView>& buffers) {
  std::vector<std::shared_ptr<Storage>> storages;
  for (const BufferView& buffer : buffers) storages.push_back(buffer.storage);
  return storages;
}

Error closed_error(const char* what) {
  return Error(ErrorCode::kDisposed, what, "a closed device", "a device that is open");
}

}  // namespace

Napi::Object info_object(Napi::Env env, const DeviceInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", info.kind);
  object.Set("index", info.index);
  object.Set("name", info.name);
  object.Set("capability", info.capability);
  object.Set("memoryBytes", static_cast<double>(info.memory_bytes));
  object.Set("threads", info.threads);
  object.Set("unavailable", info.unavailable);
  return object;
}

Napi::Function DeviceObject::define(Napi::Env env) {
  return DefineClass(
      env, "Device",
      {InstanceMethod<&DeviceObject::info>("info"), InstanceMethod<&DeviceObject::memory>("memory"),
       InstanceMethod<&DeviceObject::alloc>("alloc"), InstanceMethod<&DeviceObject::submit>("submit"),
       InstanceMethod<&DeviceObject::program>("program"), InstanceMethod<&DeviceObject::write>("write"),
       InstanceMethod<&DeviceObject::read>("read"), InstanceMethod<&DeviceObject::sync>("sync"),
       InstanceMethod<&DeviceObject::reset>("reset"), InstanceMethod<&DeviceObject::close>("close")});
}

DeviceObject::DeviceObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<DeviceObject>(info) {
  Environment::of(info.Env()).require_constructing(info.Env());
}

void DeviceObject::open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  guarded(env, [&] {
    const std::string kind = string_argument(info, 0, "kind");
    if (kind != "cpu" && kind != "cuda")
      throw Error(ErrorCode::kArgument, "'kind'", '"' + kind + '"', "\"cpu\" or \"cuda\"");
    const auto index = static_cast<int>(integer_argument(info, 1, "index", 0, 1023));
    DeviceOptions options;
    options.threads = static_cast<int>(integer_argument(info, 2, "threads", 0, 1024));
    options.level = string_argument(info, 3, "level");
    const int64_t limit = integer_argument(info, 4, "memoryLimit", 0, kMaxBytes);
    const Napi::Function callback = function_argument(info, 5, "callback");

    Environment& environment = Environment::of(env);
    environment.construct(environment.device_class, [&](Napi::Object object) {
      DeviceObject* self = Unwrap(object);
      const auto opener = kind == "cpu" ? &cpu::open : &cuda::open;
      self->device_ = Device::open([=] { return opener(index, options); }, limit,
                                   environment.completion(callback, object, object));
      self->open_ = true;
      environment.add(self->device_);
    });
  });
}

Device& DeviceObject::device(const char* what) const {
  if (!open_ || closed_) throw closed_error(what);
  return *device_;
}

Napi::Value DeviceObject::info(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return info_object(info.Env(), device("device.info").info()); });
}

Napi::Value DeviceObject::memory(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const MemoryStats stats = device("device.memory").memory();
    Napi::Object object = Napi::Object::New(info.Env());
    object.Set("live", static_cast<double>(stats.live));
    object.Set("reserved", static_cast<double>(stats.reserved));
    object.Set("peak", static_cast<double>(stats.peak));
    object.Set("limit", static_cast<double>(stats.limit));
    return object;
  });
}

Napi::Value DeviceObject::alloc(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const int64_t bytes = integer_argument(info, 0, "bytes", 0, kMaxBytes);
    auto storage = device("device.alloc").allocate(bytes);
    return BufferObject::create(info.Env(), device_, std::move(storage));
  });
}

void DeviceObject::submit(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Device& self = device("device.submit");
    const auto buffers = buffers_argument(info, 1, "buffers", &self);
    const Words words = words_argument(info, 0, "words");
    self.submit(decode(words.data, words.count, buffers), storages_of(buffers));
  });
}

Napi::Value DeviceObject::program(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Device& self = device("device.program");
    const auto buffers = buffers_argument(info, 1, "buffers", &self);
    const Words words = words_argument(info, 0, "words");
    auto program = std::make_shared<Program>();
    program->ops = decode(words.data, words.count, buffers);
    program->holds = storages_of(buffers);
    program->inputs = regions_of(words_argument(info, 2, "inputs"), buffers, "inputs", program->input_bytes);
    program->outputs =
        regions_of(words_argument(info, 3, "outputs"), buffers, "outputs", program->output_bytes);
    return ProgramObject::create(info.Env(), device_, std::move(program));
  });
}

void DeviceObject::write(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Device& self = device("device.write");
    const auto storage = buffer_argument(info[0], "buffer", &self).storage();
    const int64_t offset = integer_argument(info, 1, "byteOffset", 0, kMaxBytes);
    const Bytes bytes = bytes_of(info[2], "data");
    const Region to = region_of(storage, offset, bytes.size, "data");
    auto staging = self.allocate_staging(bytes.size);
    if (bytes.size > 0) std::memcpy(staging->data(), bytes.data, static_cast<size_t>(bytes.size));
    self.write(to, std::move(staging));
  });
}

void DeviceObject::read(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  guarded(env, [&] {
    Device& self = device("device.read");
    const auto storage = buffer_argument(info[0], "buffer", &self).storage();
    const int64_t offset = integer_argument(info, 1, "byteOffset", 0, kMaxBytes);
    const int64_t bytes = integer_argument(info, 2, "bytes", 0, kMaxBytes);
    const Napi::Function callback = function_argument(info, 3, "callback");
    const Region from = region_of(storage, offset, bytes, "bytes");
    auto host = Napi::ArrayBuffer::New(env, static_cast<size_t>(bytes));
    Done done = Environment::of(env).completion(callback, info.This(), host);
    if (!self.read(from, host.Data(), done)) done(closed_error("device.read"));
  });
}

void DeviceObject::sync(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Device& self = device("device.sync");
    Done done = Environment::of(info.Env())
                    .completion(function_argument(info, 0, "callback"), info.This(), info.Env().Undefined());
    if (!self.sync(done)) done(closed_error("device.sync"));
  });
}

void DeviceObject::reset(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] { device("device.reset").reset(); });
}

void DeviceObject::close(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Device& self = device("device.close");
    Done done = Environment::of(info.Env())
                    .completion(function_argument(info, 0, "callback"), info.This(), info.Env().Undefined());
    closed_ = true;
    self.close([done] { done(std::nullopt); });
  });
}

}  // namespace adastep
