// What one JavaScript environment (the main thread or a worker) owns: the way back from stream threads, the
// open devices, and the function that makes error objects. Everything ends in the environment's cleanup hook,
// in the middle of work too.
#pragma once
#include <napi.h>

#include <memory>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/device.h"

namespace adastep {

// What a call on a closed device throws.
inline Error closed(const char* what) {
  return Error(ErrorCode::kDisposed, what, "a closed device", "a device that is open");
}

class Environment {
 public:
  explicit Environment(Napi::Env env);
  ~Environment();
  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  // Calls start(done), which begins work on a stream and says whether it could. `callback(error | undefined,
  // value)` is called on the JavaScript thread after `done` was called on any thread, or with the error if
  // the work did not begin. A `done` that is dropped uncalled (a cancelled stream) calls nothing. `owner`,
  // the object that was called, stays alive until then: its end would cancel the work.
  template <class Start>
  void begin(const char* what, const Napi::Function& callback, const Napi::Value& owner,
             const Napi::Value& value, const Start& start) {
    const Done done = completion(callback, owner, value);
    try {
      if (!start(done)) done(closed(what));
    } catch (const Error& error) {
      done(error);
    } catch (const std::bad_alloc&) {
      done(host_memory_exhausted());
    }
  }

  // Keeps a value from the garbage collector until the result ends, on whatever thread: at the latest with
  // the streams, which end before the environment does.
  std::shared_ptr<void> hold(const Napi::Value& value);

  // An ArrayBuffer for results. Unlike napi_create_arraybuffer it throws where there is no memory, instead of
  // ending the process.
  Napi::ArrayBuffer array_buffer(int64_t bytes);

  // The cleanup hook cancels the work of every device that is still alive then.
  void add(const std::shared_ptr<Device>& device);

  // A JavaScript error for a native one; made by the function given to `initialize` (lib/errors.ts).
  void set_error_factory(const Napi::Function& factory) { error_factory_ = Napi::Persistent(factory); }
  Napi::Error to_js(Napi::Env env, const Error& error);

  // Classes are constructed by native code only: `new buffer.constructor()` throws.
  template <class T>
  Napi::Object construct(Napi::FunctionReference& constructor, T&& setup) {
    constructing_ = true;
    Napi::Object object = constructor.New({});
    constructing_ = false;
    setup(object);
    return object;
  }
  void require_constructing(Napi::Env env) const {
    if (!constructing_)
      throw Napi::TypeError::New(env, "adastep: this class is constructed by the device only");
  }

  Napi::FunctionReference device_class, buffer_class, program_class, array_buffer_class;

 private:
  struct Completion;
  struct Delivery;
  Done completion(const Napi::Function& callback, const Napi::Value& owner, const Napi::Value& value);
  static void deliver(napi_env env, napi_value, void* context, void* data);
  static void cleanup(void* self);
  napi_value error_value(napi_env env, const Error& error);

  napi_env env_;
  napi_threadsafe_function way_back_ = nullptr;
  std::unordered_set<std::shared_ptr<Completion>> pending_;  // not delivered yet: they keep the process alive
  std::unordered_set<std::shared_ptr<Completion>> held_;
  bool ended_ = false, constructing_ = false;
  Napi::FunctionReference error_factory_;
  std::vector<std::weak_ptr<Device>> devices_;
};

// Runs `body`, turning native errors into JavaScript exceptions: the frame of every function that JavaScript
// calls.
template <class F>
auto guarded(Napi::Env env, F&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const Error& error) {
    throw Environment::of(env).to_js(env, error);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw Environment::of(env).to_js(env, host_memory_exhausted());
  } catch (const std::exception& error) {
    throw Environment::of(env).to_js(env, Error(ErrorCode::kDevice, error.what()));
  }
}

}  // namespace adastep
