// What a launch did, counted: none of it depends on the machine that emulates.
#pragma once

#include <string>
#include <vector>

#include "ptx/integers.h"

namespace emulator {

struct Launch;
struct Program;

struct Counters {
  std::vector<u64> executed;  // per instruction of the program: warps that executed it
  std::vector<u64> lanes;     // and threads
  u64 globalLoadSectors = 0, globalLoadIdeal = 0, globalStoreSectors = 0,
      globalStoreIdeal = 0;              // of 32 bytes
  u64 bytesLoaded = 0, bytesStored = 0;  // global, requested
  u64 sharedWavefronts = 0, sharedIdeal = 0;
  u64 divergentBranches = 0;

  void reset(size_t instructions);
  void add(const Counters& other);
  std::string json(const Launch& launch, bool lines) const;  // one line; `lines`: instructions per line too

 private:
  std::string linesJson(const Program& program) const;
};

}  // namespace emulator
