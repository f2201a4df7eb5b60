#include "driver/unknown.h"

#include <cstdio>

namespace emulator {

CUresult unknown(const char* call, const char* argument, long long value) {
  std::fprintf(stderr, "adastep emulator: %s does not know the %s %lld (test/emulator/driver)\n", call,
               argument, value);
  return kInvalidValue;
}

}  // namespace emulator
