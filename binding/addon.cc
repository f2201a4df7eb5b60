// What the addon exports. lib/native/native.ts has the types.
#include <napi.h>

#include "binding/arguments.h"
#include "binding/buffer.h"
#include "binding/device.h"
#include "binding/environment.h"
#include "binding/program.h"
#include "core/schema.h"

namespace adastep {

namespace {

// initialize(factory(code, message, subject?, got?, accepted?) -> Error)
void initialize(const Napi::CallbackInfo& info) {
  guarded(info.Env(),
          [&] { Environment::of(info.Env()).set_error_factory(function_argument(info, 0, "factory")); });
}

// devices(kind): those of one kind; asking for "cuda" opens the driver
Napi::Value devices(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    const std::string kind = kind_argument(info, 0);
    Napi::Array list = Napi::Array::New(env);
    for (const DeviceInfo& device : kind == "cpu" ? cpu::devices() : cuda::devices()) {
      list.Set(list.Length(), info_object(env, device));
    }
    return list;
  });
}

Napi::Value live_bytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(process_live_bytes()));
}

Napi::Array strings(Napi::Env env, const std::vector<std::string>& values) {
  Napi::Array array = Napi::Array::New(env);
  for (const std::string& value : values) array.Set(array.Length(), value);
  return array;
}

Napi::Value schema(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array ops = Napi::Array::New(env);
  for (const OpSchema& op : op_schemas()) {
    Napi::Array fields = Napi::Array::New(env);
    for (const FieldSchema& field : op.fields) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("name", field.name);
      entry.Set("kind", field.kind);
      entry.Set("optional", field.optional);
      entry.Set("values", strings(env, field.values));
      fields.Set(fields.Length(), entry);
    }
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", op.name);
    entry.Set("fields", fields);
    ops.Set(ops.Length(), entry);
  }
  Napi::Array rules = Napi::Array::New(env);
  for (const RuleSchema& rule : rule_schemas()) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", rule.name);
    entry.Set("states", rule.states);
    entry.Set("hyper", rule.hyper);
    entry.Set("running", rule.running);
    entry.Set("step", rule.step);
    entry.Set("direction", rule.direction);
    entry.Set("squares", rule.squares);
    entry.Set("positive", rule.positive);
    entry.Set("second", rule.second);
    entry.Set("measures", rule.measures);
    rules.Set(rules.Length(), entry);
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("ops", ops);
  object.Set("rules", rules);
  Napi::Object sizes = Napi::Object::New(env);
  for (const auto& [name, size] : step_sizes()) sizes.Set(name, static_cast<double>(size));
  object.Set("step", sizes);
  return object;
}

Napi::Object start(Napi::Env env, Napi::Object exports) {
  auto* environment = new Environment(env);
  env.SetInstanceData(environment);
  environment->device_class = Napi::Persistent(DeviceObject::define(env));
  environment->buffer_class = Napi::Persistent(BufferObject::define(env));
  environment->array_buffer_class = Napi::Persistent(env.Global().Get("ArrayBuffer").As<Napi::Function>());
  environment->program_class = Napi::Persistent(ProgramObject::define(env));
  exports.Set("initialize", Napi::Function::New(env, initialize, "initialize"));
  exports.Set("devices", Napi::Function::New(env, devices, "devices"));
  exports.Set("open", Napi::Function::New(env, DeviceObject::open, "open"));
  exports.Set("schema", Napi::Function::New(env, schema, "schema"));
  exports.Set("liveBytes", Napi::Function::New(env, live_bytes, "liveBytes"));
  return exports;
}

}  // namespace

}  // namespace adastep

static Napi::Object init(Napi::Env env, Napi::Object exports) { return adastep::start(env, exports); }
NODE_API_MODULE(adastep, init)
