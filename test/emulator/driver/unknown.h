// What a call is asked for that the emulated driver does not know: it says so, instead of an error code
// alone.
#pragma once

#include "driver/results.h"

namespace emulator {

// Prints a message and gives kInvalidValue.
CUresult unknown(const char* call, const char* argument, long long value);

}  // namespace emulator
