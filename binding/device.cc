#include "binding/device.h"

#include <cstring>

#include "binding/arguments.h"
#include "binding/buffer.h"
#include "binding/environment.h"
#include "binding/program.h"

namespace adastep {

Napi::Object info_object(Napi::Env env, const DeviceInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", info.kind);
  object.Set("index", info.index);
  object.Set("name", info.name);
  object.Set("capability", info.capability);
  object.Set("memoryBytes", static_cast<double>(info.memory_bytes));
  object.Set("threads", info.threads);
  object.Set("unavailable", info.unavailable);
  Napi::Array precisions = Napi::Array::New(env);
  for (Precision precision : info.precisions)
    precisions.Set(precisions.Length(), kPrecisionNames[static_cast<int>(precision)]);
  object.Set("precisions", precisions);
  return object;
}

Napi::Function DeviceObject::define(Napi::Env env) {
  return DefineClass(
      env, "Device",
      {InstanceMethod<&DeviceObject::info>("info"), InstanceMethod<&DeviceObject::memory>("memory"),
       InstanceMethod<&DeviceObject::alloc>("alloc"), InstanceMethod<&DeviceObject::submit>("submit"),
       InstanceMethod<&DeviceObject::program>("program"), InstanceMethod<&DeviceObject::write>("write"),
       InstanceMethod<&DeviceObject::stage>("stage"), InstanceMethod<&DeviceObject::unstage>("unstage"),
       InstanceMethod<&DeviceObject::read>("read"), InstanceMethod<&DeviceObject::sync>("sync"),
       InstanceMethod<&DeviceObject::reset>("reset"), InstanceMethod<&DeviceObject::close>("close")});
}

DeviceObject::DeviceObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<DeviceObject>(info) {
  Environment::of(info.Env()).require_constructing(info.Env());
}

void DeviceObject::open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  guarded(env, [&] {
    const std::string kind = kind_argument(info, 0);
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
      environment.begin("open", callback, object, object, [&](const Done& done) {
        self->device_ = Device::open([=] { return opener(index, options); }, limit, done);
        environment.add(self->device_);
        return self->open_ = true;
      });
    });
  });
}

Device& DeviceObject::device(const char* what) const {
  if (!open_ || closed_) throw closed(what);
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
    if (!self.submit(decode(words.data, words.count, buffers), buffers)) throw closed("device.submit");
  });
}

Napi::Value DeviceObject::program(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Device& self = device("device.program");
    const auto buffers = buffers_argument(info, 1, "buffers", &self);
    const Words words = words_argument(info, 0, "words");
    auto program = std::make_shared<Program>();
    program->ops = decode(words.data, words.count, buffers);
    program->holds = buffers;
    program->inputs = regions_argument(info, 2, "inputs", buffers, program->input_bytes);
    program->outputs = regions_argument(info, 3, "outputs", buffers, program->output_bytes);
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
    if (!self.write(to, std::move(staging))) throw closed("device.write");
  });
}

void DeviceObject::stage(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Device& self = device("device.stage");
    const Bytes memory = shared_bytes_of(info[0], "memory");
    if (memory.size == 0) throw Error(ErrorCode::kArgument, "'memory'", "0 bytes", "some");
    if (self.overlaps_staged(memory.data, memory.size)) {
      throw Error(ErrorCode::kArgument, "'memory'", "memory that is staged", "memory that is not");
    }
    auto hold = Environment::of(info.Env()).hold(info[0]);
    if (!self.stage(const_cast<char*>(memory.data), memory.size, std::move(hold)))
      throw closed("device.stage");
  });
}

void DeviceObject::unstage(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    if (open_) device_->unstage(shared_bytes_of(info[0], "memory").data);
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
    Environment& environment = Environment::of(env);
    auto host = environment.array_buffer(bytes);
    environment.begin("device.read", callback, info.This(), host,
                      [&](const Done& done) { return self.read(from, host.Data(), done); });
  });
}

void DeviceObject::sync(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Device& self = device("device.sync");
    Environment::of(info.Env())
        .begin("device.sync", function_argument(info, 0, "callback"), info.This(), info.Env().Undefined(),
               [&](const Done& done) { return self.sync(done); });
  });
}

void DeviceObject::reset(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] { device("device.reset").reset(); });
}

void DeviceObject::close(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    Device& self = device("device.close");
    Environment::of(info.Env())
        .begin("device.close", function_argument(info, 0, "callback"), info.This(), info.Env().Undefined(),
               [&](const Done& done) {
                 closed_ = true;
                 self.close([done] { done(std::nullopt); });
                 return true;
               });
  });
}

}  // namespace adastep
