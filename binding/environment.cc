#include "binding/environment.h"

#include <algorithm>
#include <string>

namespace adastep {

namespace {

const char* name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kArgument:
      return "ADASTEP_ARGUMENT";
    case ErrorCode::kDisposed:
      return "ADASTEP_DISPOSED";
    case ErrorCode::kOutOfMemory:
      return "ADASTEP_OUT_OF_MEMORY";
    case ErrorCode::kDevice:
      return "ADASTEP_DEVICE";
    case ErrorCode::kUnavailable:
      return "ADASTEP_UNAVAILABLE";
  }
  return "ADASTEP_DEVICE";
}

napi_value string_value(napi_env env, const std::string& text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}

}  // namespace

// What waits for the device; without a callback, what is only held. An environment that ends does not free
// references: whoever holds them must.
struct Environment::Completion {
  napi_ref callback = nullptr, owner = nullptr, value = nullptr;

  void release(napi_env env) {
    for (napi_ref reference : {callback, owner, value}) {
      if (reference) napi_delete_reference(env, reference);
    }
  }
};

// A completion on its way back to the thread of JavaScript.
struct Environment::Delivery {
  std::shared_ptr<Completion> completion;
  std::optional<Error> error;
};

Environment::Environment(Napi::Env env) : env_(env) {
  const napi_status status =
      napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "adastep"), 0, 1, nullptr,
                                      nullptr, this, &Environment::deliver, &way_back_);
  if (status != napi_ok) throw Napi::Error::New(env);
  napi_unref_threadsafe_function(env, way_back_);
  // After the thread-safe function, so that this hook runs before that one's own (hooks run last in, first
  // out).
  napi_add_env_cleanup_hook(env, &Environment::cleanup, this);
}

Environment::~Environment() {
  if (!ended_) {
    napi_remove_env_cleanup_hook(env_, &Environment::cleanup, this);
    cleanup(this);
  }
}

void Environment::cleanup(void* data) {
  auto* self = static_cast<Environment*>(data);
  self->ended_ = true;
  for (const auto& weak : self->devices_) {
    if (const auto device = weak.lock()) device->cancel();
  }
  self->devices_.clear();
  for (auto* waiting : {&self->pending_, &self->held_}) {
    for (const auto& completion : *waiting) completion->release(self->env_);
    waiting->clear();
  }
  napi_release_threadsafe_function(self->way_back_, napi_tsfn_abort);
}

void Environment::add(const std::shared_ptr<Device>& device) {
  const auto expired = [](const std::weak_ptr<Device>& weak) { return weak.expired(); };
  devices_.erase(std::remove_if(devices_.begin(), devices_.end(), expired), devices_.end());
  devices_.push_back(device);
}

Done Environment::completion(const Napi::Function& callback, const Napi::Value& owner,
                             const Napi::Value& value) {
  auto completion = std::make_shared<Completion>();
  napi_create_reference(env_, callback, 1, &completion->callback);
  napi_create_reference(env_, owner, 1, &completion->owner);
  if (value.IsObject()) napi_create_reference(env_, value, 1, &completion->value);
  if (pending_.empty()) napi_ref_threadsafe_function(env_, way_back_);
  pending_.insert(completion);
  return [completion, way_back = way_back_](const std::optional<Error>& error) {
    auto* delivery = new Delivery{completion, error};
    // Fails only while the environment ends: nobody is left to hear of it.
    if (napi_call_threadsafe_function(way_back, delivery, napi_tsfn_nonblocking) != napi_ok) delete delivery;
  };
}

std::shared_ptr<void> Environment::hold(const Napi::Value& value) {
  auto completion = std::make_shared<Completion>();
  napi_create_reference(env_, value, 1, &completion->value);
  held_.insert(completion);
  return {nullptr, [completion, way_back = way_back_](std::nullptr_t) {
            auto* delivery = new Delivery{completion, std::nullopt};
            if (napi_call_threadsafe_function(way_back, delivery, napi_tsfn_nonblocking) != napi_ok)
              delete delivery;
          }};
}

Napi::ArrayBuffer Environment::array_buffer(int64_t bytes) {
  try {
    return array_buffer_class.New({Napi::Number::New(env_, static_cast<double>(bytes))})
        .As<Napi::ArrayBuffer>();
  } catch (const Napi::Error&) {
    throw Error(ErrorCode::kOutOfMemory,
                "host memory: no ArrayBuffer of " + std::to_string(bytes) + " bytes could be made");
  }
}

// Raw calls whose status is ignored: in a worker that is being terminated every call into JavaScript fails,
// and the C++ wrapper would turn that into an exception that nobody can catch.
void Environment::deliver(napi_env env, napi_value, void* context, void* data) {
  const std::unique_ptr<Delivery> delivery(static_cast<Delivery*>(data));
  if (env == nullptr) return;
  const auto& [completion, error] = *delivery;
  auto* self = static_cast<Environment*>(context);
  napi_handle_scope scope;
  if (!completion->callback) {
    self->held_.erase(completion);
    completion->release(env);
    return;
  }
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  self->pending_.erase(completion);
  if (self->pending_.empty()) napi_unref_threadsafe_function(env, self->way_back_);
  napi_value callback = nullptr, receiver = nullptr, arguments[2];
  napi_get_undefined(env, &receiver);
  arguments[0] = arguments[1] = receiver;
  napi_get_reference_value(env, completion->callback, &callback);
  if (error) {
    arguments[0] = self->error_value(env, *error);
  } else if (completion->value) {
    napi_get_reference_value(env, completion->value, &arguments[1]);
  }
  completion->release(env);
  if (callback && arguments[0] && arguments[1]) {
    napi_value result;
    if (napi_call_function(env, receiver, callback, 2, arguments, &result) == napi_pending_exception) {
      napi_value
          thrown;  // the callbacks of lib/native do not throw; what still comes is a fault of the program
      if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) napi_fatal_exception(env, thrown);
    }
  }
  napi_close_handle_scope(env, scope);
}

napi_value Environment::error_value(napi_env env, const Error& error) {
  napi_value undefined = nullptr, factory = nullptr, made = nullptr;
  napi_get_undefined(env, &undefined);
  const bool misuse = !error.accepted().empty();
  napi_value arguments[5] = {string_value(env, name_of(error.code())), string_value(env, error.what()),
                             misuse ? string_value(env, error.subject()) : undefined,
                             misuse ? string_value(env, error.got()) : undefined,
                             misuse ? string_value(env, error.accepted()) : undefined};
  if (!error_factory_.IsEmpty()) {
    factory = error_factory_.Value();
    if (napi_call_function(env, undefined, factory, 5, arguments, &made) == napi_ok) return made;
  }
  if (napi_create_error(env, arguments[0], arguments[1], &made) != napi_ok) return nullptr;
  return made;
}

Napi::Error Environment::to_js(Napi::Env env, const Error& error) {
  const napi_value value = error_value(env, error);
  if (value == nullptr) return Napi::Error::New(env, error.what());
  return Napi::Error(env, value);
}

}  // namespace adastep
