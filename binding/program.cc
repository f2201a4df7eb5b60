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
    const std::shared_ptr<Program> program = program_;  // a getter on `inputs` may dispose this object
    if (!program)
      throw Error(ErrorCode::kDisposed, "program.run", "a disposed program", "a program that is alive");
    const Napi::Function callback = function_argument(info, 1, "callback");
    const auto staging = stage_inputs(info[0], *program);
    Environment& environment = Environment::of(env);
    auto outputs = environment.array_buffer(program->output_bytes);
    environment.begin("program.run", callback, info.This(), outputs,
                      [&](const Done& done) { return device_->run(program, staging, outputs.Data(), done); });
  });
}

// The bytes of all inputs, one after the other.
std::shared_ptr<Storage> ProgramObject::stage_inputs(const Napi::Value& value, const Program& program) {
  const size_t count = program.inputs.size();
  if (!value.IsArray() || value.As<Napi::Array>().Length() != count) {
    const std::string got =
        value.IsArray() ? std::to_string(value.As<Napi::Array>().Length()) + " arrays" : describe(value);
    throw Error(ErrorCode::kArgument, "'inputs'", got,
                "an array of " + std::to_string(count) + " typed arrays");
  }
  // All are fetched before any is copied: a getter on the array may run code that changes or detaches
  // another.
  std::vector<Napi::Value> values;
  for (uint32_t i = 0; i < count; i++) values.push_back(value.As<Napi::Array>().Get(i));
  auto staging = device_->allocate_staging(program.input_bytes);
  int64_t at = 0;
  for (size_t i = 0; i < count; i++) {
    const Bytes bytes = bytes_of(values[i], "inputs");
    if (bytes.size != program.inputs[i].bytes) {
      throw Error(ErrorCode::kArgument, "input " + std::to_string(i), std::to_string(bytes.size) + " bytes",
                  std::to_string(program.inputs[i].bytes) + " bytes");
    }
    if (bytes.size > 0)
      std::memcpy(static_cast<char*>(staging->data()) + at, bytes.data, static_cast<size_t>(bytes.size));
    at += bytes.size;
  }
  return staging;
}

}  // namespace adastep
