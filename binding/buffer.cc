#include "binding/buffer.h"

#include "binding/arguments.h"
#include "binding/environment.h"

namespace adastep {

namespace {

constexpr napi_type_tag kBufferTag = {0x8a1f2b7c64d04e1bULL, 0x9d3e5a60c1b7f248ULL};

}  // namespace

Napi::Function BufferObject::define(Napi::Env env) {
  return DefineClass(
      env, "Buffer",
      {InstanceMethod<&BufferObject::dispose>("dispose"), InstanceMethod<&BufferObject::bytes>("bytes")});
}

Napi::Object BufferObject::create(Napi::Env env, std::shared_ptr<Device> device,
                                  std::shared_ptr<Storage> storage) {
  Environment& environment = Environment::of(env);
  return environment.construct(environment.buffer_class, [&](Napi::Object object) {
    BufferObject* self = Unwrap(object);
    object.TypeTag(&kBufferTag);
    self->device_ = std::move(device);
    self->storage_ = std::move(storage);
    Napi::MemoryManagement::AdjustExternalMemory(env, self->storage_->bytes());
  });
}

BufferObject* BufferObject::from(const Napi::Value& value) {
  if (!value.IsObject()) return nullptr;
  const auto object = value.As<Napi::Object>();
  return object.CheckTypeTag(&kBufferTag) ? Unwrap(object) : nullptr;
}

BufferObject::BufferObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<BufferObject>(info) {
  Environment::of(info.Env()).require_constructing(info.Env());
}

void BufferObject::Finalize(Napi::BasicEnv env) {
  if (storage_) Napi::MemoryManagement::AdjustExternalMemory(env, -storage_->bytes());
}

void BufferObject::dispose(const Napi::CallbackInfo& info) {
  if (!storage_) return;
  Napi::MemoryManagement::AdjustExternalMemory(info.Env(), -storage_->bytes());
  storage_.reset();
}

Napi::Value BufferObject::bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), storage_ ? static_cast<double>(storage_->bytes()) : 0);
}

}  // namespace adastep
