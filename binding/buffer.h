// `Buffer`: a block of device memory as JavaScript holds it.
#pragma once
#include <napi.h>

#include <memory>

#include "core/device.h"

namespace adastep {

class BufferObject : public Napi::ObjectWrap<BufferObject> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object create(Napi::Env env, std::shared_ptr<Device> device, std::shared_ptr<Storage> storage);
  // Null if the value is not a Buffer of this addon.
  static BufferObject* from(const Napi::Value& value);

  explicit BufferObject(const Napi::CallbackInfo& info);
  void Finalize(Napi::BasicEnv env) override;

  const std::shared_ptr<Storage>& storage() const { return storage_; }
  const Device* device() const { return device_.get(); }

 private:
  void dispose(const Napi::CallbackInfo& info);
  Napi::Value bytes(const Napi::CallbackInfo& info);

  std::shared_ptr<Device> device_;    // outlives its memory
  std::shared_ptr<Storage> storage_;  // null once disposed
};

}  // namespace adastep
