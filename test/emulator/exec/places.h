// Where the variables of shared, local and parameter memory lie, for reports.
#pragma once

#include <string>
#include <vector>

#include "ptx/integers.h"

namespace emulator {

class Places {
 public:
  explicit Places(const char* kind) : kind_(kind) {}
  void add(const std::string& name, u64 first, u64 size) { all_.push_back({name, first, size}); }
  // Whose size only a launch tells.
  void addDynamic(const std::string& name, u64 first) { all_.push_back({name, first, kDynamic}); }
  // As Arena::describe.
  std::string describe(u64 address, u64 dynamicBytes = 0) const;

 private:
  static constexpr u64 kDynamic = ~u64{0};
  struct Place {
    std::string name;
    u64 first, size;
  };
  const char* kind_;
  std::vector<Place> all_;
};

}  // namespace emulator
