// `Device`: allocation, direct commands, copies, programs. One to one with core/device.h.
#pragma once
#include <napi.h>

#include <memory>

#include "core/device.h"

namespace adastep {

class DeviceObject : public Napi::ObjectWrap<DeviceObject> {
 public:
  static Napi::Function define(Napi::Env env);
  // open(kind, index, threads, level, memoryLimit, callback(error, device))
  static void open(const Napi::CallbackInfo& info);

  explicit DeviceObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value info(const Napi::CallbackInfo& info);
  Napi::Value memory(const Napi::CallbackInfo& info);
  Napi::Value alloc(const Napi::CallbackInfo& info);    // (bytes) -> Buffer, contents undefined
  void submit(const Napi::CallbackInfo& info);          // (words, buffers)
  Napi::Value program(const Napi::CallbackInfo& info);  // (words, buffers, inputs, outputs) -> Program
  void write(const Napi::CallbackInfo& info);           // (buffer, byteOffset, typedArray)
  void stage(const Napi::CallbackInfo& info);           // (memory: shared Uint8Array): see core/device.h
  void unstage(const Napi::CallbackInfo& info);         // (memory)
  void read(const Napi::CallbackInfo& info);  // (buffer, byteOffset, bytes, callback(error, ArrayBuffer))
  void sync(const Napi::CallbackInfo& info);  // (callback(error))
  void reset(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);  // (callback())

  Device& device(const char* what) const;  // throws kDisposed if closed

  std::shared_ptr<Device> device_;
  bool open_ = false, closed_ = false;
};

Napi::Object info_object(Napi::Env env, const DeviceInfo& info);

}  // namespace adastep
