#include "binding/program.h"

#include <cstring>

#include "binding/arguments.h"
#include "binding/environment.h"

namespace adastep {

Napi::Function ProgramObject::define(Napi::Env env) {
  return DefineClass(
      env, "Program",
      {InstanceMethod<&ProgramObject::run>("run"), InstanceMethod<&ProgramObject::dispose>("dispose")});
}

Napi::Object ProgramObject::create(Napi::Env env, std::shared_ptr<Device> device,
                                   std::shared_ptr<Program> program) {
  Environment& environment = Environment::of(env);
  return environment.construct(environment.program_class, [&](Napi::Object object) {
    ProgramObject* self = Unwrap(object);
    self->device_ = std::move(device);
    self->program_ = std::move(program);
  });
}

ProgramObject::ProgramObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ProgramObject>(info) {
  Environment::of(info.Env()).require_constructing(info.Env());
}

ProgramObject::~ProgramObject() { retire(); }

void ProgramObject::dispose(const Napi::CallbackInfo&) { retire(); }

void ProgramObject::retire() {
  if (program_) device_->retire(std::move(program_));
  program_.reset();
}

void ProgramObject::run(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  guarded(env, [&] {
    if (!program_)
      throw Error(ErrorCode::kDisposed, "program.run", "a disposed program", "a program that is alive");
    const Napi::Function callback = function_argument(info, 1, "callback");
    if (!info[0].IsArray())
      throw Error(ErrorCode::kArgument, "'inputs'", describe(info[0]), "an array of typed arrays");
    const auto arrays = info[0].As<Napi::Array>();
    if (arrays.Length() != program_->inputs.size()) {
      throw Error(ErrorCode::kArgument, "'inputs'", std::to_string(arrays.Length()) + " arrays",
                  std::to_string(program_->inputs.size()) + " arrays");
    }
    // All are fetched before any is copied: a getter on the array could run code that disposes or detaches.
    std::vector<Napi::Value> values;
    for (uint32_t i = 0; i < arrays.Length(); i++) values.push_back(arrays.Get(i));
    if (!program_)
      throw Error(ErrorCode::kDisposed, "program.run", "a disposed program", "a program that is alive");
    const auto staging = device_->allocate_staging(program_->input_bytes);
    int64_t at = 0;
    for (size_t i = 0; i < values.size(); i++) {
      const Bytes bytes = bytes_of(values[i], "inputs");
      if (bytes.size != program_->inputs[i].bytes) {
        throw Error(ErrorCode::kArgument, "input " + std::to_string(i), std::to_string(bytes.size) + " bytes",
                    std::to_string(program_->inputs[i].bytes) + " bytes");
      }
      if (bytes.size > 0)
        std::memcpy(static_cast<char*>(staging->data()) + at, bytes.data, static_cast<size_t>(bytes.size));
      at += bytes.size;
    }
    auto outputs = Napi::ArrayBuffer::New(env, static_cast<size_t>(program_->output_bytes));
    Done done = Environment::of(env).completion(callback, info.This(), outputs);
    if (!device_->run(program_, staging, outputs.Data(), done)) {
      done(Error(ErrorCode::kDisposed, "program.run", "a closed device", "a device that is open"));
    }
  });
}

}  // namespace adastep
