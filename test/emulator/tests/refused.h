// PTX that must not load, and what the message has to say.
#pragma once

#include "tests/harness.h"

namespace emulator::tests {

std::string messageOf(const void* image);  // or "it loaded"
void refused(const std::string& ptx, const std::vector<std::string>& words);

// The body of a kernel that wrap makes. The message must name the kernel and the line too, which is its
// first.
void bodyRefused(const std::string& body, const std::vector<std::string>& words);

}  // namespace emulator::tests
