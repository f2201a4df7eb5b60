// Which instructions the tests have executed, so that none is in the table without a test.
#pragma once

#include <string>
#include <vector>

namespace emulator::tests {

void noteInstructions(const char* image);  // of PTX text that a test is about to execute
// Of the table. Rounding, .ftz and .sat come in every combination: one of them is enough.
std::vector<std::string> untestedInstructions();

}  // namespace emulator::tests
