// What the emulator throws when it meets PTX that it does not know. Nothing is ever skipped: every message
// names the thing, the kernel it stands in, and the file of the emulator where support for it would go.
#pragma once

#include <stdexcept>
#include <string>

namespace emulator {

struct PtxError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace emulator
