// Host memory of someone else's, page-locked: a GPU reads it without a copy in between.
#pragma once
#include <cstddef>
#include <memory>

#include "core/backend.h"
#include "cuda/context.h"

namespace adastep::cuda {

// The driver takes a range once per process: several devices that lock the same one share its registration.
class PageLock final : public HostLock {
 public:
  // Locks the pages that lie wholly in the range: those at its ends may belong to others, too. Null if there
  // are none, or the system refuses: copies then go through memory of the driver's, which is slower and as
  // right.
  static std::unique_ptr<PageLock> of(const std::shared_ptr<Context>& context, void* data, size_t bytes);

  explicit PageLock(void* pages) : pages_(pages) {}
  ~PageLock() override;
  PageLock(const PageLock&) = delete;
  PageLock& operator=(const PageLock&) = delete;

 private:
  void* const pages_;
};

}  // namespace adastep::cuda
