#include "cuda/page_lock.h"

#include <unistd.h>

#include <cstdint>
#include <map>
#include <mutex>

namespace adastep::cuda {

namespace {

struct Registration {
  std::shared_ptr<Context> context;  // that made it, and has to outlive it
  size_t holders = 0;
};

// Never destroyed: a device may end after static objects do.
struct Registrations {
  std::mutex mutex;
  std::map<void*, Registration> of_pages;
};

Registrations& registrations() {
  static auto* const all = new Registrations;
  return *all;
}

}  // namespace

std::unique_ptr<PageLock> PageLock::of(const std::shared_ptr<Context>& context, void* data, size_t bytes) {
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<uintptr_t>(data) + page - 1) / page * page,
             end = (reinterpret_cast<uintptr_t>(data) + bytes) / page * page;
  if (begin >= end) return nullptr;
  auto* const pages = reinterpret_cast<void*>(begin);
  auto& [mutex, of_pages] = registrations();
  std::lock_guard<std::mutex> hold(mutex);
  auto found = of_pages.find(pages);
  if (found == of_pages.end()) {
    context->enter();
    if (driver().cuMemHostRegister(pages, end - begin, kHostRegisterPortable) != kSuccess) return nullptr;
    found = of_pages.emplace(pages, Registration{context, 0}).first;
  }
  found->second.holders++;
  return std::make_unique<PageLock>(pages);
}

PageLock::~PageLock() {
  auto& [mutex, of_pages] = registrations();
  std::lock_guard<std::mutex> hold(mutex);
  const auto found = of_pages.find(pages_);
  if (--found->second.holders > 0) return;
  found->second.context->enter_to_release();
  driver().cuMemHostUnregister(pages_);
  of_pages.erase(found);
}

}  // namespace adastep::cuda
