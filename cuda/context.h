// The primary context of a GPU, which other users of CUDA in this process share.
#pragma once
#include "cuda/driver.h"

namespace adastep::cuda {

class Context {
 public:
  explicit Context(int index);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // Makes the context current on the calling thread: before any other driver call there.
  void enter() const { check(driver().cuCtxSetCurrent(context_), "cuCtxSetCurrent"); }
  // The same for destructors, which can do nothing about a failure.
  void enter_to_release() const { driver().cuCtxSetCurrent(context_); }
  int attribute(int which) const;

 private:
  CUdevice device_ = 0;
  CUcontext context_ = nullptr;
};

}  // namespace adastep::cuda
