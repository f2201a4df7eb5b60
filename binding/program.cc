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
    Sources sources = sources_of(info[0], *program);
    Environment& environment = Environment::of(env);
    auto outputs = environment.array_buffer(program->output_bytes);
    environment.begin("program.run", callback, info.This(), outputs, [&](const Done& done) {
      return device_->run(program, std::move(sources), outputs.Data(), done);
    });
  });
}

// Staged memory is read where it lies; of other arrays there are copies when this returns.
Sources ProgramObject::sources_of(const Napi::Value& value, const Program& program) {
  const size_t count = program.inputs.size();
  if (!value.IsArray() || value.As<Napi::Array>().Length() != count) {
    const std::string got =
        value.IsArray() ? std::to_string(value.As<Napi::Array>().Length()) + " arrays" : describe(value);
    throw Error(ErrorCode::kArgument, "'inputs'", got,
                "an array of " + std::to_string(count) + " typed arrays");
  }
  // All are fetched before any is looked at: a getter on the array may run code that changes or detaches
  // another.
  std::vector<Napi::Value> values;
  for (uint32_t i = 0; i < count; i++) values.push_back(value.As<Napi::Array>().Get(i));
  Sources sources;
  int64_t to_copy = 0;
  for (size_t i = 0; i < count; i++) {
    const Bytes bytes = bytes_of(values[i], "inputs");
    if (bytes.size != program.inputs[i].bytes) {
      throw Error(ErrorCode::kArgument, "input " + std::to_string(i), std::to_string(bytes.size) + " bytes",
                  std::to_string(program.inputs[i].bytes) + " bytes");
    }
    sources.inputs.push_back(bytes.data);
    if (!device_->stages(bytes.data, bytes.size)) to_copy += bytes.size;
  }
  sources.copies = device_->allocate_staging(to_copy);
  int64_t at = 0;
  for (size_t i = 0; i < count; i++) {
    const int64_t bytes = program.inputs[i].bytes;
    if (bytes == 0 || device_->stages(sources.inputs[i], bytes)) continue;
    char* const copy = static_cast<char*>(sources.copies->data()) + at;
    std::memcpy(copy, sources.inputs[i], static_cast<size_t>(bytes));
    sources.inputs[i] = copy;
    at += bytes;
  }
  return sources;
}

}  // namespace adastep
