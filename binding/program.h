// `Program`: a recorded step that runs by one call.
#pragma once
#include <napi.h>

#include <memory>

#include "core/device.h"

namespace adastep {

class ProgramObject : public Napi::ObjectWrap<ProgramObject> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object create(Napi::Env env, std::shared_ptr<Device> device, std::shared_ptr<Program> program);

  explicit ProgramObject(const Napi::CallbackInfo& info);
  ~ProgramObject() override;

 private:
  // run(inputs: TypedArray[], callback(error, outputs: ArrayBuffer))
  void run(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);
  void retire();
  Sources sources_of(const Napi::Value& inputs, const Program& program);

  std::shared_ptr<Device> device_;
  std::shared_ptr<Program> program_;  // null once disposed
};

}  // namespace adastep
